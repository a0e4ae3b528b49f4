"""The lab on real logs: the engine's own choices come out as they were, a better policy wins, and the same log gives the same table."""

import dataclasses
import threading
from collections.abc import Mapping, Sequence

import anyio
import pytest
from toys import Toy, broken, catalog, first, smallest, solver

from mezan.api import open_engine
from mezan.api.open import STANDINGS_READ
from mezan.engine import events as ev
from mezan.engine import lab, lab_log
from mezan.engine.log import NEW, Write
from mezan.engine.streams import whole_stream
from mezan.projections import DEFAULT, standings
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Bound
from mezan.solvers.selection.choices import certain, eligible
from mezan.solvers.selection.policy import Candidate, Choice
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Standings

pytestmark = pytest.mark.anyio
POLICIES = Policies.default()
PROJECTIONS = [projection for projection in DEFAULT if projection.name in STANDINGS_READ]
PORTFOLIO = catalog(
    solver("bad", first), solver("good", smallest), bound=lambda problem: Bound(1.0, "nothing is below")
)  # fmt: skip
OPTIONS = {"durability": "relaxed", "capacity": {"cpu": 2}, "catalog": PORTFOLIO}


@dataclasses.dataclass(frozen=True)
class Always:
    """One solver, whatever is known."""

    solver: str
    name: str
    version: str = "1"

    def choose(self, standings: Standings, features: Mapping, candidates: Sequence[Candidate], key: int) -> Choice:
        able = eligible(candidates)
        pick = next((one for one in able if one.solver == self.solver), able[0])
        return certain(pick, candidates, {}, "always")


def problem(i):
    """The first number is bad by a known loss, the smallest is the bound."""
    return Toy(numbers=(2 + i % 5, 9, 1))


def lost(i):
    """What `first` loses there."""
    return 1 - 1 / (2 + i % 5)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/mezan.db"


async def compare(engine, *policies, portfolio=PORTFOLIO, **options):
    head = await engine.store.head()
    return await lab.compare(
        engine.store,
        [POLICIES.policy(one) if isinstance(one, str) else one for one in policies],
        projections=PROJECTIONS,
        standings=standings,
        catalog=portfolio,
        **{"upto": head.position if head else 0, **options},
    )


async def solve(engine, i, **options):
    run = await engine.submit(problem(i), seed=i, **options)
    await run.result()
    return run.id


def frozen(report):
    """Everything in a report, as bytes."""
    return repr([
        [j.policy, j.evaluation.dr, j.evaluation.snips, j.evaluation.ips, j.best_regret, j.single_regret, j.curve.tobytes(),
         j.evaluation.warnings, j.evaluation.effective] for j in report.policies
    ] + [report.decisions, report.logged, report.single_best]).encode()  # fmt: skip


@pytest.mark.parametrize(
    "policy", ["elo_ucb", "thompson", "epsilon_greedy", "forest", "hedge", "linear_thompson", "bradley_terry"]
)
async def test_the_policy_that_decided_decides_the_same_again(url, policy):
    """The standings of each moment are the engine's own: its chances come out to the bit, and its mean loss is the log's."""
    async with open_engine(url, **OPTIONS) as engine:
        async with anyio.create_task_group() as tasks:  # several at once, so that standings lag behind the log
            for i in range(30):
                tasks.start_soon(lambda i=i: solve(engine, i, policy=policy))
        asked = {}

        @dataclasses.dataclass(frozen=True)
        class Spy:
            inner: object
            name: str = policy
            version: str = "1"

            def choose(self, standings, features, candidates, key):
                choice = self.inner.choose(standings, features, candidates, key)
                asked[standings.position, key] = choice
                return choice

        report = await compare(engine, Spy(POLICIES.policy(policy)))
        cards = [r.event for r in await engine.store.read(types=["SolverChosen"], limit=10_000)]
        assert report.decisions == len(cards) == 30
        for card in cards:
            choice = asked[card.as_of, card.key]
            assert choice.solver == card.solver
            assert choice.reason == card.reason
            assert [one.propensity for one in choice.scored] == [one.propensity for one in card.candidates]
        (judged,) = report.policies
        # every weight is one
        assert judged.evaluation.ips.value == pytest.approx(report.logged)
        assert judged.evaluation.effective == pytest.approx(30)


