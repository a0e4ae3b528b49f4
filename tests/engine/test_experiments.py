"""A/B tests on a real engine: who decides a run, that it can be verified, and that the end is recorded once, whatever happens."""

import math
from collections import Counter
from pathlib import Path

import anyio
import pytest
from child_run import knapsack
from toys import Toy, broken, catalog, first, smallest, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine import experiments as ab
from mezan.engine.errors import RunNotFound
from mezan.engine.log import Write
from mezan.engine.streams import whole_stream
from mezan.projections.experiments import ABTests, running
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, UnknownName
from mezan.solvers.problem import Bound
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_run.py"
GOOD, BAD = solver("good", smallest), solver("bad", first)
PORTFOLIO = catalog(BAD, GOOD, bound=lambda problem: Bound(1.0, "nothing is below"))
POLICIES = Policies.default()
OPTIONS = {"durability": "relaxed", "capacity": {"cpu": 2}, "catalog": PORTFOLIO}


def problem(i):
    """The first number is bad, the smallest is the bound."""
    return Toy(numbers=(50 + i, 9, 1))


def planned(*arms, name="spring", portfolio=PORTFOLIO, **options):
    """A checked start with a fixed salt."""
    return ab.planned(portfolio, POLICIES, name, arms, **{"seed": 3, **options})


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mezan.db"


async def start(engine, *arms, **options):
    event = planned(*arms, **options)
    await ab.start(engine.store, event, running(engine.follower.states))
    return event


async def solve(engine, i, **options):
    """One run to its end, and its cards."""
    run = await engine.submit(problem(i), seed=i, **options)
    await run.result()
    return run.id, [r.event for r in await whole_stream(engine.store, run.id) if r.type == "SolverChosen"]


async def ends(store):
    return [r.event for r in await store.read(types=["ExperimentStopped"])]


async def test_a_better_solver_wins_and_the_test_stops_itself(url):
    """Runs are shared out by a hash, cards say to whom, choices verify, and one event ends it; then the policy decides again."""
    async with open_engine(url, **OPTIONS) as engine:
        event = await start(engine, "solver:toy.bad", "solver:toy.good")
        arms = Counter()
        for i in range(60):
            run, (card,) = await solve(engine, i)
            if card.experiment is None:
                break
            arms[card.arm] += 1
            assert card.arm == ab.assignment(event, run).arm == f"solver:{card.solver}"
            assert (card.policy, card.forced, card.experiment) == ("forced", False, "spring")
            assert "experiment spring names" in card.reason
            assert (await engine.verify_choice(run)).identical
        (stopped,) = await ends(engine.store)
        assert (stopped.reason, stopped.winner) == ("decided", "solver:toy.good")
        assert stopped.outcomes == dict(arms)
        assert stopped.lower > 0
        assert i < 50
        assert card.policy == DEFAULT_POLICY
        assert (await engine.replay(run)).identical
        assert (await engine.store.verify()).ok


async def test_policies_are_arms_and_keep_their_names(url):
    """`why` shows the policy that decided, so that the card can be chosen again."""
    async with open_engine(url, **OPTIONS) as engine:
        await start(engine, "thompson", "epsilon_greedy", family="toy")
        seen = set()
        for i in range(12):
            run, (card,) = await solve(engine, i)
            assert card.policy == card.arm
            seen.add(card.policy)
            assert (await engine.verify_choice(run)).identical
        assert seen == {"thompson", "epsilon_greedy"}


async def test_a_tampered_assignment_does_not_verify(url):
    """A card that claims another arm than the hash gives is found."""
    async with open_engine(url, **OPTIONS) as engine:
        event = await start(engine, "thompson", "epsilon_greedy")
        run, (card,) = await solve(engine, 1)
        other = next(arm for arm in event.arms if arm != card.arm)
        history = [r.event for r in await whole_stream(engine.store, run)]
        fake = [e.model_copy(update={"arm": other}) if isinstance(e, ev.SolverChosen) else e for e in history]
        copy = next(name for i in range(99) if ab.assignment(event, name := f"run_{i}").arm == card.arm)
        await engine.store.append(Write(copy, fake))
        report = await engine.verify_choice(copy)
        assert (report.identical, report.difference.field) == (False, "arm")
        stray = [e.model_copy(update={"experiment": "never"}) if isinstance(e, ev.SolverChosen) else e for e in history]
        await engine.store.append(Write("run_stray", stray))
        with pytest.raises(BadInput, match="never started"):
            await engine.verify_choice("run_stray")


