"""Reading ASlib scenarios."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadInput
from mezan.solvers.selection.past.arff import read_arff
from mezan.solvers.selection.past.aslib import read_scenario
from mezan.solvers.selection.past.outline import Outline

ROOT = Path(__file__).parents[3]
TOYS = ROOT / "tests" / "data" / "aslib"
SHARED = ROOT.parent / "shared" / "data" / "aslib"


def test_a_runtime_scenario_is_read_with_its_repetitions_and_gaps() -> None:
    """Median runs, mean features, PAR10 of what is not solved in time, costs and features of the default steps only."""
    toy = read_scenario(TOYS / "TOY-RUNTIME")
    assert (toy.name, toy.cutoff, toy.runtime, toy.maximize) == ("TOY-RUNTIME", 100.0, True, False)
    assert toy.algorithms == ("left", "never", "right", "steady")
    assert toy.features == ("side", "size")
    assert (toy.X.shape, toy.par10.shape, toy.folds.shape) == ((40, 2), (40, 4), (2, 40))
    assert toy.instances[0] == "i00"
    assert toy.instances[-1] == "part 0/i'03"
    lines = [line.split(",") for line in (TOYS / "TOY-RUNTIME" / "algorithm_runs.arff").read_text().splitlines()]
    fifth = sorted(float(cells[3]) for cells in lines if cells[0] == "i05" and cells[2] == "steady")
    row = toy.instances.index("i05")
    assert toy.performance[row, 3] == fifth[1]
    assert not toy.solved[:, 1].any()
    assert (toy.par10[:, 1] == 1000.0).all()
    assert math.isnan(toy.performance[toy.instances.index("i07"), 1])
    assert (toy.par10[toy.solved] == toy.performance[toy.solved]).all()
    assert math.isnan(toy.X[toy.instances.index("i09"), 1])
    assert toy.feature_cost[toy.instances.index("i11")] == 0.0
    assert 0.1 <= toy.feature_cost[0] <= 0.5
    assert all(sorted(np.bincount(fold)[1:]) == [8] * 5 for fold in toy.folds)


def test_a_quality_scenario_is_turned_so_that_less_is_better() -> None:
    """Where more is better the loss is the negated quality, and a missing one counts as the worst."""
    toy = read_scenario(TOYS / "TOY-QUALITY")
    assert (toy.runtime, toy.maximize, toy.cutoff) == (False, True, math.inf)
    row, steady = toy.instances.index("i07"), toy.algorithms.index("steady")
    assert not toy.solved[row, steady]
    assert toy.par10[row, steady] == -np.nanmin(toy.performance)
    assert np.array_equal(toy.par10[toy.solved], -toy.performance[toy.solved])
    assert not toy.feature_cost.any()


# number of instances, features and algorithms, mean PAR10 of the virtual and of the single best algorithm, mean feature cost
KNOWN = {
    "ASP-POTASSCO": (1294, 138, 11, 400.18, 880.55, 1.33),
    "BNSL-2016": (1179, 86, 8, 219.87, 9017.08, 15.57),
    "CPMP-2015": (527, 22, 4, 227.60, 7002.91, 0.0),
    "CSP-2010": (2024, 86, 2, 6344.25, 7201.56, 0.0),
    "IPC2018": (240, 305, 15, 3478.19, 5459.15, 128.35),
    "MAXSAT12-PMS": (876, 37, 6, 3127.24, 4893.14, 0.15),
    "MIP-2016": (218, 143, 5, 281.52, 3007.93, 49.10),
    "OPENML-WEKA-2017": (105, 103, 30, -0.88, -0.86, 0.0),
    "SAT11-INDU": (300, 50, 18, 8187.52, 14605.90, 135.35),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", KNOWN)
def test_the_public_scenarios_are_read_as_others_read_them(name) -> None:
    """Sizes and means are those that an independent reader (liac-arff, PyYAML, pandas) gives."""
    if not (SHARED / name).is_dir():
        pytest.skip(f"no ASlib scenario {name} beside the checkout")
    read = read_scenario(SHARED / name)
    best, single = read.par10.min(axis=1).mean(), read.par10.mean(axis=0).min()
    assert (*read.X.shape, read.par10.shape[1]) == KNOWN[name][:3]
    assert (best, single, read.feature_cost.mean()) == pytest.approx(KNOWN[name][3:], abs=0.006)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("description.txt", "algorithm_cutoff_time: 100.0", "algorithm_cutoff_time: '?'", "algorithm_cutoff_time"),
        ("description.txt", "- runtime", "- speed", "attribute speed"),
        ("description.txt", "- cheap", "- cheep", "default_steps"),
        ("description.txt", "scenario_id: TOY", "scenario_id TOY", "YAML mapping"),
        ("algorithm_runs.arff", ",ok", ",ok,ok", "line 10"),
        ("algorithm_runs.arff", "@DATA", "", "@DATA"),
        ("algorithm_runs.arff", "@DATA\n", "@DATA\n{0 i1}\n", "sparse"),
        ("feature_values.arff", "i00,1,", "i00,1,much,", "line"),
        ("feature_values.arff", "i0", "j0", None),
        ("cv.arff", ",1,1", ",1,-1", "fold"),
        ("cv.arff", ",1,1", ",1,first", "number"),
    ],
)
def test_what_is_malformed_is_refused_by_name(tmp_path, file, old, new, said) -> None:
    """A broken file is an error that names the file or the key; instances without features are left out."""
    folder = tmp_path / "toy"
    shutil.copytree(TOYS / "TOY-RUNTIME", folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    if said is None:
        assert len(read_scenario(folder).instances) == 31
        return
    with pytest.raises(BadInput, match=said):
        read_scenario(folder)


def test_a_folder_that_is_no_scenario_is_refused(tmp_path) -> None:
    """So is a scenario that lacks a file."""
    with pytest.raises(BadInput, match="must be a folder"):
        read_scenario(tmp_path)
    folder = tmp_path / "toy"
    shutil.copytree(TOYS / "TOY-RUNTIME", folder)
    (folder / "cv.arff").unlink()
    with pytest.raises(BadInput, match="readable file"):
        read_scenario(folder)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5), quote=st.sampled_from("'\""))
def test_quoted_cells_come_back(tmp_path_factory, rows, quote) -> None:
    """Any word that is written in quotes with its quotes and backslashes escaped is read as it was, `?` alone aside."""
    path = tmp_path_factory.mktemp("arff") / "table.arff"

    def written(word: str) -> str:
        return quote + word.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    lines = [f"{written(a)}, {written(b)}" for a, b in rows]
    head = "@relation r\n@attribute 'a b' string\n@ATTRIBUTE c string\n@data"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    table = read_arff(path)
    assert table.columns == ("a b", "c")
    assert table.rows == [[None if word == "?" else word for word in row] for row in rows]


def test_an_outline_reads_the_yaml_of_descriptions() -> None:
    """Lists at their key's indent, flow lists, quotes, comments, anchors and colons within names."""
    text = (
        "a: 1 # one\n'b c': [x, 'y']\nd:\n- p\n- \"q\"\ne: &it\n    f:g: h\n    -dash: i\nj: *it\nk:\n  - m: n\nl: ''\n"
    )
    assert Outline(text.replace("  - m: n\n", "  -\n    m: n\n")).read() == {
        "a": "1", "b c": ["x", "y"], "d": ["p", "q"], "e": {"f:g": "h", "-dash": "i"}, "j": {"f:g": "h", "-dash": "i"},
        "k": [{"m": "n"}], "l": "",
    }  # fmt: skip
    with pytest.raises(BadInput, match="nested"):
        Outline("\n".join(" " * k + f"k{k}:" for k in range(50))).read()
