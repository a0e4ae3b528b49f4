"""Shadow runs: which requests get them, what they may cost, and that nobody ever waits for one."""

import time
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Gated, Kernel, SeedableKernel, Toy, broken, catalog, first, smallest, solver

from mezan.api import Shadow, open_engine
from mezan.engine.errors import RunFailedError
from mezan.engine.events import BudgetSpec, RunRequested, TaskSpec
from mezan.engine.shadows import LOWEST, drawn
from mezan.engine.streams import whole_stream
from mezan.solvers.errors import BadInput
from mezan.solvers.solver import Answer

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_shadow.py"
EVERY = Shadow(share=1.0)
THREE = (solver("smallest", smallest), solver("first", first), solver("broken", broken))


def opened(path, *solvers, shadow=EVERY, **options):
    return open_engine(
        f"sqlite:///{path}/mezan.db", durability="relaxed", catalog=catalog(*solvers), shadow=shadow, **options
    )


async def shadows_of(engine):
    """Every shadow as it was requested, with its stream and the type of its last event."""
    found = []
    for recorded in await engine.log.read(types=["RunRequested"], limit=10_000):
        if recorded.data["purpose"] == "shadow":
            history = await whole_stream(engine.log, recorded.stream)
            found.append((recorded.data, recorded.stream, history[-1].type))
    return found


def asked(seed, number=0):
    spec = TaskSpec(task="main", family="toy", sense="min", problem=f"{number:064x}", size=3)
    return RunRequested(tasks=(spec,), budget=BudgetSpec(time_limit=1.0), seed=seed, policy=None)


@given(st.floats(0, 1), st.integers(0, 2**53 - 1), st.integers(0, 1000))
@settings(max_examples=50)
def test_the_lot_is_the_same_for_the_same_seed_and_grows_with_the_share(share, seed, number):
    """None at 0, all at 1, and whoever is drawn at a share is drawn at every larger one."""
    request = asked(seed, number)
    assert not drawn(Shadow(share=0.0), request)
    assert drawn(Shadow(share=1.0), request)
    assert drawn(Shadow(share=share), request) == drawn(Shadow(share=share), asked(seed, number))
    if drawn(Shadow(share=share), request):
        assert drawn(Shadow(share=min(1.0, share + 0.1)), request)


@pytest.mark.parametrize("differ", [asked, lambda i: asked(7, i)], ids=["seeds", "instances"])
def test_the_share_is_that_of_the_requests(differ):
    """Of 4,000 different seeds, or instances with one seed, a tenth within four standard deviations."""
    count = sum(drawn(Shadow(share=0.1), differ(i)) for i in range(4_000))
    assert abs(count - 400) < 4 * (4_000 * 0.1 * 0.9) ** 0.5


@pytest.mark.parametrize(
    "wrong", [{"share": -0.1}, {"share": 1.5}, {"share": float("nan")}, {"seconds": -1}, {"seconds": float("inf")}]
)
def test_what_is_out_of_range_is_refused(wrong):
    """Before anything is opened."""
    with pytest.raises(BadInput, match="must be"):
        Shadow(**wrong)


async def test_every_other_candidate_solves_what_was_drawn(tmp_path):
    """With the run's seed and budget, from nothing, behind everybody; its outcomes count, also that it broke."""
    async with opened(tmp_path, *THREE) as engine:
        run = await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest", seed=5, time_limit=2.0, iterations=9)
        await run.result()
        await engine.shadowed()
        found = await shadows_of(engine)
        assert [(data["solver"], end) for data, _, end in found] == [
            ("toy.first", "RunCompleted"),
            ("toy.broken", "RunFailed"),
        ]
        request = (await engine.state(run.id)).request
        for data, _, _ in found:
            assert data["budget"] == request.budget.model_dump()
            assert (data["seed"], data["within"], data["fresh"], data["priority"]) == (5, run.id, True, LOWEST)
        elo = engine.follower.state("elo")
        better, worse, failed = (elo.record("toy", f"toy.{name}") for name in ("smallest", "first", "broken"))
        assert (better.wins, better.met, worse.games, worse.met) == (1, 1, 1, 1)
        assert better.rating > worse.rating
        assert (failed.failures, failed.mean_loss) == (1, 1.0)
        for _, stream, _ in found:
            assert (await engine.verify_choice(stream)).identical


async def test_what_is_no_single_success_of_a_user_has_no_shadow(tmp_path):
    """Several tasks, a failure, a cancellation, a start from a known result, a race; nor a shadow itself."""
    racers = [solver(n, SeedableKernel(ends=True), runs_in="kernel", seedable=True) for n in ("left", "right")]
    async with opened(tmp_path, *THREE, *racers, shadow=EVERY) as engine:
        problem = Toy(numbers=(3, 1, 2))
        await (await engine.submit({"a": problem, "b": problem}, solver="toy.smallest")).result()
        with pytest.raises(RunFailedError):
            await (await engine.submit(problem, solver="toy.broken")).result()
        await (await engine.submit(problem, pans=("left", "right"), iterations=20)).result()
        await engine.shadowed()
        assert await shadows_of(engine) == []
        seeded = await engine.submit(problem, solver="toy.left", iterations=20)
        await seeded.result()
        assert (await engine.state(seeded.id)).tasks["main"].result.seeded_from is not None
        await (await engine.submit(problem, solver="toy.smallest", purpose="tournament")).result()
        await engine.shadowed()
        assert await shadows_of(engine) == []


