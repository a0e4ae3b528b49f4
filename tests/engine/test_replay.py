"""Replay: the same work gives the same events, and whatever differs is named with both values."""

from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import orjson
import pytest
from child_run import knapsack, qap
from toys import FAMILY, Flaky, Kernel, Toy, broken, catalog, first, smallest, solver

from mezan.api import open_engine
from mezan.engine import artifacts
from mezan.engine import events as ev
from mezan.engine.artifacts import digest_of
from mezan.engine.errors import RunNotFound, StoreCorrupt, StoreError
from mezan.engine.executors import kernels
from mezan.engine.streams import whole_stream
from mezan.solvers.pack import pack
from mezan.solvers.problem import Bound
from mezan.solvers.selection.choices import certain
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

pytestmark = pytest.mark.anyio
PROBLEM = Toy(numbers=(5, 3, 8, 1, 9))


@pytest.fixture
def opened(tmp_path):
    """Opens the engine on the test's database."""

    @asynccontextmanager
    async def open_(*solvers, family=None, **options):
        if solvers:
            options["catalog"] = catalog(*solvers, **(family or {}))
        url = f"sqlite:///{tmp_path}/mezan.db"
        async with open_engine(url, durability="relaxed", capacity={"cpu": 2}, **options) as engine:
            yield engine

    return open_


async def solved(opened, *solvers, problem=PROBLEM, **options):
    """Solve once; the run's id."""
    async with opened(*solvers) as engine:
        run = await engine.submit(problem, seed=11, **options)
        await run.result()
        assert (await engine.replay(run.id)).identical
        assert (await engine.verify_choice(run.id)).identical
    return run.id


async def difference(opened, run, *solvers, choices=False, **options):
    async with opened(*solvers, **options) as engine:
        before = await engine.store.head()
        report = await (engine.verify_choice if choices else engine.replay)(run)
        assert not report.identical
        recorded = (await whole_stream(engine.store, run))[report.difference.version - 1]
        assert (recorded.position, recorded.type) == (report.difference.position, report.difference.type)
        assert await engine.store.head() == before  # replaying writes nothing
        return report.difference


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "options"),
    [
        (knapsack(), {"solver": "knapsack.greedy"}),
        (knapsack(), {"solver": "knapsack.dp"}),
        (knapsack(), {"solver": "knapsack.highs"}),
        (qap(), {"solver": "qap.tabu", "iterations": 3_000}),
        (qap(), {"solver": "qap.tabu", "time_limit": 1.5}),
    ],
)
async def test_real_solvers_replay_identically(opened, monkeypatch, problem, options):
    """By iterations or by the clock, with checkpoints on the way; what cannot be repeated says so."""
    monkeypatch.setattr(kernels, "CHECKPOINT_SECONDS", 0.1)
    async with opened() as engine:
        run = await engine.submit(problem, seed=5, **options)
        await run.result()
        report = await engine.replay(run.id)
        assert report.identical, report
        assert report.compared >= 3
        assert any("cannot be repeated" in note for note in report.notes) == (options["solver"] == "knapsack.highs")


async def test_a_run_with_failures_and_retries_replays(opened):
    """The transient failure, the broken solver and the second choice are all gone through again."""
    await solved(opened, solver("flaky", Flaky(1)))
    await solved(opened, solver("bad", broken), solver("good", smallest))


async def test_a_solver_that_answers_differently_is_named(opened):
    """With the objective that was recorded and the one that came now."""
    run = await solved(opened, solver("s", smallest))
    found = await difference(opened, run, solver("s", first))
    assert (found.type, found.field, found.recorded, found.replayed) == ("AttemptSucceeded", "objective", 1.0, 5.0)


async def test_an_equally_good_but_other_solution_is_named(opened):
    """The content must be the same, not only its worth."""
    problem = Toy(numbers=(4, 2, 4))
    run = await solved(opened, solver("s", first), problem=problem)

    def last(problem, budget, seed):
        answer = first(problem, budget, seed)
        return replace(answer, solution=np.array([2], np.int32))

    found = await difference(opened, run, solver("s", last))
    assert found.field == "solution"
    assert found.recorded == digest_of(pack({"solution": np.array([0], np.int32)}))
    assert found.replayed == digest_of(pack({"solution": np.array([2], np.int32)}))


async def test_a_kernel_that_searches_differently_is_named(opened):
    """At its first incumbent that differs."""

    class Lazy(Kernel):
        def step(self, arrays, state, iterations):
            return state

    run = await solved(opened, solver("k", Kernel(), "kernel"), iterations=50)
    found = await difference(opened, run, solver("k", Lazy(), "kernel"))
    assert (found.type, found.field, found.replayed) == ("IncumbentFound", "objective", 5.0)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("features", {"features": lambda problem: {"size": 5.0, "first": 5.5}}),
        ("bound", {"bound": lambda problem: Bound(-999.0, "nothing is below")}),
        ("bound", {"bound": lambda problem: None}),
    ],
)
async def test_changed_features_and_bounds_are_named(opened, field, changes):
    """The profile is computed again. Features also feed the choice, which is compared first where they matter to it."""
    run = await solved(opened, solver("s", smallest))
    found = await difference(opened, run, solver("s", smallest), family=changes)
    assert (found.type, found.field) == ("ProblemProfiled", field)
    assert found.recorded != found.replayed


