"""What a policy is: a pure function of standings, features, candidates and a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .standings import Standings


class Candidate(NamedTuple):
    """A solver that could be chosen; ``refused`` says why it cannot (then its propensity is 0), ``prior`` see `Solver`.

    ``tried``: it has failed on this task already, or has found nothing in its slice of time.
    """

    solver: str
    version: str
    refused: str | None = None
    prior: float | None = None
    tried: bool = False


class Scored(NamedTuple):
    """A candidate with the number that the policy gave it (None: no number, see the reason) and its propensity.

    ``expected_loss`` on this instance, with its standard error ``loss_error``, where the policy decides on losses.
    """

    candidate: Candidate
    score: float | None
    propensity: float
    expected_loss: float | None = None
    loss_error: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What a policy returns: the solver, every candidate's score and propensity (summing to 1), and why in one sentence.

    ``arm`` is the policy inside the policy that decided, where there are several. ``time_share`` of the time that is left is a slice:
    a solver that has found nothing by its end is stopped, and the policy chooses another; None gives it all the time.
    """

    solver: str
    scored: tuple[Scored, ...]
    reason: str
    arm: str | None = None
    time_share: float | None = None


class Policy(Protocol):
    """Chooses a solver. Equal arguments give an equal choice, to the bit.

    A policy whose ``choose`` may fit a model says so with a true attribute ``learns``: the engine then calls it on a thread, unless
    its method ``at_once(standings, candidates)``, where it has one, says that this choice takes a moment only.
    One that reads ``standings.strengths`` says so with a true attribute ``compares``: for others they are not prepared.
    """

    @property
    def name(self) -> str:
        """As users name it and events record it."""

    @property
    def version(self) -> str:
        """Changes whenever choices may change."""

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        """Choose among the candidates that are not refused, in catalogue order; raises NoCandidate when there is none."""


def learns(policy: Policy) -> bool:
    """Whether the policy says ``learns = True``: it may fit models while it chooses, so `choose` belongs on a thread."""
    return bool(getattr(policy, "learns", False))


def compares(policy: Policy) -> bool:
    """Whether the policy says ``compares = True``: it reads the Bradley-Terry ratings, which cost time to prepare."""
    return bool(getattr(policy, "compares", False))


def deliberates(policy: Policy, standings: Standings, candidates: Sequence[Candidate]) -> bool:
    """Whether this choice belongs on a thread: the policy `learns`, and does not say that there is nothing to fit."""
    at_once = getattr(policy, "at_once", None)
    return learns(policy) and not (at_once is not None and at_once(standings, candidates))


def uses_features(policy: Policy) -> bool:
    """Whether it chooses by features or clusters, so that their cost is its own; not one that says ``uses_features = False``."""
    return bool(getattr(policy, "uses_features", True))
