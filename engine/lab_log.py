"""The user's decisions in a log, each with its outcome, and every outcome that could stand in for another choice."""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from anyio.lowlevel import checkpoint

from mezan.solvers.selection.policy import Candidate

from .endings import ends_slice, rated
from .events import TERMINAL
from .log import EventLog, Recorded

MOST = 50_000
"""Decisions that are looked at; of more, the latest."""
PAGE = 2_000
CHUNK = 128
"""Events between two looks at the event loop."""
ENDS = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut"})
READ = frozenset({"RunRequested", "ProblemProfiled", "SolverChosen", "OutcomeImported", *ENDS, *TERMINAL})

Place = tuple[str, str, float, int | None, float | None, float | None]
"""Family, instance, and the budget: outcomes there compare."""


@dataclass(slots=True)
class Decision:
    """One choice of a solver for a user, what the policy saw, and the loss; None without an outcome of the solver's own.

    A choice of a slice of time and those that follow it are one decision: the first solver, and what came of the task in the end.
    ``counted`` says that the loss is among the log's outcomes.
    """

    position: int
    as_of: int
    key: int
    policy: str
    solver: str
    place: Place
    features: Mapping[str, float]
    candidates: tuple[Candidate, ...]
    propensities: Mapping[str, float]
    loss: float | None = None
    counted: bool = False

    @property
    def family(self) -> str:
        """The problem's family."""
        return self.place[0]


@dataclass(slots=True)
class DecisionLog:
    """``outcomes``: place, then solver, to the sum and the number of its losses; ``left_out`` decisions were beyond the limit."""

    decisions: deque[Decision] = field(default_factory=deque)
    outcomes: dict[Place, dict[str, tuple[float, int]]] = field(default_factory=dict)
    left_out: int = 0

    def known(self, decision: Decision, solver: str) -> float | None:
        """The mean loss of a solver where a decision was made, in other runs than its own; None where the log has none."""
        total, count = self.outcomes.get(decision.place, {}).get(solver, (0.0, 0))
        if decision.counted and decision.loss is not None and solver == decision.solver:
            total, count = total - decision.loss, count - 1
        return min(1.0, max(0.0, total / count)) if count else None


@dataclass(slots=True)
class _Going:
    """What is kept of a run until it ends."""

    wanted: bool
    budget: tuple[float, int | None, float | None, float | None]
    profiles: dict[str, tuple[str, dict[str, float]]] = field(default_factory=dict)
    latest: dict[str, Decision] = field(default_factory=dict)
    sliced: set[str] = field(default_factory=set)


class _Reader:
    def __init__(self, priors: Mapping[str, float | None], family: str | None, since: int) -> None:
        self.found = DecisionLog()
        self._priors, self._family, self._since = priors, family, since
        self._runs: dict[str, _Going] = {}
        self._features: dict[str, dict[str, float]] = {}
        self._portfolios: dict[tuple[Candidate, ...], tuple[Candidate, ...]] = {}

    def take(self, event: Recorded) -> None:
        data = event.data
        if event.type == "RunRequested":
            budget = _budget(data["budget"])
            self._runs[event.stream] = _Going(data["purpose"] == "request", budget)
        elif event.type == "OutcomeImported":
            if event.position > self._since and self._family in {None, data["family"]}:
                place = (data["family"], data["instance"], *_budget(data["budget"]))
                self._outcome(place, data["solver"], float(data["loss"]))
        elif (run := self._runs.get(event.stream)) is None:
            return
        elif event.type in TERMINAL:
            del self._runs[event.stream]
        elif event.type == "ProblemProfiled":
            known = self._features.setdefault(data["instance"], data["features"])
            run.profiles[data["task"]] = data["instance"], known if known == data["features"] else data["features"]
        elif event.type == "SolverChosen":
            if data["task"] in run.sliced:
                return
            run.latest.pop(data["task"], None)
            if run.wanted and not data["forced"] and data["propensity"] > 0 and event.position > self._since:
                self._chosen(run, event)
        elif event.position > self._since and rated(event.type, data):
            self._ended(run, event)

    def _chosen(self, run: _Going, event: Recorded) -> None:
        data = event.data
        if self._family not in {None, data["family"]} or data["task"] not in run.profiles:
            return
        instance, features = run.profiles[data["task"]]
        portfolio = tuple(
            Candidate(
                card["solver"],
                card["version"],
                card["refused"],
                self._priors.get(card["solver"]),
                card["solver"] in data["excluded"],
            )
            for card in data["candidates"]
        )
        decision = Decision(
            event.position,
            data["as_of"],
            data["key"],
            data["policy"],
            data["solver"],
            (data["family"], instance, *run.budget),
            features,
            self._portfolios.setdefault(portfolio, portfolio),
            {card["solver"]: card["propensity"] for card in data["candidates"] if card["propensity"]},
        )
        run.latest[data["task"]] = decision
        decisions = self.found.decisions
        decisions.append(decision)
        if len(decisions) > MOST:
            decisions.popleft()
            self.found.left_out += 1

    def _ended(self, run: _Going, event: Recorded) -> None:
        data = event.data
        if self._family not in {None, data["family"]}:
            return
        if ends_slice(event):
            run.sliced.add(data["task"])
            return
        loss = float(data["loss"]) if event.type == "AttemptSucceeded" else 1.0
        decision, whole = run.latest.get(data["task"]), data["task"] not in run.sliced
        if decision is not None:
            decision.loss, decision.counted = loss, whole
        if whole:  # else it had less time than the others there
            self._outcome((data["family"], data["instance"], *run.budget), data["solver"], loss)

    def _outcome(self, place: Place, solver: str, loss: float) -> None:
        here = self.found.outcomes.setdefault(place, {})
        total, count = here.get(solver, (0.0, 0))
        here[solver] = total + loss, count + 1


async def read_decisions(
    log: EventLog, priors: Mapping[str, float | None], *, family: str | None, since: int, upto: int
) -> DecisionLog:
    """Every decision and outcome with ``since < position <= upto``; ``priors`` are the solvers'."""
    reader = _Reader(priors, family, since)
    async for event in events(log, READ, upto):
        reader.take(event)
    return reader.found


async def events(log: EventLog, types: frozenset[str], upto: int) -> AsyncIterator[Recorded]:
    """Events of some types from the first one on, with looks at the event loop in between."""
    after = 0
    while page := await log.read(after=after, upto=upto, types=types, limit=PAGE):
        for i, event in enumerate(page):
            if i % CHUNK == CHUNK - 1:
                await checkpoint()
            yield event
        after = page[-1].position


def _budget(spec: dict[str, Any]) -> tuple[float, int | None, float | None, float | None]:
    return spec["time_limit"], spec["iterations"], spec["target"], spec["gap"]
