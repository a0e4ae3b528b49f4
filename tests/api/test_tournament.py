"""`mezan tournament` and the shadows of `mezan solve`, from the shell; and that other lists leave their runs out."""

import signal

from .conftest import CLI, DATA

INSTANCES = [str(DATA / f"knapsack/{name}") for name in ("uncorrelated40.kp", "wide30.kp")]
SMALL = ("--solvers", "greedy,highs", "--rounds", "2", "--time-limit", "60", "--block", "1")


def test_a_tournament_is_played_once_and_shown_again(cli: CLI) -> None:
    """A cross table for people, the same as JSON; no run of it is a user's."""
    first = cli("tournament", *INSTANCES, *SMALL)
    assert first.code == 0
    assert first.err.count("round ") == 2
    lines = first.out.splitlines()
    assert lines[0] == "knapsack: Swiss tournament of 2 solvers on 2 instances"
    assert lines[1].split()[:5] == ["#", "solver", "R1", "R2", "points"]
    assert {line.split()[2] for line in lines[2:4]} in ({"+2", "-1"}, {"=1", "=2"})
    again = cli("tournament", *INSTANCES, *SMALL, "--json").json
    assert again["closed"]
    assert [row["solver"] for row in again["table"]] == [line.split()[1] for line in lines[2:4]]
    assert sum(row["points"] for row in again["table"]) == 2.0
    runs = cli("runs", "--all", "--json").json
    assert len(runs) == 2 * 2
    assert {(row["purpose"], row["within"]) for row in runs} == {("tournament", again["tournament"])}
    cli("show", "last").refused("this database has none")


def test_a_tournament_that_was_interrupted_goes_on(cli: CLI) -> None:
    """Ctrl-C after the first match: 130, and --resume last ends with each game played once."""
    going = cli.start("tournament", *INSTANCES, *SMALL)
    assert going.stderr is not None
    for line in going.stderr:
        if line.startswith("round 1"):
            break
    going.send_signal(signal.SIGINT)
    out, _ = going.communicate(timeout=60)
    if going.returncode != 0:  # it may have been faster
        assert (going.returncode, out) == (130, "")
    resumed = cli("tournament", "--resume", "last", "--json").json
    assert resumed["closed"]
    games = [run for one in resumed["rounds"] for match in one["matches"] for run in match["runs"]]
    done = [row["run"] for row in cli("runs", "--all", "--status", "completed", "--json").json]
    assert sorted(games) == sorted(done)
    assert len(games) == 2 * 2


def test_what_is_wrong_with_a_tournament_is_one_line(cli: CLI) -> None:
    """And no database is made by a call that names no problem."""
    for arguments, words in (
        (("qap",), "problem files"),
        (("--resume", "last", INSTANCES[0]), "leave the files out"),
    ):
        cli("tournament", *arguments).refused(words)
    assert not (cli.folder / "mezan.db").exists()
    cli("tournament", "--resume", "last").refused("this database has none")


def test_a_solve_waits_for_its_shadows(cli: CLI) -> None:
    """Every other solver of the family has solved the instance when the call ends, and the user's run stays the last."""
    call = ("solve", str(DATA / "knapsack/uncorrelated40.kp"), "--seed", "3", "--time-limit", "20", "--json")
    solved = cli(*call, "--shadow", "1")
    run = solved.json["run"]
    assert "2 shadow runs" in solved.err
    runs = cli("runs", "--all", "--json").json
    assert {row["within"] for row in runs if row["purpose"] == "shadow"} == {run}
    assert {row["solver"] for row in runs} == {"knapsack.dp", "knapsack.highs", "knapsack.greedy"}
    assert [row["run"] for row in cli("runs", "--json").json] == [run]
    assert cli("show", "last", "--json").json["run"] == run
    cli(*call[:2], "--shadow", "1.5").refused("between 0 and 1")