async def test_who_names_something_is_left_out(url):
    """A request with a policy, a solver or a race is not assigned; nor are problems that an arm's solver refuses."""
    picky = solver("picky", smallest, refuses=lambda problem: "too odd" if problem.numbers[0] % 2 else None)
    options = {**OPTIONS, "catalog": catalog(BAD, GOOD, picky)}
    async with open_engine(url, **options) as engine:
        await start(engine, "thompson", "solver:toy.picky", portfolio=options["catalog"])
        cards = [
            (await solve(engine, i, **told))[1][0]
            for i, told in enumerate([{"policy": "elo_ucb"}, {"solver": "toy.bad"}])
        ]
        assert [card.experiment for card in cards] == [None, None]
        assert (await solve(engine, 1))[1][0].experiment is None
        assert (await solve(engine, 2))[1][0].experiment == "spring"


async def test_shares_are_kept():
    """Of 4,000 run ids, within four standard errors; each id always in the same arm."""
    event = planned("thompson", "ucb1", shares=(0.8, 0.2))
    ids = [f"run_{i}" for i in range(4_000)]
    arms = [ab.assignment(event, run).arm for run in ids]
    assert abs(arms.count("thompson") / 4_000 - 0.8) < 4 * math.sqrt(0.16 / 4_000)
    assert arms == [ab.assignment(event, run).arm for run in ids]
    other = [ab.assignment(event.model_copy(update={"seed": 4}), run).arm for run in ids]
    assert 0.6 < sum(a == b for a, b in zip(arms, other, strict=True)) / 4_000 < 0.76


async def test_a_failure_counts_and_the_next_choice_is_not_forced_on_the_broken_arm(url):
    """A solver that breaks has lost 1; the run goes on with another solver that the policy chooses."""
    bust = solver("bust", broken)
    async with open_engine(url, **{**OPTIONS, "catalog": catalog(bust, GOOD)}) as engine:
        await start(engine, "solver:toy.bust", "thompson", shares=(0.99, 0.01), portfolio=catalog(bust, GOOD))
        _, cards = await solve(engine, 1)
        assert [(card.solver, card.experiment) for card in cards] == [("toy.bust", "spring"), ("toy.good", None)]
        test = engine.follower.states["experiments"].tests["spring"]
        assert (test.arms["solver:toy.bust"].outcomes, test.arms["solver:toy.bust"].loss_sum) == (1, 1.0)


