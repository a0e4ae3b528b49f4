"""A slice of the time for the first solver, and the rest for another one: real runs of toy solvers that wait."""

import threading
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio
import pytest
from toys import Gated, Kernel, Toy, catalog, first, history, of, smallest, solver

from mezan.engine import events as ev
from mezan.engine.errors import RunFailedError
from mezan.engine.lab_log import read_decisions
from mezan.engine.streams import whole_stream
from mezan.solvers.problem import Bound
from mezan.solvers.selection.default import DEFAULT
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.single_best import SingleBest

pytestmark = pytest.mark.anyio
PROBLEM = Toy(numbers=(5, 2, 4))
LIMIT = 0.6


@dataclass(frozen=True)
class Slicing:
    """The first solver in order that is left, for half the time."""

    name: str = "slicing"
    version: str = "1"
    share: float | None = 0.5

    def choose(self, standings, features, candidates, key):
        able = [one if one.refused else one._replace(prior=-float(i)) for i, one in enumerate(candidates)]
        untried = replace(standings, overall={})
        choice = SingleBest().choose(untried, features, able, key)
        return replace(choice, time_share=self.share)


@pytest.fixture
def gated():
    """A solver that never answers, until the test is over."""
    waiting = Gated()
    yield waiting
    waiting.gate.set()


@pytest.fixture
def opened(opened):
    """With a policy of the test's own, where it has one."""

    def open_(*solvers, policy=None, **options):
        if policy is not None:
            options |= {"policies": Policies([*Policies.default(), policy]), "policy": policy.name}
        return opened(*solvers, **options)

    return open_


async def test_another_solver_gets_the_time_that_is_left(opened, gated):
    """The run succeeds with it; both budgets, the choices and their order stand in the log, and both come out the same again."""
    told = []

    def ask(problem, budget, seed):
        told.append(budget.time_limit)
        return smallest(problem, budget, seed)

    async with opened(solver("gated", gated, "thread"), solver("ask", ask, "thread"), policy=Slicing()) as engine:
        run = await engine.submit(PROBLEM, time_limit=LIMIT)
        with anyio.fail_after(20):
            result = await run.result()
        assert (result.solver, result.objective) == ("toy.ask", 2.0)
        events = await history(engine, run)
        stopped, ended = of(events, ev.AttemptTimedOut)[0], of(events, ev.AttemptSucceeded)[0]
        assert (stopped.solver, stopped.final, stopped.budget.time_limit) == ("toy.gated", False, LIMIT / 2)
        assert LIMIT / 2 <= stopped.seconds < LIMIT
        assert ended.budget.time_limit == pytest.approx(LIMIT - stopped.seconds)
        assert told == [ended.budget.time_limit]
        sliced, second = of(events, ev.SolverChosen)
        assert (sliced.time_share, second.excluded) == (0.5, ("toy.gated",))
        recorded = await whole_stream(engine.store, run.id)
        position = next(r.position for r in recorded if r.type == "AttemptTimedOut")
        assert second.as_of >= position, "the second choice must know of the first one's failure"
        assert (await engine.verify_choice(run.id)).identical
        assert (await engine.replay(run.id)).identical
        assert told == 2 * [ended.budget.time_limit], "it is repeated with the time that it had"


async def test_a_solver_that_answers_in_its_slice_is_not_disturbed(opened):
    """Its budget is the slice, and nobody else is asked."""
    async with opened(solver("first", first, "thread"), solver("other", smallest), policy=Slicing()) as engine:
        run = await engine.submit(PROBLEM, time_limit=10)
        assert (await run.result()).solver == "toy.first"
        events = await history(engine, run)
        assert len(of(events, ev.SolverChosen)) == 1
        assert of(events, ev.AttemptSucceeded)[0].budget.time_limit == 5.0


async def test_where_nobody_else_is_left_there_is_no_slice(opened, gated):
    """The only solver has all the time; the last of several as well, and then the run fails."""
    async with opened(solver("gated", gated, "thread"), policy=Slicing(), capacity={"cpu": 1}) as engine:
        run = await engine.submit(PROBLEM, time_limit=LIMIT, deadline=LIMIT)
        with anyio.fail_after(20), pytest.raises(RunFailedError, match="no feasible solution"):
            await run.result()
        (ended,) = of(await history(engine, run), ev.AttemptTimedOut)
        assert (ended.final, ended.budget.time_limit) == (True, LIMIT)


async def test_a_deadline_ends_the_run_whatever_the_slice(opened, gated):
    """No other solver is chosen when no time is left for it."""
    async with opened(solver("gated", gated, "thread"), solver("other", first), policy=Slicing()) as engine:
        run = await engine.submit(PROBLEM, time_limit=60, deadline=0.3)
        with anyio.fail_after(20), pytest.raises(RunFailedError) as failed:
            await run.result()
        assert failed.value.error == "timed-out"
        events = await history(engine, run)
        assert [event.final for event in of(events, ev.AttemptTimedOut)] == [True]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
