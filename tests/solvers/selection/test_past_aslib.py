"""Scenarios as past results: of running times and of qualities."""

from pathlib import Path

import numpy as np
import pytest

from mezan.solvers.errors import BadInput
from mezan.solvers.selection.past.aslib import read_scenario
from mezan.solvers.selection.past.from_aslib import read

DATA = Path(__file__).parents[2] / "data" / "aslib"


def losses(results, scenario):
    """[instance, algorithm], in the scenario's order."""
    place = {(one.instance, one.solver): one.loss for one in results.outcomes}
    return np.array([[place[i, f"{results.family}.{a}"] for a in scenario.algorithms] for i in scenario.instances])


def test_losses_of_a_runtime_scenario_are_its_par10_over_ten_cutoffs():
    """As the reader computes PAR10; what was not solved has no objective and the loss 1."""
    scenario, results = read_scenario(DATA / "TOY-RUNTIME"), read(DATA / "TOY-RUNTIME")
    assert results.family == f"aslib/{scenario.name}"
    assert losses(results, scenario) == pytest.approx(scenario.par10 / (10 * scenario.cutoff))
    assert {one.objective is None for one in results.outcomes if one.status != "ok"} == {True}
    assert {one.loss for one in results.outcomes if one.status != "ok"} == {1.0}
    assert sum(one.status == "ok" for one in results.outcomes) == scenario.solved.sum()
    assert all(0.0 <= one.seconds <= one.budget == scenario.cutoff for one in results.outcomes)
    assert {tuple(sorted(row)) for row in results.features.values()} == {tuple(sorted(scenario.features))}
    assert all(np.isfinite(list(row.values())).all() for row in results.features.values())


def test_losses_of_a_quality_scenario_order_its_algorithms():
    """Wherever one is better than another it has the smaller loss; the best of an instance has none."""
    scenario, results = read_scenario(DATA / "TOY-QUALITY"), read(DATA / "TOY-QUALITY", family="mine", source="there")
    assert (results.family, results.source, results.sense) == ("mine", "there", "max" if scenario.maximize else "min")
    got = losses(results, scenario)
    assert (got.min(axis=1) == 0.0).all()
    for row, told in zip(scenario.par10, got, strict=True):
        better = row[:, None] < row[None, :]
        assert (told[:, None] <= told[None, :])[better].all()


def test_a_folder_that_is_no_scenario_is_refused(tmp_path):
    """Whatever is in it."""
    with pytest.raises(BadInput, match="must be a folder with"):
        read(tmp_path)
