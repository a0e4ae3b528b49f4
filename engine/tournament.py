"""Plays Swiss tournaments: matches are ordinary runs, so that ratings and policies learn from them as well.

Each run has an idempotency key of its tournament, solver, game and try, and every event of the tournament is appended at its
version: a tournament that was killed goes on where it was, in any process, and of several that play it each game counts once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import fsum
from typing import Any

import anyio
import anyio.to_thread

from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.gaps import equal
from mezan.solvers.problem import Family, Problem
from mezan.solvers.selection.tournaments.swiss import default_rounds

from . import events as e
from . import faults
from .artifacts import prepare
from .engine import Engine
from .errors import RunCancelledError, RunFailedError, RunNotFound, WrongExpectedVersion
from .log import NEW, Artifact, Write
from .run import TaskState
from .tournaments import Game, Tournament, stream_of, tournament

MAX_SOLVERS = 64
MAX_ROUNDS = 1_000
MAX_BLOCK = 1_000
MAX_INSTANCES = 10_000
MAX_JOBS = 256
BLOCK = 4
TRIES = 100

Report = Callable[[Tournament, e.MatchPlayed], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A tournament to be played.

    ``solvers`` None takes all of the portfolio that take every instance; ``rounds`` None ``ceil(log2 m) + 2``; ``block`` None
    as many games in a match as there are instances, at most 4; ``time_limit`` seconds per run.
    """

    problems: Sequence[Problem]
    solvers: Sequence[str] | None = None
    rounds: int | None = None
    block: int | None = None
    time_limit: float = 10.0
    iterations: int | None = None
    seed: int = 0


def prepared(catalog: Catalog, plan: Plan) -> tuple[e.TournamentOpened, list[Artifact]]:
    """Check a plan and make the first event of it, with the problems to be kept.

    Raises:
        BadInput: the plan breaks a rule.
    """
    Budget(time_limit=plan.time_limit, iterations=plan.iterations)
    if not 1 <= len(plan.problems) <= MAX_INSTANCES:
        raise BadInput(f"a tournament must have between 1 and {MAX_INSTANCES} instances; got {len(plan.problems)}")
    family = catalog.family_of(plan.problems[0])
    if others := {problem.family for problem in plan.problems} - {family.name}:
        names = ", ".join(sorted({family.name, *others}))
        raise BadInput(f"the instances of a tournament must be of one family; these are of {names}")
    solvers = _solvers(family, plan)
    artifacts, instances = {}, []
    for problem in plan.problems:
        content, digest = problem.packed()
        if digest in artifacts:
            msg = f"the instances of a tournament must differ; {problem.name or digest[:12]} is given twice"
            raise BadInput(msg)
        artifacts[digest] = prepare("problem", content, digest)
        known = problem.best_known
        instances.append(e.TournamentInstance(instance=digest, label=problem.name, size=problem.size, best_known=known))
    if not (type(plan.seed) is int and 0 <= plan.seed < 2**53):
        raise BadInput(f"seed must be a whole number between 0 and 2^53 - 1; got {plan.seed!r}")
    opened = e.TournamentOpened(
        family=family.name,
        sense=family.sense,
        solvers=tuple(solvers),
        rounds=_whole("rounds", plan.rounds, default_rounds(len(solvers)), MAX_ROUNDS),
        instances=tuple(instances),
        budget=e.BudgetSpec(time_limit=plan.time_limit, iterations=plan.iterations),
        seed=plan.seed,
        block=_whole("block", plan.block, min(len(instances), BLOCK), MAX_BLOCK),
    )
    return opened, list(artifacts.values())


def _solvers(family: Family[Any], plan: Plan) -> list[str]:
    known = {solver.name: solver for solver in family.solvers}
    if plan.solvers is None:
        able = [
            name for name, solver in known.items() if all(solver.refuses(problem) is None for problem in plan.problems)
        ]
    else:
        able = [name if name in known else f"{family.name}.{name}" for name in plan.solvers]
        for given, name in zip(plan.solvers, able, strict=True):
            if name not in known:
                raise BadInput(f"a solver must be one of {', '.join(known)}; got {given[:80]!r}")
            for problem in plan.problems:
                if (why := known[name].refuses(problem)) is not None:
                    raise BadInput(f"{name} cannot take {problem.name or 'an instance'}: {why}; leave one of them out")
        if len(set(able)) != len(able):
            raise BadInput(f"the solvers of a tournament must differ; got {', '.join(able)}")
    if not 2 <= len(able) <= MAX_SOLVERS:
        raise BadInput(f"a tournament must have between 2 and {MAX_SOLVERS} solvers that take every instance; got {len(able)}")  # fmt: skip
    return able


def _whole(name: str, value: int | None, default: int, most: int) -> int:
    value = default if value is None else value
    if not (type(value) is int and 1 <= value <= most):
        raise BadInput(f"{name} must be a whole number from 1 to {most}; got {value!r}")
    return value


async def open_tournament(engine: Engine, plan: Plan) -> Tournament:
    """Record a new tournament; the same plan again is the same tournament, and is gone on with.

    Raises:
        BadInput: the plan breaks a rule; nothing was recorded.
    """
    opened, artifacts = await anyio.to_thread.run_sync(prepared, engine.catalog, plan)
    stream = stream_of(opened)
    with suppress(WrongExpectedVersion):
        await engine.log.append(Write(stream, [opened], NEW), artifacts=artifacts)
    return await _state(engine, stream)