async def test_a_better_policy_wins_and_the_figures_are_true(url):
    """A log that explores, and two policies whose mean losses are known exactly: nothing, and what the first number loses."""
    async with open_engine(url, **OPTIONS) as engine:
        for i in range(60):
            await solve(engine, i, policy="thompson")
        report = await compare(engine, Always("toy.good", "good"), Always("toy.bad", "bad"), "single_best")
        good, bad, _ = report.policies
        truth = sum(map(lost, range(60))) / 60
        assert (good.evaluation.dr.value, good.best_regret) == pytest.approx((0.0, 0.0), abs=0.02)
        assert bad.evaluation.dr.lower <= truth <= bad.evaluation.dr.upper
        assert good.evaluation.dr.upper < report.logged or good.evaluation.dr.value < bad.evaluation.dr.value - 0.2
        assert report.single_best == {"toy": "toy.good"}
        assert bad.single_regret == pytest.approx(bad.evaluation.dr.value - good.evaluation.dr.value)
        assert len(bad.curve) == report.decisions == 60
        assert bad.curve[-1] / 60 == pytest.approx(bad.best_regret, abs=0.02)


async def test_outcomes_of_other_runs_stand_in_for_choices_that_were_not_made(url):
    """Runs that name a solver are no decisions, but tell exactly what it would have lost there, under the same budget only."""
    async with open_engine(url, **OPTIONS) as engine:
        chosen = []
        for i in range(5):
            run = await solve(engine, i)
            chosen.append((await engine.why(run)).solver)
            for name in ("toy.bad", "toy.good"):
                await solve(engine, i, solver=name)
        report = await compare(engine, Always("toy.bad", "bad"))
        found = report.policies[0].evaluation
        assert report.decisions == 5
        assert found.known == 1.0
        assert found.dr.value == pytest.approx(sum(map(lost, range(5))) / 5)
        assert found.matched == pytest.approx(found.dr.value)
        other = await compare(engine, Always("toy.bad", "bad"), family="toy")
        assert frozen(other) == frozen(report)
    assert "toy.good" in chosen


async def test_imported_outcomes_stand_in_too(url):
    """An outcome that was measured elsewhere, of the same instance under the same budget."""
    async with open_engine(url, **OPTIONS) as engine:
        run = await solve(engine, 0, policy="single_best")
        history = {r.type: r.event for r in await whole_stream(engine.store, run)}
        card, profile, request = (history[name] for name in ("SolverChosen", "ProblemProfiled", "RunRequested"))
        other = next(one.solver for one in card.candidates if one.solver != card.solver)
        imported = ev.OutcomeImported(
            family="toy", instance=profile.instance, solver=other, version="1", cluster=card.cluster, sense="min",
            budget=request.budget, status="ok", objective=4.0, loss=0.75, seconds=1.0, source="elsewhere",
        )  # fmt: skip
        await engine.store.append(Write("import/1", [imported]))
        found = (await compare(engine, Always(other, "other"))).policies[0].evaluation
        assert (found.known, found.dr.value) == (1.0, 0.75)


async def test_another_budget_is_another_outcome(url):
    """What a solver lost in two seconds says nothing certain about one."""
    async with open_engine(url, **OPTIONS) as engine:
        await solve(engine, 0, time_limit=1.0, policy="single_best")
        for name in ("toy.bad", "toy.good"):
            await solve(engine, 0, time_limit=2.0, solver=name)
        report = await compare(engine, Always("toy.good", "good"), Always("toy.bad", "bad"))
        assert sorted(judged.evaluation.known for judged in report.policies) == [0.0, 1.0]


async def test_the_same_log_gives_the_same_table(url):
    """To the byte, while later events are ignored, and from another process's view of the file."""
    async with open_engine(url, **OPTIONS) as engine:
        for i in range(25):
            await solve(engine, i, policy="thompson")
        upto = (await engine.store.head()).position
        before = await compare(engine, "elo_ucb", "ucb1", "thompson")
        for i in range(5):
            await solve(engine, i)
        assert frozen(await compare(engine, "elo_ucb", "ucb1", "thompson", upto=upto)) == frozen(before)
    async with open_engine(url, read_only=True, catalog=PORTFOLIO) as engine:
        assert frozen(await compare(engine, "elo_ucb", "ucb1", "thompson", upto=upto)) == frozen(before)


