"""What came of the runs that each selection policy decided, per family.

A choice that nothing forced is its policy's, and the end of the attempt that follows is what came of it. Losses are those of outcomes
that are rated (see `examples`); others are counted alone. Of a slice of time without a result only the seconds count, since the same
task goes on. The distribution of losses is kept as counts at fixed levels. For paired comparisons the mean loss of each policy on each
of the last 512 instances is kept: the policies' own choice of instances does not matter there.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from mezan.engine.endings import ends_slice, rated
from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded

from .canonical import dumps, loads
from .outcomes import loss_of

LEVELS = (0.0, *(10.0 ** (k / 4 - 6) for k in range(25)))
"""Losses at which the distribution is known: 0, then a quarter of a decade apart from 1e-6 to 1."""
UNDER_WAY = 4_096
INSTANCES = 512
ENDED = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut"})


@dataclass(slots=True)
class Tally:
    """One policy in one family: choices by solver, outcomes, and ``levels[i]``, how many had a loss of at most LEVELS[i] but not of the one before."""

    choices: dict[str, int] = field(default_factory=dict)
    outcomes: int = 0
    unrated: int = 0
    failures: int = 0
    losses: float = 0.0
    squares: float = 0.0
    seconds: float = 0.0
    levels: list[int] = field(default_factory=lambda: [0] * len(LEVELS))

    @property
    def mean_loss(self) -> float | None:
        """Over the rated outcomes; None before the first."""
        return self.losses / self.outcomes if self.outcomes else None

    def distribution(self) -> list[float]:
        """The share of rated outcomes with a loss of at most each of LEVELS."""
        total, shares = 0, []
        for count in self.levels:
            total += count
            shares.append(total / max(1, self.outcomes))
        return shares


@dataclass(slots=True)
class PolicyOutcomesState:
    """Tallies by family and policy; ``instances``: by family and instance the outcomes and losses per policy; the policy that decided each task of a run under way."""

    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    instances: dict[str, dict[str, dict[str, list[Any]]]] = field(default_factory=dict)
    under_way: dict[str, dict[str, str]] = field(default_factory=dict)


class PolicyOutcomes:
    """See the module. Of the runs under way the last 4,096 are known."""

    name = "policy_outcomes"
    version = 2
    handles = frozenset({"SolverChosen"}) | ENDED | TERMINAL

    def initial(self) -> PolicyOutcomesState:
        """No choices."""
        return PolicyOutcomesState()

    def apply(self, state: PolicyOutcomesState, event: Recorded) -> PolicyOutcomesState:
        """A choice, an attempt's end, or a run's end."""
        if event.type in TERMINAL:
            state.under_way.pop(event.stream, None)
            return state
        data = event.data
        if event.type == "SolverChosen":
            _chosen(state, event)
            return state
        policy = state.under_way.get(event.stream, {}).get(data["task"])
        if policy is None:
            return state
        tally = state.tallies[data["family"]][policy]
        if ends_slice(event):
            tally.seconds += data["seconds"]
            return state
        if not rated(event.type, data):
            tally.unrated += 1
            return state
        loss = loss_of(event)
        tally.outcomes += 1
        tally.failures += event.type != "AttemptSucceeded"
        tally.losses += loss
        tally.squares += loss * loss
        tally.seconds += data["seconds"]
        tally.levels[min(bisect_left(LEVELS, loss), len(LEVELS) - 1)] += 1
        _remember(state.instances.setdefault(data["family"], {}), data["instance"], policy, loss)
        return state

    def dump(self, state: PolicyOutcomesState) -> bytes:
        """See :class:`Projection`; lists where the order decides what is forgotten first."""
        return dumps(
            {
                "tallies": state.tallies,
                "instances": {family: list(known.items()) for family, known in state.instances.items()},
                "under_way": list(state.under_way.items()),
            }
        )

    def load(self, content: bytes) -> PolicyOutcomesState:
        """See :class:`Projection`."""
        kept = loads(content)
        tallies = {f: {p: Tally(**tally) for p, tally in policies.items()} for f, policies in kept["tallies"].items()}
        instances = {family: dict(known) for family, known in kept["instances"].items()}
        return PolicyOutcomesState(tallies, instances, dict(kept["under_way"]))


def _chosen(state: PolicyOutcomesState, event: Recorded) -> None:
    data = event.data
    tasks = state.under_way.get(event.stream)
    if data["forced"]:
        if tasks is not None:
            tasks.pop(data["task"], None)
        return
    if tasks is None:
        tasks = state.under_way[event.stream] = {}
        if len(state.under_way) > UNDER_WAY:
            del state.under_way[next(iter(state.under_way))]
    tasks[data["task"]] = data["policy"]
    tally = state.tallies.setdefault(data["family"], {}).setdefault(data["policy"], Tally())
    tally.choices[data["solver"]] = tally.choices.get(data["solver"], 0) + 1


def _remember(known: dict[str, dict[str, list[Any]]], instance: str, policy: str, loss: float) -> None:
    policies = known.pop(instance, {})
    known[instance] = policies
    if len(known) > INSTANCES:
        del known[next(iter(known))]
    entry = policies.setdefault(policy, [0, 0.0])
    entry[0] += 1
    entry[1] += loss
