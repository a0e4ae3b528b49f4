"""Never worse than it knows: searches start from the best result in the log for their instance, and say so."""

import anyio
import anyio.lowlevel
import pytest
from toys import Gated, Kernel, SeedableKernel, Toy, first, history, smallest, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine.artifacts import prepare
from mezan.engine.log import Write
from mezan.projections.solver_stats import means
from mezan.solvers.pack import pack
from mezan.solvers.problem import Bound

pytestmark = pytest.mark.anyio
LATE = (9,) * 8 + (7,) * 7 + (3,)
"""A kernel sees eight numbers in its first chunk; the smallest is the last."""
SEEDABLE = solver("seedable", SeedableKernel(), "kernel", seedable=True)
PLAIN = solver("plain", Kernel(), "kernel")


@pytest.fixture
def opened(opened):
    """With these four unless told otherwise."""
    usual = (SEEDABLE, PLAIN, solver("first", first), solver("smallest", smallest))
    return lambda *solvers, **options: opened(*(solvers or usual), **options)


def only(events, kind):
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


async def test_a_search_starts_from_the_best_that_is_known(opened):
    """With one iteration it could only find 9: it ends with the earlier 3, whose run it names, and a replay repeats that."""
    async with opened() as engine:
        best = await engine.submit(Toy(numbers=LATE), solver="toy.smallest")
        await best.result()
        worse = await (await engine.submit(Toy(numbers=LATE), solver="toy.first")).result()
        assert worse.objective == 9.0
        run = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)
        result = await run.result()
        assert (result.objective, result.solution.tolist(), result.iterations) == (3.0, [15], 1)
        assert (result.seeded_from, result.seed_objective, result.improved) == (best.id, 3.0, False)
        events = await history(engine, run)
        started, ended = only(events, ev.AttemptStarted), only(events, ev.AttemptSucceeded)
        assert started.seeded_from == ended.seeded_from
        assert started.seeded_from.solution == only(await history(engine, best), ev.AttemptSucceeded).solution
        assert not [event for event in events if isinstance(event, ev.IncumbentFound)]
        report = await engine.replay(run.id)
        assert report.identical, report
        row = await engine.follower.row("runs", run.id)
        assert row["seeded_from"]["run"] == best.id


async def test_a_search_that_improves_on_what_it_was_handed_says_so(opened):
    """Only what is strictly better is an incumbent; the better result is what is known from then on."""
    async with opened() as engine:
        old = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=8)
        assert (await old.result()).objective == 9.0
        run = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=100)
        result = await run.result()
        assert (result.objective, result.seed_objective, result.improved) == (3.0, 9.0, True)
        found = [event.objective for event in await history(engine, run) if isinstance(event, ev.IncumbentFound)]
        assert found == [3.0]
        assert (await engine.replay(run.id)).identical
        third = await (await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)).result()
        assert (third.objective, third.seeded_from) == (3.0, run.id)


async def test_a_fresh_run_and_a_solver_that_takes_none_start_from_nothing(opened):
    """What was asked for is recorded; the second solver's events have no seed."""
    async with opened() as engine:
        await (await engine.submit(Toy(numbers=LATE), solver="toy.smallest")).result()
        for options in ({"solver": "toy.seedable", "fresh": True}, {"solver": "toy.plain"}):
            run = await engine.submit(Toy(numbers=LATE), iterations=8, **options)
            result = await run.result()
            assert (result.objective, result.seeded_from, result.improved) == (9.0, None, None)
            requested = (await history(engine, run))[0]
            assert requested.fresh == options.get("fresh", False)


async def test_what_another_instance_or_tenant_knows_is_not_used(opened):
    """The content decides, not the name."""
    from mezan.engine.context import acting

    async with opened() as engine:
        await (await engine.submit(Toy(numbers=LATE, name="a"), solver="toy.smallest")).result()
        other = await engine.submit(Toy(numbers=LATE[:-1], name="a"), solver="toy.seedable", iterations=1)
        assert (await other.result()).seeded_from is None
        renamed = await engine.submit(Toy(numbers=LATE, name="b"), solver="toy.seedable", iterations=1)
        assert (await renamed.result()).seeded_from is not None
        with acting(in_tenant="elsewhere"):
            foreign = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)
            assert (await foreign.result()).seeded_from is None


