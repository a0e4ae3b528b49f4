"""A/B tests as they stand: whom they assigned, what was lost, and whether the test is sure.

The unit is a run: its first task that the test decides counts, with the loss that its user gets. A search that was handed an
earlier result counts as well, since both arms find the same results; a failure that is tried again does not, and its last try
does; nor does a slice of time without a result, but what comes of the task in the end; a final failure or a timeout has loss 1. A
run that ends without an outcome (cancelled, say) is dropped, and that is counted.

Both arms learn from one log, each from the other's outcomes too: what is compared is how well they choose, not how fast they learn alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from mezan.engine.endings import ends_slice
from mezan.engine.events import TERMINAL, ExperimentStarted, ExperimentStopped
from mezan.engine.log import Recorded
from mezan.solvers.selection.evaluation.sequential import Bets, Comparison, comparison, interval

from .canonical import dumps, loads
from .outcomes import loss_of

LARGEST_OPEN = 100_000
"""Runs that a test waits for; of more, the oldest are forgotten."""
ORDERED = ("arms", "shares")
SIDES = ("above", "below", "not_below", "not_above")
OUTCOMES = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut"})

Reason = Literal["decided", "equivalent", "maximum"]


@dataclass(slots=True)
class Arm:
    """Runs assigned to an arm, the outcomes counted of them, and the runs that ended without one."""

    assigned: int = 0
    outcomes: int = 0
    loss_sum: float = 0.0
    loss_squares: float = 0.0
    dropped: int = 0

    @property
    def mean_loss(self) -> float | None:
        """Over the outcomes; None before the first."""
        return self.loss_sum / self.outcomes if self.outcomes else None


@dataclass(slots=True)
class Experiment:
    """One test. ``open`` maps a run to its arm and the task that counts, None once it has counted."""

    started: dict[str, Any]
    position: int
    at: int
    arms: dict[str, Arm]
    test: Comparison
    open: dict[str, list[str | None]] = field(default_factory=dict)
    reached: Reason | None = None
    stopped: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """It takes no more runs: its stop rule holds, or somebody ended it."""
        return self.reached is not None or self.stopped is not None

    def end(self, reason: Literal["decided", "equivalent", "maximum", "stopped"]) -> ExperimentStopped:
        """The event that ends it now."""
        lower, upper = interval(self.test.differences, self.test.alpha)
        better = self.test.better
        return ExperimentStopped(
            experiment=self.started["experiment"],
            reason=reason,
            winner=None if better is None else list(self.arms)[better],
            outcomes={name: arm.outcomes for name, arm in self.arms.items()},
            mean_losses={name: arm.mean_loss for name, arm in self.arms.items()},
            difference=self.test.estimate,
            lower=lower,
            upper=upper,
            p_value=self.test.p_value,
        )


@dataclass(slots=True)
class State:
    """Tests by name in the order of their starts, and the tests that wait for a run."""

    tests: dict[str, Experiment] = field(default_factory=dict)
    waiting: dict[str, list[str]] = field(default_factory=dict)


class ABTests:
    """See the module."""

    name = "experiments"
    version = 2
    handles = frozenset({"ExperimentStarted", "ExperimentStopped", "SolverChosen", *OUTCOMES, *TERMINAL})

    def initial(self) -> State:
        """No tests."""
        return State()

    def apply(self, state: State, event: Recorded) -> State:
        """A start, a stop, an assignment, or what became of one."""
        if event.type == "ExperimentStarted":
            _start(state, event)
        elif event.type == "ExperimentStopped":
            if (test := state.tests.get(event.data["experiment"])) is not None and test.stopped is None:
                test.stopped = {**event.data, "at": event.recorded_at}
        elif event.type == "SolverChosen":
            if event.data["experiment"] is not None:
                _assign(state, event)
        elif (names := state.waiting.get(event.stream)) is not None:
            for name in names:
                _ended(state.tests[name], event)
            if event.type in TERMINAL:
                del state.waiting[event.stream]
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`; lists where the order counts."""
        return dumps([_packed(test) for test in state.tests.values()])

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        state = State()
        for kept in loads(content):
            test = _unpacked(kept)
            name = test.started["experiment"]
            state.tests[name] = test
            for run in test.open:
                _wait(state, run, name)
        return state


