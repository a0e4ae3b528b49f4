"""Ctrl-C, kill -9 and runs of other processes, through the real command."""

import json
import os
import signal
import sqlite3
import subprocess
import textwrap
from pathlib import Path

import pytest

from .conftest import CLI, DATA

NUG12 = str(DATA / "qap/nug12.dat")
STRONG = str(DATA / "knapsack/strong60.kp")


def wait_for_an_incumbent(running: "subprocess.Popen[str]") -> None:
    """Read the notices of a solve until it has reported an objective."""
    assert running.stderr is not None
    for line in running.stderr:
        if "(gap" in line:
            return
    pytest.fail(f"the solve ended early: {running.communicate()}")


def types_of(cli: CLI, run: str) -> list[str]:
    connection = sqlite3.connect(cli.folder / "mezan.db")
    try:
        return [t for (t,) in connection.execute("SELECT type FROM events WHERE stream = ? ORDER BY version", (run,))]
    finally:
        connection.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_records_the_end_and_prints_the_best_so_far(cli: CLI, how: signal.Signals) -> None:
    """The run ends as cancelled in the log; a feasible solution worth the printed objective is printed; exit 130 (143)."""
    running = cli.start("solve", NUG12, "--time-limit", "60", "--solver", "qap.tabu", "--seed", "1", "--json")
    wait_for_an_incumbent(running)
    running.send_signal(how)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 128 + how, err
    found = json.loads(out)
    numbers = [int(x) for x in Path(NUG12).read_text().split()]
    A, B, p = numbers[1:145], numbers[145:], found["solution"]
    assert sorted(p) == list(range(12))
    assert found["objective"] == sum(A[i * 12 + j] * B[p[i] * 12 + p[j]] for i in range(12) for j in range(12))
    assert (found["status"], found["message"]) == ("cancelled", "interrupted by the user")
    assert types_of(cli, found["run"])[-2:] == ["AttemptCancelled", "RunCancelled"]
    assert "Traceback" not in err
    assert cli("log", "verify").code == 0
    assert cli("show", "last", "--json").json["status"] == "cancelled"
    assert cli("watch", "last").code == 3


def test_a_killed_solve_is_finished_by_the_next_one(cli: CLI) -> None:
    """After kill -9 the next solve says that it resumes the run, and leaves only when that has ended too."""
    killed = cli.start("solve", NUG12, "--time-limit", "4", "--solver", "qap.tabu", "--seed", "4")
    wait_for_an_incumbent(killed)
    killed.kill()
    killed.communicate()
    unfinished = cli("runs", "--json").json
    assert [row["status"] for row in unfinished] == ["running"]
    run = unfinished[0]["run"]
    after = cli("solve", STRONG, "--solver", "knapsack.greedy", "--json")
    assert after.json["solver"] == "knapsack.greedy"
    assert f"resuming run {run}" in after.err
    assert f"resumed run {run} completed" in after.err
    types = types_of(cli, run)
    assert types[-1] == "RunCompleted"
    assert {"AttemptAbandoned", "RunAdopted"} <= set(types)
    assert types.count("AttemptStarted") == 2
    assert cli("log", "verify").code == 0
    assert cli("replay", run, "--json").json["identical"] is True


def test_watch_follows_a_run_of_another_process_to_its_end(cli: CLI) -> None:
    """`watch` beside a `solve` reports its incumbents as they come, and the same result."""
    solving = cli.start("solve", NUG12, "--time-limit", "3", "--solver", "qap.tabu", "--seed", "1", "--json")
    wait_for_an_incumbent(solving)
    watching = cli("watch", "last", "--json")
    out, _ = solving.communicate(timeout=30)
    assert watching.json == json.loads(out)


def test_a_terminal_gets_a_bar_and_a_sparkline(cli: CLI) -> None:
    """On a pseudo terminal progress is drawn on stderr, and the result follows in columns; NO_COLOR leaves out colours."""
    import pty

    main, other = pty.openpty()
    done = subprocess.Popen(
        [*_mezan(), "solve", NUG12, "--iterations", "2000", "--solver", "qap.tabu", "--seed", "1"],
        cwd=cli.folder, env=cli.env | {"TERM": "xterm-256color"}, stdout=other, stderr=other,
    )  # fmt: skip
    os.close(other)
    shown = b""
    while True:
        try:
            part = os.read(main, 65_536)
        except OSError:  # the other end has closed
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert done.wait(timeout=30) == 0
    text = shown.decode()
    assert "━" in text
    assert any(bar in text for bar in "▁▂▃▄▅▆▇█")
    assert "nug12" in text
    assert "objective" in text
    assert "\x1b[32m" not in text


def _mezan() -> list[str]:
    from .conftest import MEZAN

    return MEZAN


def test_a_failed_run_ends_with_3_and_its_terminal_event(cli: CLI) -> None:
    """A solver of an installed plugin that breaks: one line on stderr, exit 3, RunFailed in the log."""
    (cli.folder / "plugin").mkdir()
    (cli.folder / "plugin/broken_family.py").write_text(
        textwrap.dedent("""
            from dataclasses import replace
            from mezan.solvers.knapsack.family import FAMILY as KNAPSACK
            from mezan.solvers.knapsack import Knapsack
            from mezan.solvers.solver import Solver

            class Broken(Knapsack):
                family = "broken"

            def fail(problem, budget, seed):
                raise RuntimeError("out of luck")

            FAMILY = replace(
                KNAPSACK, name="broken", problem=Broken, suffixes=(".broken",), from_json=lambda fields: Broken(**fields),
                solvers=(
                    Solver(name="broken.only", family="broken", version="1", summary="", reference="", load=lambda: fail, runs_in="inline"),
                ),
            )
        """)
    )
    (cli.folder / "plugin/broken_family-1.dist-info").mkdir()
    (cli.folder / "plugin/broken_family-1.dist-info/METADATA").write_text("Name: broken-family\nVersion: 1\n")
    (cli.folder / "plugin/broken_family-1.dist-info/entry_points.txt").write_text(
        "[mezan.families]\nbroken = broken_family:FAMILY\n"
    )
    request = json.dumps({"type": "broken", "values": [1], "weights": [1], "capacity": 1})
    failed = cli("solve", "-", "--json", stdin=request, env={"PYTHONPATH": str(cli.folder / "plugin")})
    assert failed.code == 3, failed.err
    assert json.loads(failed.out)["status"] == "failed"
    assert [line for line in failed.err.splitlines() if line.startswith("error: ")] == [failed.err.splitlines()[-1]]
    assert "out of luck" in failed.err
    assert "Traceback" not in failed.err
    assert types_of(cli, json.loads(failed.out)["run"])[-2:] == ["AttemptFailed", "RunFailed"]