async def test_a_share_must_be_a_part_of_the_time(opened, share):
    """A policy that says otherwise fails the run, by its name."""
    async with opened(solver("first", first), solver("other", first), policy=Slicing(share=share)) as engine:
        run = await engine.submit(PROBLEM)
        with anyio.fail_after(20), pytest.raises(RunFailedError, match="between 0 and 1; slicing gave"):
            await run.result()


async def test_a_kernel_has_all_the_time(opened):
    """It has a solution from its first chunk on, so there is nothing to give up."""
    kernel = Kernel(ends=True)
    async with opened(solver("kernel", kernel, "kernel"), solver("other", first), policy=Slicing()) as engine:
        run = await engine.submit(PROBLEM, time_limit=30)
        assert (await run.result()).objective == 2.0
        events = await history(engine, run)
        assert of(events, ev.AttemptSucceeded)[0].budget.time_limit == 30
        assert of(events, ev.SolverChosen)[0].time_share == 0.5


async def test_a_run_that_is_taken_over_goes_on_with_what_its_slices_left(opened, gated):
    """The seconds used are folded from the log, so that the next engine gives the second solver no more than the rest."""
    second = Gated()
    solvers = [solver("gated", gated, "thread"), solver("second", second, "thread")]
    async with opened(*solvers, policy=Slicing(), hand_over=True) as engine:
        run = await engine.submit(PROBLEM, time_limit=2.0)
        await anyio.to_thread.run_sync(second.begun.wait, 20)
    second.gate.set()
    solvers[1] = solver("second", first, "thread")
    async with opened(*solvers, policy=Slicing()) as engine:
        with anyio.fail_after(20):
            result = await engine.result_of(run.id)
        assert result.solver == "toy.second"
        events = await history(engine, run)
        used = of(events, ev.AttemptTimedOut)[0].seconds
        assert of(events, ev.AttemptSucceeded)[0].budget.time_limit == pytest.approx(2.0 - used)


class Choosy:
    """Answers the problems it likes, and waits for the end of the test on others."""

    def __init__(self, over, likes):
        self.over, self.likes = over, likes

    def __call__(self, problem, budget, seed):
        if not self.likes(problem.numbers[0]):
            self.over.wait(20)
        return smallest(problem, budget, seed)


async def test_the_default_slices_where_solvers_fail_and_solves_more(opened):
    """Each of two solvers fails on half of the instances: after some failures the first choice is sliced and the second solves."""
    over = threading.Event()
    odd = solver("odd", Choosy(over, lambda number: number % 2), "thread")
    even = solver("even", Choosy(over, lambda number: not number % 2), "thread")
    ends, failed, seen = [], set(), set()
    try:
        async with opened(catalog=catalog(odd, even, bound=lambda problem: Bound(1.0, "the smallest"))) as engine:
            for i in range(16):
                run = await engine.submit(Toy(numbers=(i, 1, 2)), time_limit=0.2)
                with anyio.fail_after(20), suppress(RunFailedError):
                    await run.result()
                events = await history(engine, run)
                card = of(events, ev.SolverChosen)[0]
                # from its own first failure on, and while it is new where another has failed
                due = card.solver in failed or (failed and card.solver not in seen)
                assert (card.time_share is not None) == bool(due)
                seen |= {one.solver for one in of(events, ev.SolverChosen)}
                failed |= {event.solver for event in of(events, ev.AttemptTimedOut)}
                ends.append((type(events[-1]), card))
    finally:
        over.set()
    assert ends[0][1].time_share is None
    assert failed == {"toy.odd", "toy.even"}
    assert {end for end, card in ends if card.time_share is not None} == {ev.RunCompleted}
    assert sum(end is ev.RunFailed for end, _ in ends) <= 2
    sliced = next(card for _, card in ends if card.time_share is not None)
    assert sliced.time_share == DEFAULT.time_share
    assert "if it finds nothing in 65% of the time, another one is tried" in sliced.reason


async def test_a_sliced_choice_is_one_decision_in_the_lab(opened, gated):
    """With what came of the task in the end; neither solver's outcome stands in for one with all the time."""
    solvers = solver("gated", gated, "thread"), solver("first", first, "thread")
    async with opened(*solvers, policy=Slicing()) as engine:
        run = await engine.submit(PROBLEM, time_limit=LIMIT)
        await run.result()
        ended = of(await history(engine, run), ev.AttemptSucceeded)[0]
        head = await engine.store.head()
        found = await read_decisions(engine.store, {}, family=None, since=0, upto=head.position)
    (decision,) = found.decisions
    assert (decision.solver, decision.counted) == ("toy.gated", False)
    assert decision.loss == ended.loss
    assert found.outcomes == {}