async def test_it_goes_on_after_a_restart_and_ends_if_the_end_was_lost(url):
    """The state comes back from the log; a stop rule that held when a process died is recorded by the next one."""
    async with open_engine(url, **OPTIONS) as engine:
        await start(engine, "solver:toy.bad", "solver:toy.good", maximum=4)
        for i in range(3):
            await solve(engine, i)
        before = ABTests().dump(engine.follower.states["experiments"])
    async with open_engine(url, **OPTIONS) as engine:
        assert ABTests().dump(engine.follower.states["experiments"]) == before
        assert await ends(engine.store) == []
        engine._experiments = None  # the process dies between the outcome and the event
        await solve(engine, 3)
        assert await ends(engine.store) == []
    async with open_engine(url, **OPTIONS) as engine:
        (stopped,) = await ends(engine.store)
        assert (stopped.reason, sum(stopped.outcomes.values())) == ("maximum", 4)
        assert (await solve(engine, 5))[1][0].experiment is None
        await engine.follower.rebuild("experiments")
        assert len(await ends(engine.store)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("point", ["run.chosen", "attempt.finished", "run.finished"])
async def test_a_killed_process_leaves_a_test_that_goes_on(tmp_path, spawn, point):
    """Runs that it was assigned are taken over, each counts once, and every choice verifies."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    async with open_engine(url, durability="relaxed") as engine:
        await start(engine, "solver:knapsack.greedy", "solver:knapsack.dp", portfolio=Catalog.default())
    child = spawn(CHILD, url, "--family", "knapsack", "--runs", 6, "--point", point, "--nth", 3)
    await anyio.to_thread.run_sync(child.communicate)
    assert child.returncode == 9
    async with open_engine(url, durability="relaxed") as engine:
        for run in engine.adopted:
            await engine.result_of(run)
        await solve_one(engine)
        test = engine.follower.states["experiments"].tests["spring"]
        cards = await engine.store.read(types=["SolverChosen"])
        requested = await engine.store.read(types=["RunRequested"])
        assert engine.adopted
        assert sum(arm.assigned for arm in test.arms.values()) == len({card.stream for card in cards}) == len(requested)
        assert sum(arm.outcomes for arm in test.arms.values()) == len(requested)
        assert test.open == {}
        for run in {card.stream for card in cards}:
            assert (await engine.verify_choice(run)).identical
        live = ABTests().dump(engine.follower.states["experiments"])
        await engine.follower.rebuild("experiments")
        assert ABTests().dump(engine.follower.states["experiments"]) == live


async def solve_one(engine):
    """One more run of the family that the child works on."""
    await (await engine.submit(knapsack(), seed=99)).result()


async def test_two_engines_on_one_file_share_a_test_and_end_it_once(url):
    """Started in one, seen in the other; both find the stop rule, one records it."""
    async with open_engine(url, **OPTIONS) as one, open_engine(url, **OPTIONS) as two:
        await start(one, "solver:toy.bad", "solver:toy.good", maximum=6)
        await two.follower.catch_up()
        for i in range(8):
            await solve((one, two)[i % 2], i)
            await one.follower.catch_up()
            await two.follower.catch_up()
        for engine in (one, two):
            await ab.settle(engine.store, engine._experiments, engine.follower.states)
        assert len(await ends(one.store)) == 1
        states = [ABTests().dump(engine.follower.states["experiments"]) for engine in (one, two)]
        assert states[0] == states[1]


async def test_the_stream_of_a_test_is_no_run(url):
    """Nothing that looks for runs finds it, and nobody recovers it."""
    async with open_engine(url, **OPTIONS) as engine:
        await start(engine, "thompson", "ucb1")
        with pytest.raises(RunNotFound):
            await engine.find("exp")
        await engine.follower.flush()
        assert await engine.store.rows("runs") == []
    async with open_engine(url, **OPTIONS) as engine:
        assert engine.adopted == []


@pytest.mark.parametrize(
    ("arms", "options", "words"),
    [
        (("thompson", "ucb1"), {"name": "two words"}, "letters"),
        (("thompson", "ucb1"), {"name": ""}, "letters"),
        (("thompson", "ucb1"), {"name": "x" * 65}, "letters"),
        (("thompson",), {}, "two different arms"),
        (("thompson", "thompson"), {}, "two different arms"),
        (("thompson", "ucb1", "elo_ucb"), {}, "two different arms"),
        (("thompson", "ucb1"), {"shares": (0.5, 0.4)}, "sum to 1"),
        (("thompson", "ucb1"), {"shares": (1.0, 0.0)}, "sum to 1"),
        (("thompson", "ucb1"), {"shares": (float("nan"), 0.5)}, "sum to 1"),
        (("thompson", "ucb1"), {"shares": (0.5, 0.3, 0.2)}, "sum to 1"),
        (("thompson", "ucb1"), {"alpha": 0.0}, "alpha"),
        (("thompson", "ucb1"), {"alpha": float("nan")}, "alpha"),
        (("thompson", "ucb1"), {"least_difference": 1.0}, "least difference"),
        (("thompson", "ucb1"), {"maximum": 1}, "maximum"),
        (("thompson", "ucb1"), {"maximum": 10**9}, "maximum"),
        (("thompson", "ucb1"), {"seed": -1}, "seed"),
        (("thompson", "solver:toy.good"), {"family": "qap"}, "must be of the experiment's family"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused(arms, options, words):
    """Before anything is recorded; the message says which rule."""
    with pytest.raises(BadInput, match=words):
        planned(*arms, **options)


@pytest.mark.parametrize("arms", [("thompson", "elo_ubc"), ("thompson", "solver:toy.god")])
def test_unknown_arms_get_the_usual_error(arms):
    """With the names that there are."""
    with pytest.raises(UnknownName):
        planned(*arms)
    with pytest.raises(UnknownName):
        planned("thompson", "ucb1", family="nothing")


async def test_one_test_at_a_time_takes_a_familys_runs_and_a_name_is_used_once(url):
    """Another start is refused with what to do about it; after the end the name stays taken."""
    async with open_engine(url, **OPTIONS) as engine:
        await start(engine, "thompson", "ucb1")
        with pytest.raises(BadInput, match="stop it first"):
            await start(engine, "thompson", "elo_ucb", name="summer", family="toy")
        test = engine.follower.states["experiments"].tests["spring"]
        assert await ab.stop(engine.store, test.end("stopped"))
        assert not await ab.stop(engine.store, test.end("stopped"))
        with pytest.raises(BadInput, match="used once"):
            await start(engine, "thompson", "ucb1")
        await start(engine, "thompson", "ucb1", name="summer")
