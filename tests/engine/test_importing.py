"""Imports: each outcome once, whatever happens in between; and what they change in ratings, clusters and choices."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from mezan.api import open_engine
from mezan.engine.errors import RunNotFound
from mezan.engine.importing import stream_of
from mezan.projections.elo import Elo
from mezan.solvers.errors import BadInput
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.selection.past import from_csv as past_csv
from mezan.solvers.selection.past.results import PastOutcome, PastResults

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).parent / "child_import.py"
SMALL = Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=5)


def table(path, instances=150, seed=0):
    """Three solvers whose order is a, b, c, on instances of two features."""
    rng = random.Random(seed)
    lines = ["instance,solver,objective,seconds,budget,feature:n,feature:d"]
    for i in range(instances):
        for solver, worse in (("a", 0), ("b", 5), ("c", 30)):
            lines.append(f"i{i},{solver},{100 + worse + rng.random():.4f},{rng.random():.3f},10,{10 + i},{i % 3}")
    path.write_text("\n".join(lines) + "\n")
    return path


async def imported(url, results):
    async with open_engine(url, durability="relaxed") as engine:
        return await engine.import_results(results)


async def outcomes_of(engine):
    return [r.data for r in await engine.log.read(types=["OutcomeImported"], limit=100_000)]


def bare(data):
    return (data["instance"], data["solver"], data["objective"], data["seconds"])


@pytest.mark.parametrize(("batches", "known"), [(2, 0), (6, 80)])
async def test_an_import_that_was_killed_ends_with_each_outcome_once(tmp_path, spawn, batches, known):
    """Killed after a batch of instances, or of outcomes; the same call then gives the same standings as one that was not."""
    path = table(tmp_path / "runs.csv")
    results = past_csv.read(path, family="toy")
    url = f"sqlite:///{tmp_path}/killed.db"
    child = spawn(CHILD, url, path, batches)
    assert child.wait(60) == 9
    first = await imported(url, results)
    assert first.known == known
    assert first.outcomes + first.known == len(results.outcomes) == 450
    again = await imported(url, results)
    assert (again.instances, again.outcomes, again.known) == (0, 0, 450)
    whole = f"sqlite:///{tmp_path}/whole.db"
    await imported(whole, results)
    async with open_engine(url, recover=False) as one, open_engine(whole, recover=False) as other:
        assert [bare(data) for data in await outcomes_of(one)] == [bare(data) for data in await outcomes_of(other)]
        assert one.follower.state("elo") == other.follower.state("elo")
        assert one.follower.state("clusters") == other.follower.state("clusters")
        assert one.follower.state("examples") == other.follower.state("examples")
        assert (await one.log.verify()).ok


async def test_a_table_that_has_grown_adds_what_is_new(tmp_path):
    """Also of rows that are equal: as many as there are more of."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    rows = [PastOutcome("i", "toy.a", 10.0, "ok", 1.0, 1.0), PastOutcome("i", "toy.b", 10.0, "failed", None, 1.0)]
    results = PastResults("toy", "min", "t", rows)
    assert (await imported(url, results)).outcomes == 2
    grown = replace(results, outcomes=[*rows, rows[0], PastOutcome("j", "toy.a", 10.0, "ok", 3.0, 1.0)])
    done = await imported(url, grown)
    assert (done.instances, done.outcomes, done.known) == (1, 2, 2)
    other = await imported(url, replace(results, source="elsewhere"))
    assert (other.instances, other.outcomes, other.known) == (1, 2, 0)


