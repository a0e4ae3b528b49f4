"""`mezan bench` through the real command: grids that are run, killed, gone on with, reported, exported and compared."""

import csv
import json
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezan.solvers.selection.past.aslib import read_scenario

from .conftest import CLI, DATA

NUG12 = str(DATA / "qap/nug12.dat")
ITEMS = [
    str(DATA / "knapsack/odd24.knapsack"),
    str(DATA / "knapsack/strong60.kp"),
    str(DATA / "knapsack/uncorrelated40.kp"),
]
EXACT = "knapsack.dp,knapsack.greedy"


def write_small(folder: Path) -> list[str]:
    """QAPs of five, six and eight facilities."""
    rng, names = np.random.default_rng(5), []
    for n in (5, 6, 8):
        A, B = (np.triu(rng.integers(1, 50, (n, n)), 1) for _ in range(2))
        rows = [" ".join(map(str, row)) for M in (A + A.T, B + B.T) for row in M.tolist()]
        (folder / f"small{n}.dat").write_text("\n".join([str(n), *rows]) + "\n")
        names.append(f"small{n}.dat")
    return names


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> CLI:
    """A folder with the same small grid of QAPs run twice, limited by iterations, and one of knapsacks."""
    made = CLI(tmp_path_factory.mktemp("measured"), cache)
    small = write_small(made.folder)
    for name in ("first", "second"):
        grid = ("--solvers", "qap.tabu,qap.descent,qap.fft", "--seeds", "2", "--iterations", "60", "--name", name)
        done = made("bench", "run", *small, *grid)
        assert done.code == 0, done.err
        assert "qap.tabu on small8, seed 2" in done.err
    assert made("bench", "run", *ITEMS, "--family", "knapsack", "--solvers", EXACT, "--name", "items", "-q").err == ""
    return made


def test_every_cell_is_in_the_log_and_finds_the_optimum(measured: CLI) -> None:
    """Sixty iterations of tabu search solve eight facilities; the exact solver's optima are those of the files."""
    found = measured("bench", "report", "first", "--json").json
    assert (found["name"], found["family"], found["closed"]) == ("first", "qap", True)
    cells = found["benchmark"]["cells"]
    assert len(cells) == 18
    assert {cell["seed"] for cell in cells} == {1, 2}
    rows = {row["solver"]: row for row in found["solvers"]}
    assert rows["qap.tabu"]["best"] == 6
    assert rows["qap.fft"]["cells"] + rows["qap.fft"]["refused"] == 6
    assert rows["qap.fft"]["failures"] == 0
    items = measured("bench", "report", "items", "--json").json
    exact = next(row for row in items["solvers"] if row["solver"] == "knapsack.dp")
    assert (exact["best"], exact["mean_gap"], exact["failures"]) == (3, 0.0, 0)
    assert all(row["reference"] == row["best_known"] for row in items["instances"])


def test_the_document_has_these_parts(measured: CLI) -> None:
    """What programs may rely on; curves rise and stay in [0, 1]."""
    found = measured("bench", "report", "last", "--json").json
    assert set(found) == {"name", "family", "closed", "cells", "target", "solvers", "instances", "tests", "profiles", "benchmark"}  # fmt: skip
    assert set(found["solvers"][0]) == {
        "solver", "version", "cells", "solved", "best", "mean_gap", "median_gap", "par10", "mean_rank", "wins", "failures",
        "timeouts", "refused", "seconds",
    }  # fmt: skip
    assert set(found["tests"]) == {"solvers", "left_out", "instances", "alpha", "friedman", "wilcoxon"}
    curves = [*found["profiles"]["time"], *found["profiles"]["quality"], *found["profiles"]["data"], *found["profiles"]["ecdf"]["curves"]]  # fmt: skip
    assert len(curves) == 8
    for curve in curves:
        assert curve["x"] == sorted(curve["x"])
        assert curve["y"] == sorted(curve["y"])
        assert not curve["y"] or 0 < curve["y"][0] <= curve["y"][-1] <= 1
    environment = found["benchmark"]["opened"]["environment"]
    assert environment["packages"]["jax"]
    assert environment["devices"]


def test_the_list_has_the_newest_first(measured: CLI) -> None:
    """For people and for programs."""
    found = measured("bench", "list", "--json").json
    assert [(row["name"], row["closed"], row["done"]) for row in found] == [
        ("items", True, 6),
        ("second", True, found[1]["cells"]),
        ("first", True, found[2]["cells"]),
    ]
    shown = measured("bench", "list").out
    assert re.search(r"items\s+finished\s+knapsack\s+2\s+3\s+1\s+6/6", shown)


