"""A QAP given as CSV or NumPy files, and its answer in names and as a picture."""

from itertools import permutations
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from .conftest import CLI, DATA

FLOWS = ",Triage,X-ray,Surgery,Ward\nTriage,0,30,8,12\nX-ray,30,0,20,6\nSurgery,8,20,0,25\nWard,12,6,25,0\n"
AWAY = "room;A1;A2;B1;B2\nA1;0;12;30;42\nA2;12;0;18;30\nB1;30;18;0;12\nB2;42;30;12;0\n"
NAMES = "--flows", "flows.csv", "--distances", "away.csv"


@pytest.fixture
def clinic(cli: CLI) -> CLI:
    """A folder with the two files of a layout."""
    (cli.folder / "flows.csv").write_text(FLOWS)
    (cli.folder / "away.csv").write_text(AWAY)
    return cli


def test_a_layout_is_solved_and_shown_in_its_names(clinic: CLI) -> None:
    """From two CSV files to the optimum, who goes where and what it costs; without the files the names are numbers."""
    found = clinic("solve", *NAMES, "--solver", "qap.descent", "--iterations", "200", "--seed", "1", "--json").json
    A = np.array([[0, 30, 8, 12], [30, 0, 20, 6], [8, 20, 0, 25], [12, 6, 25, 0]])
    B = np.array([[0, 12, 30, 42], [12, 0, 18, 30], [30, 18, 0, 12], [42, 30, 12, 0]])
    assert found["objective"] == min((A * B[np.ix_(p, p)]).sum() for p in permutations(range(4)))
    assert found["instance"] == "flows"
    shown = clinic("show", "last", "--assignment", "--top", "2", *NAMES, "--json").json
    assert (shown["run"], shown["cost"]) == (found["run"], found["objective"])
    facilities, rooms = ["Triage", "X-ray", "Surgery", "Ward"], ["A1", "A2", "B1", "B2"]
    placed = {one["facility"]: one["location"] for one in shown["facilities"]}
    assert placed == {f: rooms[k] for f, k in zip(facilities, found["solution"], strict=True)}
    assert len(shown["pairs"]) == 2
    plain = clinic("show", "last", "--assignment", "--json").json
    assert {one["facility"]: one["location"] for one in plain["facilities"]} == {
        str(i): str(k) for i, k in enumerate(found["solution"])
    }
    told = clinic("show", "last", "--assignment", *NAMES).out
    assert all(word in told for word in (*facilities, "A1", "flow", "distance", "share"))


def test_a_heat_map_is_written(clinic: CLI) -> None:
    """An .svg that parses and holds the names; other endings and places that cannot be written are refused."""
    assert clinic("solve", *NAMES, "--solver", "qap.descent", "--iterations", "10", "--seed", "1").code == 0
    done = clinic("show", "last", "--heatmap", "map.svg", *NAMES)
    assert (done.code, done.out) == (0, "")
    assert "map.svg" in done.err
    texts = {"".join(element.itertext()) for element in ET.parse(clinic.folder / "map.svg").iter()}
    assert any(text.startswith("Triage · ") for text in texts)
    clinic("show", "last", "--heatmap", "map.gif").refused(".svg or .png")
    clinic("show", "last", "--heatmap", "absent/map.svg").refused("can be written")


def test_npz_files_are_solved(cli: CLI) -> None:
    """By their ending; a solution file beside one gives the gap, and a broken one is refused."""
    numbers = [int(x) for x in (DATA / "qap/nug12.dat").read_text().split()]
    A, B = np.array(numbers[1:]).reshape(2, 12, 12)
    np.savez(cli.folder / "nug12.npz", A=A, B=B)
    (cli.folder / "nug12.sln").write_text((DATA / "qap/nug12.sln").read_text())
    found = cli("solve", "nug12.npz", "--solver", "qap.descent", "--iterations", "5", "--seed", "1", "--json").json
    assert (found["instance"], found["best_known"]) == ("nug12", 578)
    (cli.folder / "nug12.npz").write_bytes(b"no archive")
    cli("solve", "nug12.npz").refused("numpy.savez")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["solve"], "a problem must be given"),
        (["solve", "--flows", "flows.csv"], "add --distances"),
        (["solve", "--distances", "away.csv"], "add --flows"),
        (["solve", "flows.csv", *NAMES], "leave other files"),
        (["solve", "--family", "knapsack", *NAMES], "--family"),
        (["solve", "--flows", "away.csv", "--distances", "absent.csv"], "must be readable"),
        (["show", "last", *NAMES], "--assignment or --heatmap"),
        (["show", "last", "--assignment", "--top", "0"], "--top must be between 1"),
        (["show", "last", "--assignment", "--flows", "away.csv", "--distances", "flows.csv"], "was of another"),
        (["show", "last", "--assignment", "--flows", "flows.csv"], "add --distances"),
    ],
)
def test_what_does_not_fit_together_is_refused(clinic: CLI, arguments: list[str], said: str) -> None:
    """One line that names the option; names of another instance are not put on an answer."""
    if arguments[0] == "show":
        assert clinic("solve", *NAMES, "--solver", "qap.descent", "--iterations", "1", "--seed", "1").code == 0
    clinic(*arguments).refused(said)


def test_other_families_have_no_assignment(solved: CLI) -> None:
    """A knapsack is refused, with the rule."""
    run = next(row["run"] for row in solved("runs", "--json").json if row["family"] == "knapsack")
    solved("show", run, "--assignment").refused("runs of one QAP")
