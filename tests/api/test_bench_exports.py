"""A benchmark as CSV, Parquet and an ASlib scenario: read back, every value is there."""

import csv
import io
import sys

import numpy as np
import pytest
from made_benchmarks import digest, made

from mezan.api.bench.cells import COLUMNS, csv_text, write_parquet
from mezan.api.bench.measures import Measures
from mezan.api.bench.scenario import write_scenario
from mezan.engine.grids import Benchmark, Moment
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.past.aslib import read_scenario

SOLVERS = ("qap.a", "qap.b", "qap.odd one, it's")
INSTANCES = [f"nug{k}" for k in range(12)]


def outcome(solver: str, instance: str, seed: int) -> dict:
    """The first reaches 100, the second stays 10 % above and fails on nug3, the third refuses nug5 and times out on nug7."""
    k, s = INSTANCES.index(instance), SOLVERS.index(solver)
    if (s, k) == (1, 3):
        return {"status": "failed", "seconds": 0.5, "error": "solver-failed", "message": "it\nbroke"}
    if (s, k) == (2, 5):
        return {"status": "refused", "run": None}
    if (s, k) == (2, 7):
        return {"status": "timeout", "seconds": 10.0, "error": "timed-out"}
    value = 100.0 if s != 1 else 110.0
    at = 0.5 * seed + k
    return {"objective": value, "seconds": at, "course": (Moment(0.01, 150.0, 1), Moment(at, value, 2)), "loss": 0.1}


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    """Three solvers, twelve instances, three seeds."""
    return made(SOLVERS, INSTANCES, outcome, seeds=3, name="export-1")


def test_csv_has_a_row_per_cell_with_every_digit(benchmark: Benchmark) -> None:
    """Numbers come back equal; what is not there is empty."""
    rows = list(csv.DictReader(io.StringIO(csv_text(Measures(benchmark)))))
    assert [row["solver"] for row in rows] == [cell.solver for cell in benchmark.cells]
    assert list(rows[0]) == list(COLUMNS)
    for row, cell in zip(rows, benchmark.cells, strict=True):
        assert row["digest"] == cell.instance
        assert (float(row["objective"]) if row["objective"] else None) == cell.objective
        assert float(row["seconds"]) == cell.seconds
    by = {(row["solver"], row["instance"], row["seed"]): row for row in rows}
    assert (by["qap.b", "nug3", "1"]["status"], by["qap.b", "nug3", "1"]["gap"]) == ("failed", "")
    assert float(by["qap.b", "nug4", "1"]["gap"]) == pytest.approx(10)
    assert by["qap.b", "nug4", "1"]["time_to_target"] == ""
    assert float(by["qap.a", "nug4", "2"]["time_to_target"]) == 5.0


def test_parquet_holds_the_same_table(benchmark: Benchmark, tmp_path) -> None:
    """With its types, where pyarrow is installed."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow, of the extra parquet, is not installed")
    write_parquet(Measures(benchmark), tmp_path / "cells.parquet")
    table = parquet.read_table(tmp_path / "cells.parquet").to_pylist()
    assert [row["objective"] for row in table] == [cell.objective for cell in benchmark.cells]
    assert all(type(row["seed"]) is int and type(row["proved_optimal"]) is bool for row in table)


def test_parquet_without_pyarrow_names_the_extra(benchmark: Benchmark, tmp_path, monkeypatch) -> None:
    """And the file that needs nothing."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r"mezan\[parquet\].*CSV"):
        write_parquet(Measures(benchmark), tmp_path / "cells.parquet")
    assert not (tmp_path / "cells.parquet").exists()


def test_a_scenario_of_gaps_is_read_back(benchmark: Benchmark, tmp_path) -> None:
    """Names, features, costs and the median gap over seeds; failed and refused cells are not solved."""
    write_scenario(Measures(benchmark), tmp_path / "gaps")
    found = read_scenario(tmp_path / "gaps")
    assert (found.name, found.runtime, found.maximize) == ("export-1", False, False)
    assert found.instances == tuple(sorted(INSTANCES))
    assert found.algorithms == tuple(sorted(("qap.a", "qap.b", "qap.odd one, its")))
    assert found.features == ("dominance", "n")
    np.testing.assert_array_equal(
        found.X, [[INSTANCES.index(i) / 3, 10.0 + INSTANCES.index(i)] for i in found.instances]
    )
    at = {name: i for i, name in enumerate(found.instances)}
    np.testing.assert_allclose(found.performance[:, 0], 0.0)
    assert found.performance[at["nug4"], 1] == pytest.approx(10.0)
    unsolved = {(found.instances[i], found.algorithms[j]) for i, j in np.argwhere(~found.solved)}
    assert unsolved == {("nug3", "qap.b"), ("nug5", "qap.odd one, its"), ("nug7", "qap.odd one, its")}


def test_a_scenario_of_times_has_the_time_limit_as_its_cutoff(benchmark: Benchmark, tmp_path) -> None:
    """Median seconds to the target; what misses it counts ten times the limit."""
    write_scenario(Measures(benchmark), tmp_path / "times", "time")
    found = read_scenario(tmp_path / "times")
    assert (found.runtime, found.cutoff) == (True, 10.0)
    np.testing.assert_array_equal(found.feature_cost, 0.25)
    for i, name in enumerate(found.instances):
        median = 1.0 + INSTANCES.index(name)
        assert found.par10[i, 0] == (median if median <= 10 else 100.0)
        assert found.par10[i, 1] == 100.0
    assert not found.solved[:, 1].any()


def test_folds_are_ten_even_and_decided_by_the_seed(benchmark: Benchmark, tmp_path) -> None:
    """The same seed gives the same folds on every machine; another seed others."""
    folds = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_scenario(Measures(benchmark), tmp_path / name, seed=seed)
        folds.append(read_scenario(tmp_path / name).folds[0])
    assert (folds[0] == folds[1]).all()
    assert (folds[0] != folds[2]).any()
    counts = np.bincount(folds[0])[1:]
    assert len(counts) == 10
    assert set(counts.tolist()) == {1, 2}


def test_instances_that_share_a_label_stay_apart(tmp_path) -> None:
    """The beginning of the SHA-256 is added."""
    same = made(("qap.a",), ["x", "y"], lambda *_: {"objective": 1.0})
    instances = tuple(each.model_copy(update={"label": "twin"}) for each in same.opened.instances)
    same = same.model_copy(update={"opened": same.opened.model_copy(update={"instances": instances})})
    write_scenario(Measures(same), tmp_path / "twins")
    found = read_scenario(tmp_path / "twins").instances
    assert found == tuple(sorted(f"twin-{digest(i)[:12]}" for i in "xy"))


def test_only_a_finished_benchmark_with_instances_is_a_scenario(tmp_path) -> None:
    """An open one would lack runs, one instance has no folds; nothing is written."""
    for given, said in (
        (made(("qap.a",), ["x", "y"], lambda *_: {"objective": 1.0}, closed=False), "finished"),
        (made(("qap.a",), ["x"], lambda *_: {"objective": 1.0}), "two instances"),
    ):
        with pytest.raises(BadInput, match=said):
            write_scenario(Measures(given), tmp_path / "none")
    assert not (tmp_path / "none").exists()