def test_a_report_writes_its_files(measured: CLI) -> None:
    """One page, the cells as CSV, and a scenario that is read back."""
    files = ("--html", "r.html", "--csv", "r.csv", "--aslib", "scenario", "--measure", "time")
    done = measured("bench", "report", "first", *files)
    assert done.code == 0, done.err
    assert "qap.tabu" in done.out
    assert "Friedman" in done.out or "needed for tests" in done.err
    page = (measured.folder / "r.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 5
    rows = list(csv.DictReader((measured.folder / "r.csv").read_text().splitlines()))
    assert len(rows) == 18
    scenario = read_scenario(measured.folder / "scenario")
    assert scenario.instances == ("small5", "small6", "small8")
    assert (scenario.runtime, scenario.cutoff) == (True, 10.0)
    assert scenario.solved[:, scenario.algorithms.index("qap.tabu")].all()
    assert np.isfinite(scenario.X).all()


def test_the_same_work_twice_is_the_same_to_the_bit(measured: CLI) -> None:
    """Two runs of one grid agree in every repeated cell, and exit with 0."""
    found = measured("bench", "compare", "second", "first", "--time", "1000", "--json").json
    assert found["worse"] == []
    assert found["environment"] == []
    assert {row["solver"]: row["repeated"] for row in found["solvers"]}["qap.tabu"] == 6
    assert all(row["differing"] == [] for row in found["solvers"])


def test_a_planted_drift_is_found_against_a_kept_report(measured: CLI) -> None:
    """One objective of the kept report is made better by one: the cell is named, and the exit code is 1."""
    kept = measured("bench", "report", "first", "--json").json
    file = measured.folder / "kept.json"
    file.write_text(json.dumps(kept))
    assert measured("bench", "compare", "second", "--baseline", "kept.json", "--time", "1000").code == 0
    cell = next(c for c in kept["benchmark"]["cells"] if c["solver"] == "qap.descent" and c["seed"] == 2)
    cell["objective"] -= 1.0
    kept["benchmark"]["opened"]["environment"]["cpu"] = "an older one"
    file.write_text(json.dumps(kept))
    found = measured("bench", "compare", "second", "--baseline", "kept.json", "--time", "1000")
    assert found.code == 1
    assert "not repeated" in found.out
    assert re.search(r"differs: qap\.descent on small5, seed 2", found.out)
    assert "environment: cpu was an older one" in found.out


def test_a_killed_benchmark_goes_on_and_counts_every_cell_once(cli: CLI) -> None:
    """kill -9 while the third of four cells runs: two are kept as they are, the third is run again from its beginning."""
    killed = cli.start(
        "bench", "run", NUG12, "--solvers", "qap.tabu", "--seeds", "4", "--time-limit", "0.6", "--name", "k"
    )
    assert killed.stderr is not None
    for line in killed.stderr:
        if line.startswith("2/4"):
            break
    killed.kill()
    killed.communicate()
    (before,) = cli("bench", "list", "--json").json
    assert (before["closed"], before["done"], before["cells"]) == (False, 2, 4)
    first = {run for (run,) in _select(cli, "SELECT stream FROM events WHERE type = 'RunCompleted'")}
    after = cli("bench", "run", "--name", "k", "--json")
    assert after.json["done"] == 4
    assert "2 of them done before" in after.err
    cells = cli("bench", "report", "k", "--json").json["benchmark"]["cells"]
    assert [(cell["status"], cell["seed"]) for cell in cells] == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]
    assert {cell["run"] for cell in cells[:2]} == first
    ((requested,),) = _select(cli, "SELECT count(*) FROM events WHERE type = 'RunRequested'")
    assert requested == sum(cell["tries"] for cell in cells)
    assert requested <= 5
    assert cli("log", "verify").code == 0


def test_ctrl_c_leaves_a_benchmark_that_goes_on(cli: CLI) -> None:
    """Exit 130 with the command to go on; the benchmark's stream is no run."""
    running = cli.start(
        "bench", "run", NUG12, "--solvers", "qap.tabu", "--seeds", "3", "--time-limit", "1", "--name", "c"
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("1/3"):
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert "mezan bench run --name c" in err
    assert "Traceback" not in err
    (row,) = cli("bench", "list", "--json").json
    assert (row["closed"], row["done"], row["cells"]) == (False, 1, 3)
    cli("show", "benchmark/c").refused("there is none")
    cli("show", "last").refused("last")
    assert cli("runs", "--json").json == []
    of_cells = cli("runs", "--purpose", "benchmark", "--json").json
    assert (of_cells[-1]["status"], of_cells[-1]["within"]) == ("completed", "benchmark/c")
    assert [run["status"] for run in of_cells[:-1]] in (
        [],
        ["cancelled"],
    )  # the next cell may not have been asked for yet


def _select(cli: CLI, sql: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(cli.folder / "mezan.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["instances"]),
        ((NUG12, "--name", "no good"), ["letters"]),
        ((NUG12, "--solvers", "qap.tabo"), ["qap.tabu", "qap.tabo"]),
        ((NUG12, ITEMS[1]), ["one family"]),
        (("missing.dat",), ["missing.dat"]),
    ],
)
def test_a_grid_that_breaks_a_rule_makes_no_database(cli: CLI, arguments: tuple[str, ...], words: list[str]) -> None:
    """One line, exit 2, nothing recorded."""
    cli("bench", "run", *arguments).refused(*words)
    assert not (cli.folder / "mezan.db").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "frist"), ["first", "did you mean"]),
        (("report", "first", "--measure", "loss"), ["gap, time"]),
        (("report", "first", "--html", "nowhere/r.html"), ["nowhere/r.html"]),
        (("compare", "first"), ["EARLIER", "--baseline"]),
        (("compare", "first", "items"), ["same family"]),
        (("compare", "first", "--baseline", "small5.dat"), ["bench report --json"]),
        (("run", "small5.dat", "--name", "first", "--solvers", "qap.tabu"), ["other solvers"]),
    ],
)
def test_bad_input_is_one_line(measured: CLI, arguments: tuple[str, ...], words: list[str]) -> None:
    """The rule, what was got, what to do; exit 2."""
    measured("bench", *arguments).refused(*words)
