"""What can be asked for beside a problem: a mode that the problem prefers, and the gap at which to stop."""

import pytest
from toys import Kernel, Toy, broken, first, history, smallest, solver

from mezan.api import open_engine
from mezan.engine import events as ev
from mezan.engine.errors import IdempotencyConflict, RunFailedError
from mezan.solvers.errors import BadInput, UnknownName
from mezan.solvers.problem import Bound
from mezan.solvers.qap import QAP
from mezan.solvers.selection.registry import DEFAULT_POLICY

pytestmark = pytest.mark.anyio
SQUARE = [[abs(i - j) for j in range(6)] for i in range(6)]


class Wishing(Toy):
    """A toy whose author knows what should solve it."""

    wish: str

    @property
    def preferred(self):
        return self.wish


def wishing(wish, *numbers):
    return Wishing(numbers=numbers or (5, 3, 8), wish=wish)


async def test_a_problem_names_its_solver(opened):
    """It is recorded per task, chosen as if the user had named it, and repeated by a replay; others are left to the policy."""
    async with opened(solver("first", first), solver("smallest", smallest)) as engine:
        run = await engine.submit({"a": wishing("toy.smallest"), "b": Toy(numbers=(2, 1))}, seed=1)
        result = await run.result()
        assert result.tasks["a"].solver == "toy.smallest"
        cards = {event.task: event for event in await history(engine, run) if isinstance(event, ev.SolverChosen)}
        assert (cards["a"].policy, cards["a"].forced) == ("forced", True)
        assert (cards["b"].policy, cards["b"].forced) == (DEFAULT_POLICY, False)
        requested = (await history(engine, run))[0]
        assert [(spec.task, spec.solver) for spec in requested.tasks] == [("a", "toy.smallest"), ("b", None)]
        assert (await engine.replay(run.id)).identical
        assert (await engine.verify_choice(run.id)).identical


async def test_the_solver_that_a_submission_names_goes_first(opened):
    """Before what the problem prefers, which may then even be unknown."""
    async with opened(solver("first", first), solver("smallest", smallest)) as engine:
        run = await engine.submit(wishing("toy.absent"), solver="toy.first")
        assert (await run.result()).solver == "toy.first"


async def test_a_preferred_solver_that_breaks_is_not_replaced(opened):
    """It was asked for by name, so its failure is the run's."""
    async with opened(solver("first", first), solver("bad", broken)) as engine:
        with pytest.raises(RunFailedError):
            await (await engine.submit(wishing("toy.bad"))).result()


@pytest.mark.parametrize("size", [3, 100])
async def test_a_preference_that_cannot_be_met_is_refused_before_anything_is_recorded(opened, size):
    """An unknown solver, and one that does not take the problem."""
    shy = solver("shy", first, refuses=lambda problem: "it is shy")
    async with opened(solver("first", first), shy) as engine:
        with pytest.raises(UnknownName, match=r"toy\.absent"):
            await engine.submit(wishing("toy.absent", *range(size)))
        with pytest.raises(BadInput, match="it is shy"):
            await engine.submit(wishing("toy.shy", *range(size)))
        assert await engine.store.head() is None


async def test_another_mode_under_the_same_key_is_another_request(opened):
    """A preference is part of what was asked for."""
    async with opened(solver("first", first), solver("smallest", smallest)) as engine:
        await engine.submit(wishing("toy.first"), idempotency_key="k")
        with pytest.raises(IdempotencyConflict):
            await engine.submit(wishing("toy.smallest"), idempotency_key="k")


async def test_a_mode_of_a_qap_is_a_solver_of_its_family(opened, tmp_path):
    """One that no release has yet is the ordinary error about names."""
    async with open_engine(f"sqlite:///{tmp_path}/qap.db") as engine:
        problem = QAP(A=SQUARE, B=SQUARE, mode="aggressive")
        if "qap.aggressive" in {s.name for s in engine.catalog.family("qap").solvers}:
            run = await engine.submit(problem, iterations=10)
            assert (await run.result()).solver == "qap.aggressive"
        else:
            with pytest.raises(UnknownName, match=r"qap\.aggressive"):
                await engine.submit(problem)


SLOW = (200,) * 8 + (105,) + (150,) * 7
"""A kernel's first chunk is eight iterations, one number each: the good one comes later."""


def bounded(value):
    return {"bound": lambda problem: Bound(value, "told")}


async def test_a_run_stops_within_the_gap_that_was_asked_for(opened):
    """And says so; a wider limit than the gap changes nothing."""
    async with opened(solver("kernel", Kernel(), "kernel"), family=bounded(100.0)) as engine:
        run = await engine.submit(Toy(numbers=SLOW), gap=5, time_limit=30)
        result = await run.result()
        assert (result.objective, result.stopped, result.proved_optimal) == (105.0, "gap", False)
        assert (await history(engine, run))[0].budget.gap == 5
        assert (await engine.replay(run.id)).identical
        at_once = await (await engine.submit(Toy(numbers=SLOW), gap=100, time_limit=30)).result()
        assert (at_once.objective, at_once.stopped, at_once.iterations) == (200.0, "gap", 8)


@pytest.mark.parametrize("family", [bounded(100.0), {"bound": lambda problem: None}, bounded(0.0)])
async def test_a_gap_that_is_not_closed_stops_nothing(opened, family):
    """Too narrow, without a bound, or at a bound of zero."""
    async with opened(solver("kernel", Kernel(), "kernel"), family=family) as engine:
        run = await engine.submit(Toy(numbers=SLOW), gap=4.9, iterations=100)
        assert (await run.result()).stopped == "iterations"


@pytest.mark.parametrize("options", [{"gap": -1}, {"gap": float("nan")}, {"gap": float("inf")}, {"gap": "5"}, {"fresh": "no"}])  # fmt: skip
async def test_what_breaks_a_rule_is_refused(opened, options):
    """By name, with nothing recorded."""
    async with opened(solver("first", first)) as engine:
        with pytest.raises(BadInput, match=next(iter(options))):
            await engine.submit(Toy(numbers=(1, 2)), **options)
        assert await engine.store.head() is None