async def play(
    engine: Engine, stream: str, *, jobs: int = 1, report: Report = lambda _state, _match: None
) -> Tournament:
    """Play what is left of a tournament, ``jobs`` matches at a time, and close it.

    By default one run goes at a time: runs that share the machine share their seconds. ``report`` is called after each match.

    Raises:
        RunNotFound: there is no such tournament.
        UnknownName: one of its solvers is not registered here.
    """
    _whole("jobs", jobs, 1, MAX_JOBS)
    state = await _state(engine, stream)
    for solver in state.opened.solvers if state.closed is None else ():
        engine.catalog.solver(solver)
    while state.closed is None:
        if not state.rounds or not state.rounds[-1].left:
            state = await _advance(engine, state)
        else:
            await _round(engine, state, jobs, report)
            state = await _state(engine, stream)
    return state


async def _state(engine: Engine, stream: str) -> Tournament:
    state = await tournament(engine.log, stream)
    if state is None:
        raise RunNotFound(f"a tournament must have been opened to be played; there is none called {stream[:80]!r}")
    return state


async def _advance(engine: Engine, state: Tournament) -> Tournament:
    """Pair the next round, or close."""
    event: e.RoundPaired | e.TournamentClosed
    if len(state.rounds) < state.opened.rounds:
        pairing = state.next_round()
        event = e.RoundPaired(round=len(state.rounds) + 1, pairs=pairing.pairs, bye=pairing.bye)
    else:
        names = [name for name in e.TournamentPlace.model_fields if name != "solver"]
        places = [
            e.TournamentPlace(solver=own.player, **{name: getattr(own, name) for name in names}) for own in state.table
        ]
        event = e.TournamentClosed(table=tuple(places))
    with suppress(WrongExpectedVersion):  # another process was faster: look again
        await engine.log.append(Write(state.stream, [event], state.version))
    return await _state(engine, state.stream)


async def _round(engine: Engine, state: Tournament, jobs: int, report: Report) -> None:
    number, left = len(state.rounds), state.rounds[-1].left
    games = state.games(number)
    problems = {game.instance.instance: await engine.problem(_task(state, game)) for game in games}
    limiter, writing = anyio.CapacityLimiter(jobs), anyio.Lock()

    async def match(a: str, b: str) -> None:
        async with limiter:
            played = await _match(engine, state, number, a, b, games, problems)
        async with writing:
            now = await _state(engine, state.stream)
            while len(now.rounds) == number and (a, b) in now.rounds[-1].left:
                with suppress(WrongExpectedVersion):
                    await engine.log.append(Write(state.stream, [played], now.version))
                    faults.reach("tournament.match")
                now = await _state(engine, state.stream)
            report(now, played)

    async with anyio.create_task_group() as tasks:
        for a, b in left:
            tasks.start_soon(match, a, b)


async def _match(
    engine: Engine, state: Tournament, number: int, a: str, b: str, games: Sequence[Game], problems: dict[str, Problem]
) -> e.MatchPlayed:
    score = 0.0
    runs: list[str] = []
    losses: dict[str, list[float]] = {a: [], b: []}
    for game in games:
        results = {}
        for solver in (a, b):
            run, task = await _run(engine, state, solver, game, problems[game.instance.instance])
            runs.append(run)
            results[solver] = None if task.result is None else task.result.objective
            losses[solver].append(1.0 if task.result is None else task.result.loss)
        score += won(results[a], results[b], state.opened.sense)
    return e.MatchPlayed(
        round=number,
        a=a,
        b=b,
        score_a=score,
        score_b=len(games) - score,
        loss_a=fsum(losses[a]) / len(games),
        loss_b=fsum(losses[b]) / len(games),
        runs=tuple(runs),
    )


def won(a: float | None, b: float | None, sense: e.Sense) -> float:
    """What the first of two results gets of their game: the better objective wins, and any result beats none."""
    if a is None or b is None:
        return 0.5 if a is b else float(a is not None)
    if equal(a, b):
        return 0.5
    return float(a < b if sense == "min" else a > b)


async def _run(engine: Engine, state: Tournament, solver: str, game: Game, problem: Problem) -> tuple[str, TaskState]:
    """One solver's side of a game; a run that was cancelled is tried again under the next key."""
    for tried in range(TRIES):
        run = await engine.submit(
            problem,
            time_limit=state.opened.budget.time_limit,
            iterations=state.opened.budget.iterations,
            seed=game.seed,
            solver=solver,
            fresh=True,
            purpose="tournament",
            within=state.stream,
            idempotency_key=f"{state.stream}/{solver}/{game.number}/{tried}",
        )
        with suppress(RunFailedError):
            try:
                await run.result()
            except RunCancelledError:
                continue
        return run.id, (await engine.state(run.id)).tasks["main"]
    msg = f"a game must be played to its end; {solver}'s was cancelled {TRIES} times"
    raise RunCancelledError(msg)


def _task(state: Tournament, game: Game) -> e.TaskSpec:
    """What names a game's problem in the artifacts."""
    about = game.instance
    return e.TaskSpec(
        task="main",
        family=state.opened.family,
        sense=state.opened.sense,
        problem=about.instance,
        size=about.size,
        label=about.label,
        best_known=about.best_known,
    )
