"""`mezan bench aslib`: the protocol against a computation by hand, and the command."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from mezan.api.bench.aslib import Decision, Part, cross_validate, part, score
from mezan.api.bench.selectors import SELECTORS, elo, selector
from mezan.solvers.errors import UnknownName
from mezan.solvers.selection.models.schedules import Step
from mezan.solvers.selection.past.aslib import Scenario, read_scenario

from .conftest import CLI, DATA

TOYS = DATA / "aslib"
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "aslib"


class Oracle:
    """Knows the answers: for checking what the protocol makes of decisions."""

    def __init__(self, scenario: Scenario, *, pays: bool) -> None:
        self.scenario, self.pays = scenario, pays

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        assert len(train.X) == 32

    def decide(self, X, feature_cost) -> list[Decision]:
        made = []
        for x in X:
            [i] = np.flatnonzero(self.scenario.X[:, 0] == x[0])
            made.append(Decision([Step(int(self.scenario.par10[i].argmin()), None)], self.pays, "oracle"))
        return made


def test_the_virtual_best_closes_the_whole_gap_but_for_the_features() -> None:
    """An oracle without features gets 1; one that pays for them loses their cost, as a share of the gap."""
    toy = read_scenario(TOYS / "TOY-RUNTIME")
    free = cross_validate(toy, "oracle", lambda: Oracle(toy, pays=False))
    assert free.gap_closed == pytest.approx(1)
    assert (free.instances, free.solved_given_solvable, free.rules) == (80, 1.0, {"oracle": 80})
    pays = cross_validate(toy, "oracle", lambda: Oracle(toy, pays=True))
    gap = free.par10_single_best - free.par10_virtual_best
    assert pays.gap_closed == pytest.approx(1 - toy.feature_cost.mean() / gap)


def test_the_single_best_closes_nothing() -> None:
    """The baseline is the single best solver of each training part; its PAR10 is computed here by hand."""
    toy = read_scenario(TOYS / "TOY-RUNTIME")
    lost = []
    for folds in toy.folds:
        for fold in range(1, 6):
            best = toy.par10[folds != fold].mean(axis=0).argmin()
            lost += list(toy.par10[folds == fold, best])
    result = cross_validate(toy, "single_best", selector("single_best"))
    assert result.gap_closed == pytest.approx(0, abs=1e-12)
    assert result.par10 == pytest.approx(np.mean(lost))
    assert result.rules == {"single_best": 80}


def test_decisions_are_charged_as_they_run() -> None:
    """Features first, then each slice; beyond the cutoff it is a failure; a quality is that of the first solver."""
    toy = read_scenario(TOYS / "TOY-RUNTIME")
    i = int(np.argmin(toy.par10[:, 0]))
    took, cost = toy.par10[i, 0], toy.feature_cost[i]
    assert score(toy, i, Decision([Step(0, None)], False)) == took
    assert score(toy, i, Decision([Step(1, 7.0), Step(0, None)], True)) == pytest.approx(cost + 7 + took)
    assert score(toy, i, Decision([Step(1, None), Step(0, None)], True)) == 1000
    quality = read_scenario(TOYS / "TOY-QUALITY")
    assert score(quality, 3, Decision([Step(2, None)], True)) == quality.par10[3, 2]


@pytest.mark.parametrize("name", [name for name in SELECTORS if name not in {"single_best", "elo_cluster"}])
def test_selectors_close_most_of_the_gap_of_the_toys(name) -> None:
    """The toys' first feature tells which solver is good: every learning selector sees it."""
    for toy, least in (("TOY-RUNTIME", 0.5), ("TOY-QUALITY", 0.3)):
        assert cross_validate(read_scenario(TOYS / toy), name, selector(name)).gap_closed > least


def test_unknown_selectors_are_refused() -> None:
    """The message lists those there are."""
    with pytest.raises(UnknownName, match="elo_cluster"):
        selector("best")


def test_elo_by_hand() -> None:
    """Two solvers, one game: 16 points move; a draw between equals moves none; the order of solvers does not matter."""
    assert elo(np.array([[1.0, 2.0]])).tolist() == [1516, 1484]
    assert elo(np.array([[2.0, 2.0]])).tolist() == [1500, 1500]
    games = np.random.default_rng(0).normal([0, 0.5, 1, 2], size=(50, 4))
    assert elo(games)[::-1] == pytest.approx(elo(games[:, ::-1]))
    assert np.argsort(-elo(games)).tolist()[3] == 3


def test_a_part_hides_the_rest() -> None:
    """Training parts have the rows asked for, in order."""
    toy = read_scenario(TOYS / "TOY-RUNTIME")
    some = part(toy, np.array([4, 2]))
    assert np.array_equal(some.X, toy.X[[4, 2]], equal_nan=True)
    assert np.array_equal(some.par10, toy.par10[[4, 2]])


def test_the_command_prints_a_json_line_for_each_scenario(cli: CLI) -> None:
    """The default closes most of the toys' gaps, with the documented keys; the table ends with the mean."""
    ran = cli("bench", "aslib", str(TOYS), "--json")
    assert ran.code == 0, ran.err
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["scenario"] for row in rows] == ["TOY-QUALITY", "TOY-RUNTIME"]
    for row in rows:
        assert row.keys() >= {"scenario", "policy", "gap_closed", "par10", "solved_given_solvable", "seconds"}
        assert (row["policy"], row["instances"]) == ("default", 80)
        assert 0.3 < row["gap_closed"] <= 1
    assert rows[0]["solved_given_solvable"] is None
    assert rows[1]["solved_given_solvable"] == 1
    again = [json.loads(line) for line in cli("bench", "aslib", str(TOYS), "--json").out.splitlines()]
    assert [row | {"seconds": 0} for row in again] == [row | {"seconds": 0} for row in rows]
    shown = cli("bench", "aslib", str(TOYS), "--policy", "knn")
    assert shown.code == 0
    assert "TOY-RUNTIME" in shown.out
    assert "knn: mean gap closed" in shown.out


def test_what_is_no_scenario_is_refused(cli: CLI, tmp_path) -> None:
    """An empty or absent folder, an unknown policy, and a broken scenario end with 2 and one line."""
    cli("bench", "aslib", str(tmp_path)).refused("ASlib scenario")
    cli("bench", "aslib", str(tmp_path / "absent")).refused("readable folder")
    cli("bench", "aslib", str(TOYS), "--policy", "best").refused("selector", "pairwise")
    shutil.copytree(TOYS / "TOY-RUNTIME", tmp_path / "toy")
    (tmp_path / "toy" / "cv.arff").write_text("@relation cv\n@data\n")
    cli("bench", "aslib", str(tmp_path / "toy")).refused("cv.arff")


@pytest.mark.shared
@pytest.mark.parametrize(("name", "least"), [("SAT11-RAND", 0.9), ("CPMP-2015", 0.7), ("OPENML-WEKA-2017", -0.05)])
def test_public_scenarios_are_closed_as_measured(name, least) -> None:
    """With another seed than was tuned with, the share of the gap closed stays near what `benchmarks` reports."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"no ASlib scenario {name} beside the checkout")
    result = cross_validate(read_scenario(SHARED / name), "default", selector("default"), seed=77)
    assert result.gap_closed >= least
    assert math.isfinite(result.par10)
