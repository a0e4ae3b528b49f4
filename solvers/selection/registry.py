"""Policies by name: the built-in ones and those that installed packages offer."""

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points

from ..catalog import unknown
from .default import DEFAULT
from .elo_ucb import EloUCB
from .epsilon_greedy import EpsilonGreedy
from .forest import ForestGreedy
from .gp_ucb import ContextualGPUCB
from .guard import Guard
from .hedge import Hedge
from .linear_thompson import LinearThompson
from .linucb import LinUCB
from .policy import Policy
from .single_best import SingleBest
from .thompson import Thompson
from .ucb1 import UCB1

ENTRY_POINTS = "mezan.policies"
DEFAULT_POLICY = "elo_ucb"
BUILT_IN: tuple[Policy, ...] = (
    Guard(EloUCB(), name=DEFAULT_POLICY),
    EloUCB(),
    SingleBest(),
    EpsilonGreedy(),
    UCB1(),
    Thompson(),
    DEFAULT,
    ContextualGPUCB(),
    LinUCB(),
    LinearThompson(),
    ForestGreedy(),
    Hedge(),
)


class Policies:
    """An immutable set of policies.

    Raises:
        ValueError: two policies have the same name.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies: dict[str, Policy] = {}
        for policy in policies:
            if policy.name in self._policies:
                msg = f"policy names must be unique; {policy.name!r} is registered twice"
                raise ValueError(msg)
            self._policies[policy.name] = policy

    @classmethod
    def default(cls) -> "Policies":
        """The built-in policies and those that installed packages offer under ``mezan.policies`` (instances)."""
        return cls([*BUILT_IN, *(point.load() for point in entry_points(group=ENTRY_POINTS))])

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._policies.values())

    def policy(self, name: str = DEFAULT_POLICY) -> Policy:
        """The policy of that name; raises UnknownName."""
        try:
            return self._policies[name]
        except KeyError:
            raise unknown("policy", name, self._policies) from None