async def test_imported_outcomes_count_like_those_of_here(tmp_path):
    """The better solver has the higher rating; clusters are fitted, and outcomes lie in the clusters of the import."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    await imported(url, past_csv.read(table(tmp_path / "runs.csv"), family="toy"))
    async with open_engine(url) as engine:
        elo, clusters = engine.follower.state("elo"), engine.follower.state("clusters")
        ratings = {solver: elo.record("toy", solver) for solver in ("toy.a", "toy.b", "toy.c")}
        assert ratings["toy.a"].rating > 1600
        assert ratings["toy.c"].rating < 1400
        assert [record.outcomes for record in ratings.values()] == [150] * 3
        assert ratings["toy.a"].mean_loss < 0.01 < ratings["toy.b"].mean_loss < ratings["toy.c"].mean_loss
        assert clusters["toy"].count == 150
        assert {data["cluster"].split(".")[0] for data in await outcomes_of(engine)} == {"toy/80"}
        stats = engine.follower.state("solver_stats").solvers["toy.a@imported"]
        assert (stats["imported"], stats["successes"], stats["family"]) == (150, 150, "toy")
        assert len(engine.follower.state("examples")["toy"].table.rows) == 450
        # the fold of all events, not of this process's own
        assert await engine.as_of("elo", (await engine.log.head()).position) == elo
        assert Elo().load(Elo().dump(elo)) == elo


async def test_what_is_imported_changes_the_next_choice_and_no_earlier_one(tmp_path):
    """A policy that takes the least mean loss follows the import; cards from before it are still made again to the bit."""
    rows = [
        PastOutcome(f"i{i}", f"knapsack.{name}", 10.0, "ok", 1.0, 1.0, loss)
        for i in range(30)
        for name, loss in (("dp", 0.9), ("highs", 0.8), ("greedy", 0.0))
    ]
    async with open_engine(f"sqlite:///{tmp_path}/mezan.db") as engine:
        before = await engine.submit(SMALL, policy="single_best", seed=1)
        await before.result()
        chosen = (await engine.why(before.id)).solver
        losses = {name: 0.0 if f"knapsack.{name}" != chosen else 1.0 for name in ("dp", "highs", "greedy")}
        told = [replace(row, loss=losses[row.solver.removeprefix("knapsack.")]) for row in rows]
        await engine.import_results(PastResults("knapsack", "max", "t", told))
        after = await engine.submit(SMALL, policy="single_best", seed=1, fresh=True)
        await after.result()
        card = await engine.why(after.id)
        assert card.solver != chosen
        assert {c.solver: c.trials for c in card.candidates}[card.solver] == 30
        for run in (before, after):
            assert (await engine.verify_choice(run.id)).identical


async def test_an_import_is_no_run(tmp_path):
    """It is not found, listed, resumed or replayed as one."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    rows = [PastOutcome("i", "toy.a", 10.0, "ok", 1.0, 1.0)]
    async with open_engine(url) as engine:
        done = await engine.import_results(PastResults("toy", "min", "t", rows))
        assert done.stream == stream_of("toy", "t")
        for ask in (engine.find, engine.replay, engine.verify_choice, engine.why):
            with pytest.raises(RunNotFound):
                await ask(done.stream)
        await engine.follower.flush()
        assert await engine.store.rows("runs") == []
    async with open_engine(url) as engine:
        assert engine.adopted == []


async def test_features_must_be_those_of_the_family(tmp_path):
    """Others would make clusters and examples start afresh; none at all are taken, and leave both as they are."""
    url = f"sqlite:///{tmp_path}/mezan.db"
    rows = [PastOutcome("i", "toy.a", 10.0, "ok", 1.0, 1.0)]
    async with open_engine(url) as engine:
        await engine.import_results(PastResults("toy", "min", "t", rows, {"i": {"n": 1.0}}))
        with pytest.raises(BadInput, match="must have the features that it has here, n; u has m"):
            await engine.import_results(PastResults("toy", "min", "u", rows, {"i": {"m": 1.0}}))
        await engine.import_results(PastResults("toy", "min", "u", [replace(rows[0], instance="j")]))
        lessons = engine.follower.state("examples")["toy"]
        assert lessons.table.names == ("n",)
        assert [row.instance for row in lessons.table.rows] == ["i"]
        assert engine.follower.state("clusters")["toy"].count == 1
        assert engine.follower.state("elo").record("toy", "toy.a").outcomes == 2
    with pytest.raises(BadInput, match="must be open"):
        await engine.import_results(PastResults("toy", "min", "t", rows))