@pytest.mark.parametrize("how", ["proved", "target", "bound", "gap"])
async def test_nothing_is_searched_for_where_what_is_known_is_enough(opened, how):
    """Proved optimal before, or good enough for this request: the run ends without an iteration, and is repeated so."""
    exact = solver("exact", lambda problem, budget, seed: smallest(problem, budget, seed).__class__(
        smallest(problem, budget, seed).solution, proved_optimal=True))  # fmt: skip
    family = {"bound": lambda problem: Bound(3.0 if how == "bound" else 2.0, "told")}
    async with opened(SEEDABLE, exact, solver("smallest", smallest), family=family) as engine:
        known = await engine.submit(Toy(numbers=LATE), solver="toy.exact" if how == "proved" else "toy.smallest")
        await known.result()
        options = {"target": {"target": 3.5}, "gap": {"gap": 50.0}}.get(how, {})
        run = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", time_limit=60, **options)
        result = await run.result()
        assert (result.objective, result.iterations, result.seeded_from) == (3.0, 0, known.id)
        assert result.stopped == ("gap" if how == "gap" else "target")
        assert result.proved_optimal == (how in {"proved", "bound"})
        assert (await engine.replay(run.id)).identical


@pytest.mark.parametrize("wrong", ["objective", "infeasible", "missing"])
async def test_a_known_result_that_does_not_check_is_not_used(opened, wrong):
    """The evaluator has the last word, also on what the log says."""
    problem = Toy(numbers=LATE)
    async with opened() as engine:
        honest = await engine.submit(problem, solver="toy.first")
        await honest.result()
        said = only(await history(engine, honest), ev.AttemptSucceeded)
        content = pack({"solution": [99 if wrong == "infeasible" else 15]})
        forged = said.model_copy(update={"objective": -5.0, "solution": prepare("solution", content).digest})
        kept = () if wrong == "missing" else (prepare("solution", content),)
        await engine.store.append(Write("run_forged", [forged]), artifacts=kept)
        result = await (await engine.submit(problem, solver="toy.seedable", iterations=8)).result()
        assert (result.objective, result.seeded_from) == (9.0, None)


async def test_an_attempt_that_was_handed_a_result_is_not_rated(opened):
    """Neither Elo nor losses move, its success is not counted, and it still counts as tried."""
    async with opened() as engine:
        await (await engine.submit(Toy(numbers=LATE), solver="toy.smallest")).result()
        await (await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=8, fresh=True)).result()
        before = engine.follower.state("elo").record("toy", "toy.seedable")
        for _ in range(3):
            await (await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)).result()
        after = engine.follower.state("elo").record("toy", "toy.seedable")
        assert (after.seeded, after.trials) == (3, before.trials + 3)
        assert [getattr(after, name) for name in ("rating", "games", "outcomes", "loss_sum", "failures")] == [
            getattr(before, name) for name in ("rating", "games", "outcomes", "loss_sum", "failures")
        ]
        figures = engine.follower.state("solver_stats").solvers["toy.seedable@1"]
        assert (figures["attempts"], figures["successes"], figures["seeded"], figures["bests"]) == (1, 1, 3, 0)
        assert means(figures)["success_rate"] == 1.0


async def test_a_policy_goes_on_to_the_next_solver_after_an_unrated_trial(opened):
    """On one instance again and again, every solver gets its turn although no seeded trial is rated."""
    others = [solver(f"s{i}", SeedableKernel(), "kernel", seedable=True) for i in range(3)]
    async with opened(*others) as engine:
        taken = [(await (await engine.submit(Toy(numbers=LATE), iterations=1)).result()).solver for _ in range(4)]
        assert taken[:3] == ["toy.s0", "toy.s1", "toy.s2"]
        for policy in ("single_best", "elo_ucb_strict"):
            run = await engine.submit(Toy(numbers=LATE), iterations=1, policy=policy)
            await run.result()
            assert (await engine.verify_choice(run.id)).identical


