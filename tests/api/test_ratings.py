"""`leaderboard`, `profile` and `clusters` over a log with enough in it to rank, and over one with too little."""

from pathlib import Path

import anyio
import pytest
from histories import History

from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import BradleyTerry, Clusters, Elo
from mezan.projections.bradley_terry import strengths
from mezan.projections.clusters import described

from .conftest import CLI


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> CLI:
    """A folder whose log holds 400 runs of nine made-up solvers."""
    made = CLI(tmp_path_factory.mktemp("busy"), cache)

    async def fill() -> None:
        history = History(5, instances=40, imports=0.1)
        async with SQLiteStore.open(f"sqlite:///{made.folder}/mezan.db", durability="relaxed") as store:
            for _ in range(400):
                stream, events = history.run()
                await store.append(Write(stream, events))

    anyio.run(fill)
    return made


async def folded(cli: CLI, projection):
    async with SQLiteStore.open(f"sqlite:///{cli.folder}/mezan.db", read_only=True) as store:
        state, events = projection.initial(), await store.read(limit=1_000_000)
        for event in events:
            if event.type in projection.handles:
                state = projection.apply(state, event)
        return state


@pytest.mark.parametrize("by", ["elo", "bt"])
def test_the_leaderboard_ranks_by_either_rating_and_prints_both(busy: CLI, by: str) -> None:
    """Figures are those of the folds, each family is ranked from 1 by the one that was asked for."""
    rows = busy("leaderboard", "--by", by, "--json").json
    elo, ladders = anyio.run(folded, busy, Elo()), anyio.run(folded, busy, BradleyTerry())
    assert len(rows) == 9
    for family in ("graph", "knapsack", "qap"):
        own = [row for row in rows if row["family"] == family]
        assert [row["rank"] for row in own] == list(range(1, len(own) + 1))
        rated = [row["rating"] if by == "elo" else row["bradley_terry"]["rating"] for row in own]
        assert rated == sorted(rated, reverse=True)
        for row in own:
            record = elo.record(family, row["solver"])
            one = strengths(ladders, family, "").overall[row["solver"]]
            assert (row["rating"], row["error"], row["games"]) == (record.rating, record.error, record.games)
            shown = row["bradley_terry"]
            assert (shown["rating"], shown["low"], shown["matches"]) == (one.rating, one.low, one.matches)
            assert row["wins"] + row["draws"] + row["losses"] == row["games"]
    out = busy("leaderboard", "--by", by).out
    assert "± 95 %" in out
    assert max(map(len, busy("leaderboard", "--family", "qap").out.splitlines())) <= 100


def test_the_leaderboard_inside_a_cluster_is_shrunk_to_the_familys(busy: CLI) -> None:
    """Bradley-Terry there has the family's ratings as its prior."""
    rows = busy("leaderboard", "--cluster", "qap/40.1", "--by", "bt", "--json").json
    ladders = anyio.run(folded, busy, BradleyTerry())
    local = strengths(ladders, "qap", "qap/40.1").in_cluster
    assert {row["solver"]: row["bradley_terry"]["rating"] for row in rows} == {s: x.rating for s, x in local.items()}
    assert rows[0]["cluster"] == "qap/40.1"


def test_too_few_games_are_said_to_be_too_few(solved: CLI) -> None:
    """Two solvers that have met once have no rank, and a line says why."""
    rows = solved("leaderboard", "--family", "knapsack", "--json").json
    assert [row["rank"] for row in rows] == [None, None]
    assert not any(row["bradley_terry"]["ranked"] for row in rows)
    shown = solved("leaderboard", "--family", "knapsack")
    assert "not enough matches: a rank needs 5 games" in shown.err
    assert shown.out.splitlines()[1].startswith("-")


def test_profiles_show_how_losses_fall(busy: CLI, solved: CLI) -> None:
    """Mean losses at fixed seconds, as JSON with the number of attempts behind each; a family without outcomes is empty."""
    rows = busy("profile", "qap", "--json").json
    assert len(rows) == 4
    for row in rows:
        counted = [point for point in row["points"] if point["attempts"]]
        assert counted[0]["attempts"] == row["attempts"]
        assert all(0 <= point["loss"] <= 1 for point in counted)
        assert counted[0]["loss"] > counted[4]["loss"]
    out = busy("profile", "qap").out
    assert "0.01 s" in out
    assert "qap.ils" in out
    assert solved("profile", "knapsack").code == 0
    busy("profile", "odd").refused("family must be one of")


def test_clusters_say_what_stands_out(busy: CLI, solved: CLI) -> None:
    """Sizes, centres and scores are those of the fold; a family of one instance is one cluster without a fit."""
    rows = busy("clusters", "qap", "--json").json
    state = anyio.run(folded, busy, Clusters())
    expected = described(state, "qap")
    assert [row["cluster"] for row in rows] == [one.cluster for one in expected]
    assert [row["instances"] for row in rows] == [one.instances for one in expected]
    for row, one in zip(rows, expected, strict=True):
        assert row["centre"] == one.centre
        scores = [abs(entry["z"]) for entry in row["stands_out"]]
        assert scores == sorted(map(abs, one.scores.values()), reverse=True)[:3]
    assert "stands out by" in busy("clusters").out
    assert [row["cluster"] for row in solved("clusters", "--json").json] == ["knapsack/0", "qap/0"]
    busy("clusters", "odd").refused("family must be one of")
