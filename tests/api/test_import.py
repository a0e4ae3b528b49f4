"""`mezan import` from the shell: what it prints, what it refuses, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from .conftest import CLI, DATA

ASLIB = Path(__file__).parents[2].parent / "shared" / "data" / "aslib"
TABLE = (
    "instance,solver,objective,seconds,budget,feature:n\n"
    "i1,tabu,100,1.5,10,5\ni1,ils,110,2,10,5\ni2,tabu,70,1,10,6\ni2,ils,,10,10,6\n"
)


def test_a_table_is_imported_once(cli: CLI) -> None:
    """A dry run makes no database; the second import adds nothing; the log is sound and holds no run."""
    (cli.folder / "toy.csv").write_text(TABLE)
    dry = cli("import", "toy.csv", "--dry-run", "--json").json
    assert (dry["family"], dry["outcomes"], dry["imported"]) == ("toy", 4, None)
    assert not (cli.folder / "mezan.db").exists()
    first = cli("import", "toy.csv", "--json").json
    assert dict(first["imported"], stream=None) == {
        "stream": None, "family": "toy", "source": "toy.csv", "instances": 2, "outcomes": 4, "known": 0,
    }  # fmt: skip
    assert first["solvers"]["toy.ils"]["mean_loss"] == pytest.approx((10 / 110 + 1) / 2)
    again = cli("import", "toy.csv")
    assert (again.code, again.out.splitlines()[-1]) == (
        0,
        "nothing new: all 4 outcomes on 2 instances of toy with 1 features were there already",
    )
    rows = {row["solver"]: row for row in cli("leaderboard", "--family", "toy", "--json").json}
    assert rows["toy.tabu"]["rating"] > rows["toy.ils"]["rating"]
    assert (rows["toy.tabu"]["outcomes"], rows["toy.ils"]["failures"]) == (2, 1)
    assert cli("runs", "--json").json == []
    assert cli("log", "verify", "--json").json["ok"]
    cli("show", "last").refused("this database has none")


def test_ratings_of_a_family_of_here_count_the_import_and_the_choice_is_verified(cli: CLI) -> None:
    """The sense is the family's own; `why --verify` refolds the import too."""
    rows = [
        f"i{i},{solver},{value},1,10"
        for i in range(12)
        for solver, value in (("dp", 10), ("highs", 40), ("greedy", 90))
    ]
    (cli.folder / "old.csv").write_text("\n".join(["instance,solver,objective,seconds,budget", *rows]) + "\n")
    told = cli("import", "old.csv", "--family", "knapsack", "--json").json
    assert told["sense"] == "max"
    assert told["solvers"]["knapsack.greedy"]["mean_loss"] == 0.0
    assert cli("solve", str(DATA / "knapsack/strong60.kp"), "--policy", "single_best", "--seed", "1").code == 0
    card = cli("why", "last", "--verify", "--json").json
    assert card["solver"] == "knapsack.greedy"
    assert card["verification"]["identical"]


def test_what_is_wrong_is_said_before_anything_is_recorded(cli: CLI) -> None:
    """One line, exit code 2, no database."""
    (cli.folder / "toy.csv").write_text(TABLE)
    (cli.folder / "bad.csv").write_text("instance,solver,objective\na,b,x\n")
    (cli.folder / "folder").mkdir()
    for arguments, words in (
        (("bad.csv",), "line 2: objective must be a finite number"),
        (("none.csv",), "none.csv: No such file"),
        (("folder",), "a scenario must be a folder"),
        (("toy.csv", "--sense", "up"), "--sense must be min or max"),
        (("toy.csv", "--family", "knapsack", "--sense", "min"), "sense max"),
        (("toy.csv", "--budget", "-1"), "positive"),
        (("toy.csv", "--source", ""), "a source must be named"),
    ):
        cli("import", *arguments).refused(words)
    assert not (cli.folder / "mezan.db").exists()


@pytest.mark.shared
@pytest.mark.skipif(not ASLIB.is_dir(), reason="the ASlib scenarios are not here")
def test_a_scenario_is_a_family_of_its_own(cli: CLI) -> None:
    """CPMP-2015: 527 instances with 22 features; the mean losses are PAR10 over ten cutoffs, computed from the file itself."""
    told = cli("import", str(ASLIB / "CPMP-2015"), "--json").json
    assert (told["family"], told["instances"], len(told["features"]), told["outcomes"]) == (
        "aslib/CPMP-2015", 527, 22, 4 * 527,
    )  # fmt: skip
    losses: dict[str, list[float]] = {}
    rows = (ASLIB / "CPMP-2015/algorithm_runs.arff").read_text().split("@DATA")[1].split()
    for row in rows:
        _, _, solver, seconds, status = row.split(",")
        losses.setdefault(solver, []).append(float(seconds) / 36_000 if status == "ok" else 1.0)
    for solver, own in losses.items():
        named = told["solvers"][f"aslib/CPMP-2015.{solver}"]
        assert named["mean_loss"] == pytest.approx(sum(own) / len(own))
    board = cli("leaderboard", "--family", "aslib/CPMP-2015", "--json").json
    assert {row["outcomes"] for row in board} == {527}
    assert json.loads(cli("import", str(ASLIB / "CPMP-2015"), "--json").out)["imported"]["outcomes"] == 0