async def test_lanes_of_one_call_start_each_from_its_own(opened):
    """Of a batch, some lanes are handed a result and some are not; every lane replays alone."""
    gated = Gated()
    async with opened(
        SEEDABLE, solver("smallest", smallest), solver("gate", gated, "thread"), capacity={"cpu": 1}
    ) as engine:
        problems = [Toy(numbers=(*LATE[:-1], i)) for i in range(4)]
        for problem in problems[:2]:
            await (await engine.submit(problem, solver="toy.smallest")).result()
        gate = await engine.submit(Toy(numbers=(1, 2)), solver="toy.gate", time_limit=60)
        await anyio.to_thread.run_sync(gated.begun.wait)
        runs = [await engine.submit(p, solver="toy.seedable", iterations=8, time_limit=60) for p in problems]
        while engine.scheduler.waiting < 4:
            await anyio.lowlevel.checkpoint()
        gated.gate.set()
        await gate.result()
        results = [await run.result() for run in runs]
        assert [r.objective for r in results] == [0.0, 1.0, 9.0, 9.0]
        lanes = [only(await history(engine, run), ev.AttemptStarted) for run in runs]
        assert [event.lanes for event in lanes] == [4] * 4
        assert [event.seeded_from is not None for event in lanes] == [True, True, False, False]
        for run in runs:
            assert (await engine.replay(run.id)).identical


async def test_a_second_solver_starts_from_it_too(opened):
    """When the first one breaks on it, the next choice is handed the same result."""

    class Breaking(SeedableKernel):
        def solution(self, problem, padded):
            raise ZeroDivisionError

    bad = solver("bad", Breaking(), "kernel", seedable=True)
    async with opened(bad, SEEDABLE) as engine:
        known = await engine.submit(Toy(numbers=LATE[:-1]), solver="toy.seedable", iterations=8)
        await known.result()
        run = await engine.submit(Toy(numbers=LATE[:-1]), iterations=100)
        result = await run.result()
        assert (result.solver, result.objective, result.seeded_from) == ("toy.seedable", 7.0, known.id)
        failed = only(await history(engine, run), ev.AttemptFailed)
        assert failed.seeded_from.run == known.id
        assert engine.follower.state("elo").record("toy", "toy.bad").failures == 0


async def test_a_deadline_before_the_search_begins_ends_with_what_is_known(opened):
    """The slot never came free: no work, but the user gets what the log has."""
    gated = Gated()
    async with opened(SEEDABLE, solver("smallest", smallest), solver("gate", gated, "thread"), capacity={"cpu": 1}) as engine:  # fmt: skip
        await (await engine.submit(Toy(numbers=LATE), solver="toy.smallest")).result()
        gate = await engine.submit(Toy(numbers=(1, 2)), solver="toy.gate", time_limit=60)
        await anyio.to_thread.run_sync(gated.begun.wait)
        run = await engine.submit(Toy(numbers=LATE), solver="toy.seedable", deadline=0.2)
        result = await run.result()
        assert (result.objective, result.stopped, result.iterations) == (3.0, "time", 0)
        gated.gate.set()
        await gate.result()
        assert (await engine.replay(run.id)).identical


async def test_a_result_of_another_process_is_known_as_well(opened, tmp_path):
    """Two engines on one file: what one has recorded, the other starts from."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    async with opened() as one, open_engine(url, durability="relaxed", catalog=one.catalog) as two:
        best = await one.submit(Toy(numbers=LATE), solver="toy.smallest")
        await best.result()
        await (await two.submit(Toy(numbers=(4, 5)), solver="toy.smallest")).result()
        run = await two.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)
        assert (await run.result()).seeded_from == best.id


async def test_what_is_known_survives_a_restart(opened):
    """Read from the stored rows, with nothing in memory."""
    async with opened() as engine:
        best = await engine.submit(Toy(numbers=LATE), solver="toy.smallest")
        await best.result()
    async with opened() as engine:
        result = await (await engine.submit(Toy(numbers=LATE), solver="toy.seedable", iterations=1)).result()
        assert result.seeded_from == best.id
