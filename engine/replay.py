"""Do it again and compare: choices from the refolded log, kernels from the recorded work.

A run that the clock stopped is replayed by its iterations, so a slower machine gets the same events. Seconds, workers
and devices are circumstances; objectives, solutions, features, bounds, states and choices are content, and content must match.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import SolverFailed
from mezan.solvers.pack import Array, pack, unpack
from mezan.solvers.problem import Bound, Family, Problem
from mezan.solvers.selection.registry import Policies
from mezan.solvers.solver import Solver, load

from . import events as e
from .artifacts import digest_of
from .choosing import StandingsOf, candidates_for, choose, explained, named, policy_for, profile
from .errors import RunNotFound
from .experiments import Assignment, assignment_of
from .follower import Follower
from .limits import budget_of
from .log import Recorded
from .race_replay import race
from .stores.sqlite import SQLiteStore
from .streams import whole_stream
from .travel import value_as_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event that came out differently: which field, what was recorded, what came now."""

    position: int
    version: int
    type: str
    field: str
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found. ``notes`` say what could only be checked in part, and why."""

    run: str
    identical: bool
    compared: int
    difference: Difference | None = None
    notes: tuple[str, ...] = ()


class _Differs(Exception):
    def __init__(self, difference: Difference) -> None:
        self.difference = difference


@dataclass(slots=True)
class _Check:
    """Counts comparisons, and stops at the first that fails."""

    compared: int = 0
    notes: list[str] = field(default_factory=list)

    def same(self, recorded: Recorded, **fields: tuple[Any, Any]) -> None:
        for name, (was, now) in fields.items():
            if was != now:
                raise _Differs(Difference(recorded.position, recorded.version, recorded.type, name, was, now))
        self.compared += 1

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class Replayer:
    """Re-executes runs. It only reads."""

    def __init__(
        self,
        store: SQLiteStore,
        follower: Follower,
        catalog: Catalog,
        policies: Policies,
        standings: StandingsOf,
        standings_read: Sequence[str],
        load: Callable[[e.TaskSpec], Awaitable[Problem]],
    ) -> None:
        self._store, self._follower, self._catalog, self._policies = store, follower, catalog, policies
        self._standings, self._standings_read, self._load = standings, standings_read, load

    async def choices(self, run: str) -> ReplayReport:
        """Refold the log before each choice of a run and choose again."""
        return await self._report(run, self._choices)

    async def execute(self, run: str) -> ReplayReport:
        """Profile, choose and solve again, repeating the recorded work."""
        return await self._report(run, self._execute)

    async def _report(
        self, run: str, compare: Callable[[Sequence[Recorded], e.RunRequested, _Check], Awaitable[None]]
    ) -> ReplayReport:
        history = await whole_stream(self._store, run)
        if not history or not isinstance(request := history[0].event, e.RunRequested):
            msg = f"a run id must name one run; there is none called {run!r}"
            raise RunNotFound(msg)
        check = _Check()
        try:
            await compare(history, request, check)
        except _Differs as found:
            return ReplayReport(
                run, identical=False, compared=check.compared, difference=found.difference, notes=tuple(check.notes)
            )
        return ReplayReport(run, identical=True, compared=check.compared, notes=tuple(check.notes))

    async def _choices(self, history: Sequence[Recorded], request: e.RunRequested, check: _Check) -> None:
        problems = {spec.task: await self._load(spec) for spec in request.tasks}
        profiles: dict[str, e.ProblemProfiled] = {}
        for recorded in history:
            match recorded.event:
                case e.ProblemProfiled() as profile:
                    profiles[profile.task] = profile
                case e.SolverChosen() as card:
                    test = await assignment_of(self._store, card, recorded.stream)
                    again = await self._choose(request, card, profiles[card.task], problems[card.task], test)
                    was, now = card.model_dump(), again.model_dump()
                    check.same(recorded, **{name: (was[name], now[name]) for name in was})
                case _:
                    pass

    async def _choose(
        self,
        request: e.RunRequested,
        card: e.SolverChosen,
        profile: e.ProblemProfiled,
        problem: Problem,
        test: Assignment | None,
    ) -> e.SolverChosen:
        family = self._catalog.family(card.family)
        # folded from the first event, not from a snapshot: a snapshot is what is being checked
        states = {
            name: await value_as_of(self._store, self._follower.values[name], card.as_of)
            for name in self._standings_read
        }
        standings = self._standings(states, family.name, profile.features, card.as_of)
        if test is None:
            policy = policy_for(self._policies, named(request, card.task), card.policy, card.family)
        else:
            policy = test.policy(self._policies)
        candidates = await anyio.to_thread.run_sync(candidates_for, family, problem, card.excluded)
        again = choose(
            policy,
            standings,
            profile.features,
            candidates,
            task=card.task,
            attempt=card.attempt,
            key=card.key,
            excluded=card.excluded,
            forced=card.forced,
        )
        again = await anyio.to_thread.run_sync(explained, again, family, problem)
        return again if test is None else test.marked(again)

    async def _execute(self, history: Sequence[Recorded], request: e.RunRequested, check: _Check) -> None:
        await self._choices(history, request, check)
        specs = {spec.task: spec for spec in request.tasks}
        for name, spec in specs.items():
            problem = await self._load(spec)
            family = self._catalog.family(spec.family)
            mine = [r for r in history if getattr(r.event, "task", None) == name]
            await self._profile(mine, family, problem, check)
            for recorded in mine:
                await self._stored_solution(recorded, family, problem, check)
            if request.pans:
                continue
            known = await self._known(mine, check)
            await anyio.to_thread.run_sync(_attempts, mine, family, self._catalog, problem, known, check)
        if request.pans:
            await anyio.to_thread.run_sync(race, history, family, self._catalog, problem, check)

    async def _known(self, mine: Sequence[Recorded], check: _Check) -> dict[str, Array]:
        """The solutions that attempts started from, by digest, as far as they are kept."""
        found: dict[str, Array] = {}
        for recorded in mine:
            if isinstance(was := recorded.event, e.AttemptStarted) and (spec := was.seeded_from) is not None:
                content = await self._store.artifact(spec.solution)
                if content is None:
                    check.note(
                        f"attempt {was.attempt} started from a solution that is no longer kept; it was not repeated"
                    )
                else:
                    found[spec.solution] = unpack(content)["solution"]
        return found

    async def _stored_solution(self, recorded: Recorded, family: Family[Any], problem: Problem, check: _Check) -> None:
        """The solution that was kept must be feasible and worth what was recorded."""
        if not isinstance(was := recorded.event, e.AttemptSucceeded):
            return
        content = await self._store.artifact(was.solution)
        if content is None:
            check.note(f"the solution of {was.solver} is no longer kept; its objective was not recomputed")
            return
        now = await anyio.to_thread.run_sync(family.evaluate, problem, unpack(content)["solution"])
        check.same(recorded, feasible=(True, now.feasible), objective=(was.objective, now.objective))

    async def _profile(self, mine: Sequence[Recorded], family: Family[Any], problem: Problem, check: _Check) -> None:
        bound: e.BoundSpec | None = None
        for recorded in mine:
            if isinstance(was := recorded.event, e.ProblemProfiled):
                features, bound = await anyio.to_thread.run_sync(profile, family, problem)
                check.same(recorded, features=(was.features, features), bound=(was.bound, bound))
            elif isinstance(was, e.BoundTightened):
                if family.tighten is None or bound is None:
                    check.note(f"{family.name} has no tighter bounds now; that of {was.method} was not recomputed")
                    continue
                known = Bound(bound.value, bound.method)
                again = await anyio.to_thread.run_sync(family.tighten, problem, known)
                now = (None, None) if again is None else (again.value, again.method)
                check.same(recorded, value=(was.value, now[0]), method=(was.method, now[1]))


def _attempts(
    mine: Sequence[Recorded],
    family: Family[Any],
    catalog: Catalog,
    problem: Problem,
    known: Mapping[str, Array],
    check: _Check,
) -> None:
    """Repeat each attempt of a task in order; one that resumed a checkpoint goes on from the replayed state."""
    checkpoints: dict[str, bytes] = {}
    bound: e.BoundSpec | None = None
    for i, recorded in enumerate(mine):
        if isinstance(past := recorded.event, e.ProblemProfiled):
            bound = past.bound
        elif isinstance(past, e.BoundTightened):
            bound = e.BoundSpec(value=past.value, method=past.method)
        if not isinstance(started := recorded.event, e.AttemptStarted):
            continue
        solver = catalog.solver(started.solver)
        if solver.version != started.version:
            check.note(f"{solver.name} was at version {started.version} and is at {solver.version} now")
        events = [r for r in mine[i + 1 :] if getattr(r.event, "attempt", None) == started.attempt]
        if solver.runs_in == "kernel":
            if started.seeded_from is None or started.seeded_from.solution in known:
                _kernel(events, started, family, solver, problem, known, checkpoints, check)
        else:
            _procedure(events, started, bound, family, solver, problem, check)


def _kernel(
    events: Sequence[Recorded],
    started: e.AttemptStarted,
    family: Family[Any],
    solver: Solver[Any],
    problem: Problem,
    known: Mapping[str, Array],
    checkpoints: dict[str, bytes],
    check: _Check,
) -> None:
    from mezan.solvers.driver import Incumbent, kernel_platform
    from mezan.solvers.islands import drive_for

    given = started.seeded_from
    objective, solution = (None, None) if given is None else (given.objective, given.solution)
    if started.device == "none":  # nothing was driven: what it was handed was enough, or it never got a slot
        for recorded in events:
            if isinstance(event := recorded.event, e.AttemptSucceeded):
                check.same(recorded, objective=(event.objective, objective), solution=(event.solution, solution))
        return
    if started.device != kernel_platform():
        check.note(f"it ran on {started.device}; results are only promised to repeat on the same kind of device")
    driven = drive_for(family, solver, [problem], [started.seed], lanes=started.lanes, lane=started.lane)
    if started.resumed_from is not None:
        content = checkpoints.get(started.resumed_from)
        if content is None:
            raise SolverFailed(
                f"the checkpoint {started.resumed_from[:12]} that attempt {started.attempt} resumed was not saved before"
            )
        driven.restore(content)
    elif given is not None:
        driven.inject({0: Incumbent(given.objective, known[given.solution])})
    for recorded in events:
        event = recorded.event
        if not isinstance(event, e.IncumbentFound | e.CheckpointSaved | e.AttemptSucceeded):
            continue
        # the same chunk ends as recorded: incumbents are looked at only there
        if (more := event.iterations - driven.iterations) > 0 or objective is None:
            report = driven.advance(max(0, more))[0]
            if report.incumbent is not None:
                objective = report.incumbent.objective
                solution = digest_of(pack({"solution": report.incumbent.solution}))
        if isinstance(event, e.CheckpointSaved):
            content = driven.checkpoint()
            check.same(recorded, checkpoint=(event.checkpoint, digest_of(content)))
            checkpoints[event.checkpoint] = content
        else:
            check.same(recorded, objective=(event.objective, objective), solution=(event.solution, solution))


def _procedure(
    events: Sequence[Recorded],
    started: e.AttemptStarted,
    bound: e.BoundSpec | None,
    family: Family[Any],
    solver: Solver[Any],
    problem: Problem,
    check: _Check,
) -> None:
    for recorded in events:
        if not isinstance(was := recorded.event, e.AttemptSucceeded):
            continue
        if not solver.repeatable:
            check.note(
                f"{solver.name} cannot be repeated exactly: only its solution's feasibility and objective were checked"
            )
            return
        answer = load(solver)(problem, budget_of(was.budget, bound, family), started.seed)
        now = family.evaluate(problem, answer.solution)
        digest = digest_of(pack({"solution": answer.solution}))
        check.same(recorded, objective=(was.objective, now.objective), solution=(was.solution, digest))