async def test_an_evaluator_that_judges_differently_is_named(opened):
    """The stored solution is judged again."""
    run = await solved(opened, solver("s", smallest))

    def twice(problem, solution):
        now = FAMILY.evaluate(problem, solution)
        return replace(now, objective=2 * now.objective)

    found = await difference(opened, run, solver("s", smallest), family={"evaluate": twice})
    assert (found.type, found.field, found.recorded, found.replayed) == ("AttemptSucceeded", "objective", 1.0, 2.0)


async def test_a_modified_solution_is_found(opened):
    """An artifact that no longer matches its digest is corrupt; one that was replaced whole is not what was recorded."""
    run = await solved(opened, solver("s", smallest))
    async with opened(solver("s", smallest)) as engine:
        success = next(
            r.event for r in await whole_stream(engine.store, run) if isinstance(r.event, ev.AttemptSucceeded)
        )
        other = artifacts.prepare("solution", pack({"solution": np.array([0], np.int32)}))
        await engine.store.transact(
            lambda c: c.execute("UPDATE artifacts SET stored = ? WHERE digest = ?", (other.stored, success.solution))
        )
        with pytest.raises(StoreCorrupt, match=success.solution[:12]):
            await engine.replay(run)
        with pytest.raises(StoreCorrupt):
            await engine.result_of(run)


async def test_a_solution_that_is_gone_is_noted(opened):
    """The work is repeated all the same; the problem, though, is needed."""
    run = await solved(opened, solver("s", smallest))
    async with opened(solver("s", smallest)) as engine:
        await engine.store.transact(lambda c: c.execute("DELETE FROM artifacts WHERE kind = 'solution'"))
        report = await engine.replay(run)
        assert report.identical
        assert "no longer kept" in report.notes[0]
        await engine.store.transact(lambda c: c.execute("DELETE FROM artifacts WHERE kind = 'problem'"))
        with pytest.raises(StoreError, match="problem"):
            await engine.replay(run)


async def test_a_newer_version_of_a_solver_is_noted(opened):
    """When it still gives the same, that is all there is to say; the choice names the version it saw."""
    run = await solved(opened, solver("s", smallest))
    found = await difference(opened, run, replace(solver("s", smallest), version="2"))
    assert (found.type, found.field) == ("SolverChosen", "version")
    assert (found.recorded, found.replayed) == ("1", "2")


class Contrary:
    """Takes the last candidate, under the default policy's name."""

    name, version = DEFAULT_POLICY, Policies.default().policy().version

    def choose(self, standings, features, candidates, key):
        return certain(candidates[-1], candidates, {}, "the last one")


async def test_a_changed_policy_is_found(opened):
    """By the choice that it would make now."""
    solvers = [solver("a", smallest), solver("b", smallest)]
    run = await solved(opened, *solvers)
    found = await difference(opened, run, *solvers, choices=True, policies=Policies([Contrary()]))
    assert found.type == "SolverChosen"
    async with opened(*solvers) as engine:
        assert (await engine.verify_choice(run)).identical


async def test_a_choice_is_verified_from_the_events_before_it_and_no_later_ones(opened):
    """Ratings that have moved on since do not change what was right then."""
    solvers = [solver("a", first), solver("b", smallest)]
    async with opened(*solvers) as engine:
        runs = []
        for i in range(12):
            runs.append(await engine.submit(Toy(numbers=(5, 3, 8, i % 3)), seed=i))
            await runs[-1].result()
        for run in runs:
            assert (await engine.verify_choice(run.id)).identical
        cards = [await engine.why(run.id) for run in runs]
        assert len({card.solver for card in cards}) == 2
        assert [card.as_of for card in cards] == sorted(card.as_of for card in cards)


async def test_a_forged_decision_card_is_found(opened):
    """A card that was changed in the database (and so breaks the chain) does not verify either."""
    solvers = [solver("a", smallest), solver("b", smallest)]
    run = await solved(opened, *solvers)
    async with opened(*solvers) as engine:

        def forge(c):
            c.execute("DROP TRIGGER events_no_update")
            (payload,) = c.execute("SELECT payload FROM events WHERE type = 'SolverChosen'").fetchone()
            card = orjson.loads(payload) | {"reason": "because I say so"}
            c.execute("UPDATE events SET payload = ? WHERE type = 'SolverChosen'", (orjson.dumps(card).decode(),))

        await engine.store.transact(forge)
        report = await engine.verify_choice(run)
        assert (report.identical, report.difference.field) == (False, "reason")
        assert report.difference.recorded == "because I say so"
        assert not (await engine.store.verify()).ok


async def test_a_run_that_does_not_exist_cannot_be_replayed(opened):
    """Nor can one that is no run."""
    async with opened(solver("s", smallest)) as engine:
        with pytest.raises(RunNotFound):
            await engine.replay("run_nothing")