async def test_nothing_is_shadowed_unless_asked_for(tmp_path):
    """Off by default, and at share 0."""
    for shadow in (None, Shadow(share=0.0)):
        async with opened(tmp_path, *THREE, shadow=shadow) as engine:
            await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest")).result()
            await engine.shadowed()
            assert await shadows_of(engine) == []


def slow(problem, budget, seed):
    """Half a second of work."""
    time.sleep(0.5)
    return Answer(first(problem, budget, seed).solution)


async def test_the_budget_is_of_the_log_and_survives_a_restart(tmp_path):
    """Half a second each of 2.2, of which a limit of one must be left: three, and then no more, in any process."""
    solvers = (solver("smallest", smallest), *(solver(f"slow{i}", slow, runs_in="thread") for i in range(4)))
    frugal = Shadow(share=1.0, seconds=2.2)
    async with opened(tmp_path, *solvers, shadow=frugal) as engine:
        await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest", time_limit=1.0)).result()
        await engine.shadowed()
        assert [data["solver"] for data, _, _ in await shadows_of(engine)] == ["toy.slow0", "toy.slow1", "toy.slow2"]
    async with opened(tmp_path, *solvers, shadow=frugal) as engine:
        used = sum(engine.follower.state("shadow_work").minutes.values())
        assert 1.5 <= used <= 2.2
        await (await engine.submit(Toy(numbers=(4, 1, 2)), solver="toy.smallest", time_limit=1.0)).result()
        await engine.shadowed()
        assert len(await shadows_of(engine)) == 3
    async with opened(tmp_path, *solvers, shadow=Shadow(share=1.0, seconds=100)) as engine:
        await (await engine.submit(Toy(numbers=(5, 1, 2)), solver="toy.smallest", time_limit=1.0)).result()
        await engine.shadowed()
        assert len(await shadows_of(engine)) == 7


async def test_a_request_stops_the_shadow_that_is_going_and_it_is_tried_again(tmp_path):
    """One slot: the request is answered though the shadow would work for a minute; three tries, then it is left."""
    solvers = (solver("smallest", smallest), solver("endless", Kernel(), runs_in="kernel"))
    async with opened(tmp_path, *solvers, capacity={"cpu": 1}) as engine:
        started = engine.log.subscribe(types=["AttemptStarted"])
        await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest", time_limit=60.0)).result()
        with anyio.fail_after(30):
            for number in range(4, 7):
                async for recorded in started:
                    if recorded.data["solver"] == "toy.endless":
                        break
                again = Toy(numbers=(number, 1, 2))
                await (await engine.submit(again, solver="toy.smallest", time_limit=1e5)).result()
            await engine.shadowed()
        assert [(data["tasks"][0]["size"], end) for data, _, end in await shadows_of(engine)] == [
            (3, "RunCancelled")
        ] * 3
        reasons = [r.data["reason"] for r in await engine.log.read(types=["RunCancelled"])]
        assert reasons == ["it gave way to a request"] * 3


async def test_a_shadow_waits_while_a_request_is_going(tmp_path):
    """It begins after the last of them has ended."""
    gated = Gated()
    solvers = (solver("smallest", smallest), solver("gated", gated, runs_in="thread"))
    async with opened(tmp_path, *solvers, capacity={"cpu": 4}) as engine:
        going = await engine.submit(Toy(numbers=(9, 8)), solver="toy.gated")
        await anyio.to_thread.run_sync(gated.begun.wait)
        await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest")).result()
        await anyio.sleep(0.2)
        assert await shadows_of(engine) == []
        gated.gate.set()
        await going.result()
        await engine.shadowed()
        assert {data["solver"] for data, _, _ in await shadows_of(engine)} == {"toy.gated", "toy.smallest"}
        assert gated.order[0] == (9, 8)


async def test_closing_cancels_the_shadow_that_is_going_and_begins_no_other(tmp_path):
    """Recorded, and nothing is left for the next process to take up."""
    solvers = (solver("smallest", smallest), solver("one", Kernel(), runs_in="kernel"), solver("two", Kernel(), runs_in="kernel"))  # fmt: skip
    async with opened(tmp_path, *solvers) as engine:
        await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest", time_limit=60.0)).result()
        with anyio.fail_after(30):
            async for recorded in engine.log.subscribe(types=["AttemptStarted"]):
                if recorded.data["solver"] == "toy.one":
                    break
    async with opened(tmp_path, *solvers, shadow=None) as engine:
        assert [(data["solver"], end) for data, _, end in await shadows_of(engine)] == [("toy.one", "RunCancelled")]
        assert engine.adopted == []


async def test_the_shadow_of_a_worker_that_was_killed_is_cancelled_by_the_next(tmp_path, spawn):
    """Its run is over: there is nothing to finish, and its time is not spent again."""
    child = spawn(CHILD, f"sqlite:///{tmp_path}/mezan.db", env=None)
    stream = child.stdout.readline().strip()
    assert stream
    child.kill()
    child.wait(10)
    solvers = (solver("smallest", smallest), solver("endless", Kernel(), runs_in="kernel"))
    async with opened(tmp_path, *solvers, shadow=None) as engine:
        assert engine.adopted == []
        async for recorded in engine.log.subscribe(stream=stream):
            if recorded.type == "RunCancelled":
                assert recorded.data["reason"] == "its worker is gone"
                break