async def test_only_decisions_for_users_in_the_range_count(url):
    """Not forced ones, not the engine's own runs, not those before ``since``; failures count with loss 1."""
    portfolio = catalog(solver("bust", broken), solver("good", smallest), bound=lambda p: Bound(1.0, "none"))
    async with open_engine(url, **{**OPTIONS, "catalog": portfolio}) as engine:
        run = await solve(engine, 1, policy="single_best")
        history = [r.event for r in await whole_stream(engine.store, run)]
        shadow = [history[0].model_copy(update={"purpose": "shadow"}), *history[1:]]
        await engine.store.append(Write("run_shadow", shadow, NEW))
        await solve(engine, 2, solver="toy.good")
        report = await compare(engine, "single_best", portfolio=portfolio)
        # the bust attempt, and the choice after it
        assert report.decisions == 2
        assert report.logged == pytest.approx(0.5)
        since = (await engine.store.head()).position
        with pytest.raises(BadInput, match="it has none"):
            await compare(engine, "single_best", portfolio=portfolio, since=since)
        await solve(engine, 3, policy="single_best")
        assert (await compare(engine, "single_best", portfolio=portfolio, since=since)).decisions == 1


async def test_decisions_without_an_outcome_are_said(url):
    """A cancelled run was a decision, but nobody knows what it would have lost."""
    async with open_engine(url, **OPTIONS) as engine:
        run = await solve(engine, 1)
        history = [r.event for r in await whole_stream(engine.store, run)]
        cut = next(i for i, event in enumerate(history) if isinstance(event, ev.AttemptStarted))
        other = history[1].model_copy()
        profile = history[2].model_copy(update={"instance": "another"})
        await engine.store.append(
            Write(
                "run_cut", [history[0], other, profile, *history[3 : cut + 1], ev.RunCancelled(reason="x", seconds=1.0)]
            )
        )
        report = await compare(engine, "elo_ucb")
        assert (report.decisions, report.unrated) == (1, 1)


async def test_memory_is_bounded(url, monkeypatch):
    """Of more decisions than the limit the latest are looked at, and the others are counted."""
    monkeypatch.setattr(lab_log, "MOST", 4)
    async with open_engine(url, **OPTIONS) as engine:
        for i in range(7):
            await solve(engine, i)
        report = await compare(engine, "elo_ucb")
        assert (report.decisions, report.left_out) == (4, 3)


@pytest.mark.parametrize("names", [[], ["ucb1", "ucb1"]])
async def test_policies_must_be_some_and_different(url, names):
    """Of one name there is one row."""
    async with open_engine(url, **OPTIONS) as engine:
        with pytest.raises(BadInput, match="different policies"):
            await compare(engine, *names, upto=0)


async def test_the_event_loop_goes_on_meanwhile(url):
    """Policies are asked on a thread, and so is all folding."""
    async with open_engine(url, **OPTIONS) as engine:
        for i in range(20):
            await solve(engine, i)
        here, threads = threading.get_ident(), set()

        @dataclasses.dataclass(frozen=True)
        class Where(Always):
            def choose(self, *arguments):
                threads.add(threading.get_ident())
                return super().choose(*arguments)

        await compare(engine, Where("toy.good", "good"))
        assert threads
        assert here not in threads


def test_known_outcomes_leave_out_the_decisions_own():
    """Means of sums, with its own loss taken out where it was counted."""
    place = ("toy", "i", 1.0, None, None, None)
    mine = lab_log.Decision(1, 0, 0, "p", "toy.a", place, {}, (), {"toy.a": 1.0}, loss=0.25, counted=True)
    found = lab_log.DecisionLog(outcomes={place: {"toy.a": (1.0, 3), "toy.b": (0.5, 1)}})
    assert found.known(mine, "toy.a") == pytest.approx(0.375)
    assert found.known(mine, "toy.b") == 0.5
    assert found.known(mine, "toy.c") is None
    assert found.known(dataclasses.replace(mine, counted=False), "toy.a") == pytest.approx(1 / 3)