def running(states: Mapping[str, Any]) -> Sequence[ExperimentStarted]:
    """The tests that take runs, the oldest first."""
    state: State = states[ABTests.name]
    return [ExperimentStarted(**test.started) for test in state.tests.values() if not test.over]


def due(states: Mapping[str, Any]) -> Sequence[Callable[[], ExperimentStopped]]:
    """What makes the end of each test whose stop rule holds and whose end is not recorded; it may be called on a thread."""
    state: State = states[ABTests.name]
    return [
        partial(test.end, test.reached)
        for test in state.tests.values()
        if test.reached is not None and test.stopped is None
    ]


def _start(state: State, event: Recorded) -> None:
    data = event.data
    if data["experiment"] in state.tests:
        return
    test = comparison(data["alpha"], data["least_difference"], list(data["shares"].values()))
    arms = {name: Arm() for name in data["arms"]}
    state.tests[data["experiment"]] = Experiment(data, event.position, event.recorded_at, arms, test)


def _assign(state: State, event: Recorded) -> None:
    data = event.data
    test = state.tests.get(data["experiment"])
    if test is None or data["arm"] not in test.arms or event.stream in test.open:
        return
    test.open[event.stream] = [data["arm"], data["task"]]
    test.arms[data["arm"]].assigned += 1
    _wait(state, event.stream, data["experiment"])
    if len(test.open) > LARGEST_OPEN:
        oldest = next(iter(test.open))
        _drop(test, oldest)
        state.waiting[oldest].remove(data["experiment"])
        if not state.waiting[oldest]:
            del state.waiting[oldest]


def _wait(state: State, run: str, name: str) -> None:
    state.waiting[run] = sorted([*state.waiting.get(run, ()), name])


def _ended(test: Experiment, event: Recorded) -> None:
    if event.type in TERMINAL:
        _drop(test, event.stream)
        return
    data = event.data
    name, task = test.open[event.stream]
    if task is None or name is None or data["task"] != task:
        return
    if event.type == "AttemptFailed" and data["transient"] and data["retry_in"] is not None:
        return
    if ends_slice(event):
        return
    loss = loss_of(event)
    test.open[event.stream] = [name, None]
    arm = test.arms[name]
    arm.outcomes += 1
    arm.loss_sum += loss
    arm.loss_squares += loss * loss
    if test.over:
        return
    test.test.add(list(test.arms).index(name), loss)
    if (verdict := test.test.verdict) is not None:
        test.reached = verdict
    elif sum(one.outcomes for one in test.arms.values()) >= test.started["maximum"]:
        test.reached = "maximum"


def _drop(test: Experiment, run: str) -> None:
    name, task = test.open.pop(run)
    if task is not None and name is not None:
        test.arms[name].dropped += 1


def _packed(test: Experiment) -> dict[str, Any]:
    """Pairs for the mappings whose order counts: canonical JSON sorts keys."""
    started = {**test.started, **{name: list(test.started[name].items()) for name in ORDERED}}
    return {
        "started": started,
        "position": test.position,
        "at": test.at,
        "arms": list(test.arms.items()),
        "test": test.test,
        "open": list(test.open.items()),
        "reached": test.reached,
        "stopped": test.stopped,
    }


def _unpacked(kept: dict[str, Any]) -> Experiment:
    started = {**kept["started"], **{name: dict(kept["started"][name]) for name in ORDERED}}
    test = kept["test"]
    bets = {side: None if test[side] is None else Bets(**test[side]) for side in SIDES}
    (first, second), (left, right) = test["sizes"], test["waiting"]
    comparison = Comparison(**{**test, **bets, "sizes": (first, second), "waiting": (left, right)})
    arms = {name: Arm(**arm) for name, arm in kept["arms"]}
    rest = {**kept, "started": started, "arms": arms, "test": comparison, "open": dict(kept["open"])}
    return Experiment(**rest)
