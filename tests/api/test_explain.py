"""Why a solver was chosen, and what to expect of the others: read from the log, asked of the real policies."""

import anyio
import numpy as np
import pytest

from mezan.api import explain, open_engine
from mezan.engine.errors import RunNotFound
from mezan.projections import DEFAULT
from mezan.projections.clusters import assign, compress, expand, places
from mezan.solvers.errors import UnknownName
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.problem import Bound, loss, objective_at
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

pytestmark = pytest.mark.anyio


def knapsacks(count):
    """Instances of two kinds: few large items, many small ones."""
    rng = np.random.default_rng(5)
    made = []
    for i in range(count):
        n, top = (6, 1000) if i % 2 else (24, 20)
        weights = rng.integers(1, top, n)
        values = weights + rng.integers(0, 5, n)
        made.append(Knapsack(values=values.tolist(), weights=weights.tolist(), capacity=int(weights.sum()) // 2))
    return made


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A database of 50 runs, and the last of them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('explained')}/mezan.db"

    async def fill():
        async with open_engine(url, policy="epsilon_greedy") as engine:
            for i, problem in enumerate(knapsacks(50)):
                run = await engine.submit(problem, seed=i)
                await run.result()
            return run.id

    return url, anyio.run(fill)


async def test_an_explanation_is_what_the_log_held_at_that_moment(known):
    """Features against the cluster, outcomes before the choice, and the same policy asked with one thing changed."""
    url, run = known
    async with open_engine(url, read_only=True) as engine:
        found = await explain(engine.store, run)
        card = await engine.why(run)
        clusters = await engine.as_of("clusters", card.as_of)
        events = {e.position: e for e in await engine.log.read(upto=card.as_of)}
    assert found.card == card
    assert card.policy == "epsilon_greedy"
    assert {place.name for place in found.features} == set(clusters["knapsack"].names)
    distances = [abs(place.deviation) for place in found.features]
    assert distances == sorted(distances, reverse=True)
    assert assign(clusters, "knapsack", {p.name: p.value for p in found.features}) == card.cluster
    assert {card.solver, found.rival} <= {one.solver for one in found.evidence}
    for one in found.evidence:
        event = events[one.position]
        assert (event.type, event.data["solver"], event.data["loss"]) == (one.event, one.solver, one.loss)
    scores = {c.solver: c.score for c in card.candidates if c.score is not None}
    assert found.margin == scores[card.solver] - scores[found.rival]
    changes = {a.change: a.solver for a in found.alternatives}
    assert changes[f"without {card.solver}"] != card.solver
    assert {f"by policy {p.name}" for p in Policies.default() if p.name != card.policy} < set(changes)
    assert any(change.startswith("in cluster ") for change in changes)


async def test_a_run_that_chose_nothing_has_no_explanation(known):
    """A task that is not there, likewise."""
    url, run = known
    async with open_engine(url, read_only=True) as engine:
        with pytest.raises(RunNotFound, match="to say why"):
            await explain(engine.store, run, task="other")


async def test_a_prediction_is_the_choice_that_is_then_made(known):
    """Nothing is recorded by asking; the chances sum to one; what is expected of a solver is near what it did."""
    url, _ = known
    problem = knapsacks(51)[-1]
    async with open_engine(url, policy="thompson") as engine:
        before = await engine.log.head()
        told = await engine.predict(problem, seed=9)
        assert await engine.log.head() == before
        run = await engine.submit(problem, seed=9)
        await run.result()
        card = await engine.why(run.id)
    assert told.card.model_copy(update={"as_of": card.as_of}) == card
    assert sum(one.best for one in told.forecasts) == pytest.approx(1, abs=1e-3)
    assert [one.best for one in told.forecasts] == sorted((one.best for one in told.forecasts), reverse=True)
    exact = next(one for one in told.forecasts if one.solver == "knapsack.dp")
    assert exact.outcomes >= 5
    assert exact.low <= exact.loss <= exact.high
    assert exact.loss < 0.1
    assert exact.seconds[1] <= exact.seconds[0] <= exact.seconds[2]
    assert exact.objective == pytest.approx(told.bound.value * (1 - exact.loss))


async def test_asking_a_closed_log_gives_the_same_prediction(known):
    """Opened read-only, the standings are folded for the question."""
    url, _ = known
    problem = knapsacks(53)[-1]
    async with open_engine(url) as engine:
        live = await engine.predict(problem, policy="ucb1")
    async with open_engine(url, read_only=True) as engine:
        assert await engine.predict(problem, policy="ucb1") == live


async def test_who_decides_is_set_for_the_engine_for_a_family_or_by_the_request(tmp_path):
    """The request goes first, then the family's setting, then the engine's."""
    problem = knapsacks(1)[0]
    chosen = []
    settings = ["single_best", {"knapsack": "ucb1"}, {"qap": "ucb1"}]
    for i, setting in enumerate(settings):
        async with open_engine(f"sqlite:///{tmp_path}/{i}.db", policy=setting) as engine:
            for named in (None, "thompson"):
                run = await engine.submit(problem, policy=named, fresh=True)
                await run.result()
                chosen.append((await engine.why(run.id)).policy)
            assert (await engine.verify_choice(run.id)).identical
    assert chosen == ["single_best", "thompson", "ucb1", "thompson", DEFAULT_POLICY, "thompson"]
    with pytest.raises(UnknownName, match="thompson"):
        async with open_engine(f"sqlite:///{tmp_path}/0.db", policy={"qap": "thomson"}):
            pass


def test_expand_undoes_compress():
    """Within rounding, over many magnitudes and both signs."""
    for x in [0.0, 0.3, 1.0, 1.5, -7.25, 1e-9, 123456.789, -1e12]:
        assert expand(compress(x)) == pytest.approx(x, rel=1e-12, abs=1e-15)
    assert places({}, "qap", {"size": 1.0}) == []


@pytest.mark.parametrize("sense", ["min", "max"])
def test_an_expected_objective_has_the_expected_loss(sense):
    """The inverse of the loss, for bounds that have one."""
    bound = Bound(80.0, "any")
    assert loss(objective_at(0.25, bound, sense), bound, sense) == pytest.approx(0.25)
    assert objective_at(0.25, Bound(-3.0, "any"), sense) is None
    assert objective_at(1.0, bound, sense) is None


def test_a_policy_reads_only_what_is_folded_for_it():
    """Every projection that standings are made of is among the default ones."""
    from mezan.api.open import STANDINGS_READ

    assert set(STANDINGS_READ) <= {projection.name for projection in DEFAULT}
