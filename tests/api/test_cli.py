"""Every command through a real process: what it prints, how it ends, and what it leaves in the log."""

import json
import sqlite3
import subprocess
import sys

import pytest

from .conftest import CLI, DATA

STRONG = str(DATA / "knapsack/strong60.kp")
NUG12 = str(DATA / "qap/nug12.dat")
SOLVE_KEYS = {
    "run", "status", "family", "solver", "version", "policy", "objective", "solution", "lower_bound", "upper_bound",
    "bound_method", "best_known", "gap", "proved_optimal", "iterations", "seconds", "seed",
}  # fmt: skip


def test_solve_prints_one_object_with_a_solution_worth_its_objective(cli: CLI) -> None:
    """The printed permutation of nug12 evaluates to the printed objective, and the gap is to the `.sln` beside the file."""
    found = cli("solve", NUG12, "--iterations", "400", "--solver", "qap.tabu", "--seed", "7", "--json").json
    assert found.keys() >= SOLVE_KEYS
    numbers = [int(x) for x in (DATA / "qap/nug12.dat").read_text().split()]
    n, A, B = numbers[0], numbers[1:145], numbers[145:]
    p = found["solution"]
    assert sorted(p) == list(range(n))
    assert found["objective"] == sum(A[i * n + j] * B[p[i] * n + p[j]] for i in range(n) for j in range(n))
    assert (found["status"], found["family"], found["solver"], found["seed"]) == ("completed", "qap", "qap.tabu", 7)
    assert found["best_known"] == 578
    assert found["gap"] == pytest.approx(100 * (found["objective"] - 578) / 578)
    assert found["gap"] <= 3
    assert found["lower_bound"] <= 578 <= found["upper_bound"] == found["objective"]


def test_several_files_are_one_run_each(cli: CLI) -> None:
    """In the order given, with one array of the objects that single files give; a bad one among them keeps all out of the log."""
    files = [STRONG, str(DATA / "knapsack/uncorrelated40.kp"), NUG12]
    refused = cli("solve", *files[:2], str(cli.folder / "absent.kp"))
    refused.refused("absent.kp")
    assert not (cli.folder / "mezan.db").exists()
    found = cli("solve", *files, "--iterations", "400", "--seed", "7", "--json").json
    assert [one["instance"] for one in found] == ["strong60", "uncorrelated40", "nug12"]
    assert all(one.keys() >= SOLVE_KEYS and one["status"] == "completed" for one in found)
    assert [one["gap"] == 0 for one in found[:2]] == [True, True]
    assert len({one["seed"] for one in found}) == 3
    assert {row["run"] for row in cli("runs", "--json").json} == {one["run"] for one in found}
    again = cli("solve", *files[:2], "--seed", "7").out
    assert "strong60" in again
    assert "uncorrelated40" in again


def test_an_instance_that_was_solved_is_where_the_next_search_starts(cli: CLI) -> None:
    """The card and the object say from which run, how good it was, and whether that was improved; --fresh says nothing."""
    first = cli("solve", NUG12, "--solver", "qap.tabu", "--iterations", "3000", "--seed", "1", "--json").json
    assert first["objective"] == 578
    again = ("solve", NUG12, "--solver", "qap.tabu", "--iterations", "1", "--seed", "2")
    found = cli(*again, "--json").json
    assert (found["objective"], found["seeded_from"], found["seed_objective"]) == (578, first["run"], 578)
    assert found["improved"] is False
    shown = cli("show", "last").out
    assert "started from" in shown
    assert "(578); not improved" in shown
    assert cli("replay", "last", "--json").json["identical"]
    fresh = cli(*again, "--fresh", "--json").json
    assert (fresh["seeded_from"], fresh["improved"]) == (None, None)
    assert fresh["objective"] > 578


def test_solve_takes_json_and_text_on_standard_input(cli: CLI) -> None:
    """The same knapsack as JSON and as text gives the same optimum; without a best known value the gap is null."""
    request = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5}
    as_json = cli("solve", "-", "--json", stdin=json.dumps(request)).json
    as_text = cli("solve", "-", "--family", "knapsack", "--json", stdin="3\n5\n6 1\n10 2\n12 3\n").json
    assert as_json["objective"] == as_text["objective"] == 22
    assert as_json["solution"] == as_text["solution"] == [0, 1, 1]
    assert as_json["gap"] is None
    known = cli("solve", "-", "--json", stdin=json.dumps(request | {"best_known": 22})).json
    assert known["gap"] == 0


def test_a_registry_beside_the_file_gives_the_gap(cli: CLI) -> None:
    """`best_known.csv` counts where there is no solution file, and the better of the two where there are both."""
    (cli.folder / "nug12.dat").write_text((DATA / "qap/nug12.dat").read_text())
    (cli.folder / "best_known.csv").write_text("instance,n,best_known\nnug12,12,578\nother,12,1\n")
    arguments = ("solve", "nug12.dat", "--solver", "qap.descent", "--iterations", "1", "--seed", "1", "--json")
    assert cli(*arguments).json["best_known"] == 578
    (cli.folder / "nug12.sln").write_text("12 0\n" + " ".join(map(str, range(1, 13))))
    assert cli(*arguments).json["best_known"] == 578


def test_solve_for_people_says_result_gap_solver_and_run(cli: CLI) -> None:
    """The result is on stdout, what happens meanwhile on stderr as plain lines, and --quiet silences only the latter."""
    loud = cli("solve", STRONG, "--solver", "knapsack.dp")
    assert loud.code == 0
    for word in ("completed", "objective", "proved optimal", "gap", "upper bound", "knapsack.dp", "run_"):
        assert word in loud.out
    assert "knapsack.dp chosen by" in loud.err
    assert "\x1b" not in loud.out + loud.err
    quiet = cli("solve", STRONG, "--solver", "knapsack.dp", "--quiet")
    assert quiet.err == ""
    assert "objective" in quiet.out


def test_the_same_idempotency_key_solves_once_and_refuses_another_body(cli: CLI) -> None:
    """A second call under the key prints the first run; another request under it is refused, and the log stays."""
    first = cli("solve", STRONG, "--seed", "1", "--idempotency-key", "k", "--json").json
    again = cli("solve", STRONG, "--seed", "1", "--idempotency-key", "k", "--json").json
    assert again["run"] == first["run"]
    before = cli.head()
    cli("solve", STRONG, "--seed", "2", "--idempotency-key", "k", "--json", "--quiet").refused("idempotency key 'k'")
    assert cli.head() == before


def test_runs_lists_the_newest_first_and_filters(solved: CLI) -> None:
    """`runs` as table and JSON, with --limit and --status."""
    rows = solved("runs", "--json").json
    assert [row["solver"] for row in rows] == ["qap.tabu", "knapsack.dp", "knapsack.greedy"]
    assert {row["status"] for row in rows} == {"completed"}
    assert solved("runs", "--limit", "1", "--json").json == rows[:1]
    assert solved("runs", "--status", "failed", "--json").json == []
    shown = solved("runs").out
    assert all(word in shown for word in ("strong60", "nug12", "knapsack.dp"))
    solved("runs", "--status", "odd").refused("--status must be one of requested, running")


def test_runs_filters_by_what_they_were_and_lists_them_as_of_a_position(solved: CLI) -> None:
    """By family, solver, policy, a part of the label and error; as of a position each run is as it was then."""
    rows = solved("runs", "--json").json
    for option, value, expected in (
        ("--family", "qap", rows[:1]),
        ("--solver", "knapsack.dp", rows[1:2]),
        ("--policy", "nobody", []),
        ("--label", "NUG", rows[:1]),
        ("--error", "solver-failed", []),
    ):
        assert solved("runs", option, value, "--json").json == expected
    before = solved("runs", "--as-of", "1", "--json").json
    assert [(row["run"], row["status"], row["objective"]) for row in before] == [(rows[-1]["run"], "requested", None)]
    assert solved("runs", "--as-of", "0", "--json").json == []
    assert solved("runs", "--as-of", "1000000", "--json").json == rows
    solved("runs", "--as-of", "soon").refused("--as-of must be a log position or a time")


def test_runs_reads_what_no_process_has_saved_yet(cli: CLI) -> None:
    """Read models that stand still (their writer was killed) are completed from the log before anything is shown."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    assert cli("solve", STRONG, "--solver", "knapsack.dp").code == 0
    rows, ratings = cli("runs", "--json").json, cli("leaderboard", "--json").json
    connection = sqlite3.connect(cli.folder / "mezan.db")
    end = connection.execute("SELECT max(position) FROM events").fetchone()[0]
    connection.execute("UPDATE projections SET position = 0, state = NULL")
    connection.execute("DELETE FROM read_rows")
    connection.commit()
    assert cli("runs", "--json").json == rows
    assert cli("leaderboard", "--json").json == ratings
    assert cli("leaderboard", "--as-of", str(end), "--json").json == ratings
    connection.close()


def test_show_tells_the_same_as_solve(solved: CLI) -> None:
    """`show last` prints the object that `solve --json` printed, with its incumbents; a unique beginning names a run."""
    row = solved("runs", "--limit", "1", "--json").json[0]
    found = solved("show", row["run"][:20], "--json").json
    assert found["run"] == row["run"]
    assert found.keys() >= SOLVE_KEYS
    assert found["incumbents"][-1]["objective"] == found["objective"] == row["objective"]
    assert solved("show", "last", "--json").json == found
    assert "gilmore-lawler" in solved("show", "last").out
    solved("show", "run_").refused("must name one run")
    solved("show", "nothing").refused("there is none")


def test_watch_of_a_finished_run_ends_at_once(solved: CLI) -> None:
    """`watch` prints the result and ends when there is nothing left to follow."""
    assert solved("watch", "last", "--json").json["status"] == "completed"
    assert "objective" in solved("watch", "last").out


def test_why_shows_every_candidate_and_verifies(cli: CLI) -> None:
    """The card names score, ratings, trials, propensity and position, and refolding gives the same card."""
    assert cli("solve", STRONG, "--seed", "5").code == 0
    assert cli("solve", STRONG, "--seed", "6").code == 0
    card = cli("why", "last", "--verify", "--json").json
    assert {c["solver"] for c in card["candidates"]} == {"knapsack.dp", "knapsack.highs", "knapsack.greedy"}
    assert sum(c["propensity"] for c in card["candidates"]) == pytest.approx(1)
    assert card["verification"]["identical"] is True
    assert card["verification"]["compared"] == 1
    assert 0 < card["as_of"] < cli.head()["position"]
    shown = cli("why", "last")
    assert shown.code == 0
    assert all(word in shown.out for word in (card["reason"], card["cluster"], f"log position {card['as_of']}", "▸ "))
    changes = {other["change"]: other["solver"] for other in card["alternatives"]}
    assert changes[f"without {card['solver']}"] != card["solver"]
    assert card["rival"] in shown.out
    evidence = card["evidence"][0]
    assert evidence["position"] < card["as_of"]
    assert str(evidence["position"]) in shown.out


def test_predict_says_what_would_be_chosen_and_records_nothing(cli: CLI) -> None:
    """The same choice as the run that follows, a chance and an expected objective for every solver that takes the problem."""
    cli("predict", STRONG).refused("must exist")
    for seed in "12":
        assert cli("solve", STRONG, "--fresh", "--seed", seed).code == 0
    head = cli.head()
    told = cli("predict", STRONG, "--json").json
    assert cli.head() == head
    assert {one["solver"] for one in told["forecasts"]} == {"knapsack.dp", "knapsack.highs", "knapsack.greedy"}
    assert sum(one["best"] for one in told["forecasts"]) == pytest.approx(1, abs=1e-3)
    assert told["reason"] in cli("predict", STRONG).out
    assert cli("solve", STRONG, "--fresh", "--json").json["solver"] == told["solver"]
    cli("predict", STRONG, "--policy", "thomson").refused("policy", "thompson")
    cli("predict", "nothing.kp").refused("nothing.kp")


def test_replay_is_identical_and_names_the_first_difference(cli: CLI) -> None:
    """Exit 0 for a run that repeats; exit 1, and the event and both values, for a log whose objective was changed."""
    assert cli("solve", NUG12, "--iterations", "150", "--solver", "qap.tabu", "--seed", "2").code == 0
    report = cli("replay", "last", "--json").json
    assert (report["identical"], report["difference"]) == (True, None)
    _rewrite(cli, "AttemptSucceeded", "objective", 1.0)
    differs = cli("replay", "last")
    assert differs.code == 1
    assert all(
        word in differs.out for word in ("different", "AttemptSucceeded", "field objective", "recorded          1.0")
    )


def test_why_verify_ends_with_1_when_the_card_cannot_be_repeated(cli: CLI) -> None:
    """A changed reason in the log is found by refolding."""
    assert cli("solve", STRONG).code == 0
    _rewrite(cli, "SolverChosen", "reason", "because")
    assert cli("why", "last", "--verify", "--json").code == 1


def _rewrite(cli: CLI, kind: str, field: str, value: object) -> None:
    connection = sqlite3.connect(cli.folder / "mezan.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(
        "UPDATE events SET payload = json_set(payload, ?, ?) WHERE type = ?", (f"$.{field}", value, kind)
    )
    connection.commit()
    connection.close()


def test_leaderboard_ranks_and_goes_back_in_time(solved: CLI) -> None:
    """Ratings per family, inside a cluster, and before anything had happened."""
    rows = solved("leaderboard", "--family", "knapsack", "--json").json
    assert [row["solver"] for row in rows] == ["knapsack.dp", "knapsack.greedy"]
    assert rows[0]["rating"] >= rows[1]["rating"]
    local = solved("leaderboard", "--cluster", "knapsack/0", "--json").json
    assert {row["solver"] for row in local} == {"knapsack.dp", "knapsack.greedy"}
    assert solved("leaderboard", "--as-of", "1", "--json").json == []
    assert solved("leaderboard", "--as-of", "2020-01-01T00:00:00+00:00", "--json").json == []
    assert "knapsack.dp" in solved("leaderboard").out
    solved("leaderboard", "--family", "odd").refused("family must be one of")
    solved("leaderboard", "--cluster", "odd").refused("knapsack/0")
    solved("leaderboard", "--as-of", "soon").refused("--as-of must be a log position or a time")
    solved("leaderboard", "--by", "odd").refused("--by must be elo or bt")


def test_log_tail_prints_the_last_events(solved: CLI) -> None:
    """Lines for people, one array for programs."""
    events = solved("log", "tail", "-n", "3", "--json").json
    assert [e["type"] for e in events][-1] == "RunCompleted"
    assert [e["position"] for e in events] == list(range(events[0]["position"], events[0]["position"] + 3))
    assert "RunCompleted" in solved("log", "tail").out


def test_log_tail_follows_what_another_process_appends(cli: CLI) -> None:
    """--follow --json prints each new event as one line until it is interrupted."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    following = cli.start("log", "tail", "-n", "1", "--follow", "--json")
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["type"] == "RunCompleted"
        assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
        assert json.loads(following.stdout.readline())["type"] == "RunRequested"
    finally:
        following.send_signal(2)
        _, err = following.communicate(timeout=20)
    assert following.returncode == 130
    assert err == ""


def test_log_verify_finds_a_changed_payload_and_a_cut_tail(cli: CLI) -> None:
    """Exit 1 and the broken position; a tail that was cut off shows against an exported head."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    (cli.folder / "head.json").write_text(cli("log", "head").out)
    good = cli("log", "verify", "--head", "head.json", "--json")
    assert (good.code, good.json["ok"]) == (0, True)
    whole = (cli.folder / "mezan.db").read_bytes()
    connection = sqlite3.connect(cli.folder / "mezan.db")
    connection.execute("DROP TRIGGER events_no_delete")
    connection.execute("DELETE FROM events WHERE position = (SELECT max(position) FROM events)")
    connection.execute(
        "UPDATE log_head SET (position, hash, recorded_at) ="
        " (SELECT position, hash, recorded_at FROM events ORDER BY position DESC LIMIT 1)"
    )
    connection.commit()
    connection.close()
    assert cli("log", "verify").code == 0
    cut = cli("log", "verify", "--head", "head.json", "--json")
    assert (cut.code, cut.json["ok"]) == (1, False)
    assert "missing" in cut.json["problem"]
    (cli.folder / "mezan.db").write_bytes(whole)
    _rewrite(cli, "RunRequested", "seed", 1)
    broken = cli("log", "verify")
    assert broken.code == 1
    assert "broken at position 1" in broken.out
    cli("log", "verify", "--head", STRONG).refused("a head must be the JSON")
    cli("log", "verify", "--head", "absent").refused("a head must be a readable file")


def test_log_stats_counts(solved: CLI) -> None:
    """Events by type, runs, bytes and latencies."""
    found = solved("log", "stats", "--json").json
    assert found["events"] == solved.head()["position"] == sum(found["by_type"].values())
    assert (found["runs"], found["completed"], found["failed"]) == (3, 3, 0)
    assert found["artifacts"]["problem"]["count"] == 2
    assert found["p50"] > 0
    assert "RunCompleted" in solved("log", "stats").out


def test_projections_list_and_rebuild(cli: CLI) -> None:
    """A rebuild ends at the log's end in a new generation and changes nothing that is read."""
    assert cli("solve", STRONG, "--solver", "knapsack.dp").code == 0
    rows = cli("runs", "--json").json
    one = cli("projections", "rebuild", "elo", "--json").json
    assert one["rebuilt"] == ["elo"]
    assert cli("projections", "rebuild").code == 0
    listed = {row["name"]: row for row in cli("projections", "list", "--json").json}
    assert {row["behind"] for row in listed.values()} == {0}
    assert (listed["elo"]["generation"], listed["runs"]["generation"]) == (2, 1)
    assert cli("runs", "--json").json == rows
    assert "solver_stats" in cli("projections", "list").out
    cli("projections", "rebuild", "odd").refused("projection must be one of")


def test_db_upgrade_knows_old_current_and_newer_files(cli: CLI) -> None:
    """A current file stays as it is; one that is ahead is refused by every command, one line each."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    found = cli("db", "upgrade", "--json").json
    assert found["from"] == found["to"]
    connection = sqlite3.connect(cli.folder / "mezan.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    cli("db", "upgrade").refused("ahead, at 9999: use a newer mezan")
    cli("runs").refused("ahead, at 9999")
    connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.commit()
    connection.close()
    cli("runs").refused("mezan db upgrade --db sqlite:///mezan.db")
    cli("db", "upgrade", "--db", "absent.db").refused("it must exist")


def test_solvers_lists_families_solvers_and_policies(cli: CLI) -> None:
    """Every entry of the portfolio with its version and summary."""
    found = cli("solvers", "--json").json
    names = {s["solver"] for family in found["families"] for s in family["solvers"]}
    assert names >= {
        "qap.tabu",
        "qap.annealing",
        "qap.descent",
        "qap.faq",
        "knapsack.dp",
        "knapsack.greedy",
        "knapsack.highs",
    }
    assert [p["policy"] for p in found["policies"] if p["default"]] == ["default"]
    assert [f["family"] for f in cli("solvers", "--family", "qap", "--json").json["families"]] == ["qap"]
    assert "robust tabu search" in cli("solvers").out


def test_doctor_reports_a_healthy_and_a_broken_database(solved: CLI, cli: CLI) -> None:
    """Exit 0 with devices, versions and the log's end; exit 1 for a file that is not ours."""
    found = solved("doctor", "--json").json
    assert found["ok"] is True
    assert found["jax"]["devices"]
    assert found["database"]["events"] == solved.head()["position"]
    assert found["packages"]["jax"]
    assert "all is well" in solved("doctor").out
    assert cli("doctor", "--json").json["database"]["exists"] is False
    (cli.folder / "mezan.db").write_text("not a database" * 100)
    sick = cli("doctor", "--json")
    assert sick.code == 1
    assert "not a SQLite database" in sick.json["database"]["problem"]


def test_version_help_and_completion_work(cli: CLI) -> None:
    """--version, --help of every command with its examples, and a completion script."""
    assert cli("--version").out.startswith("mezan")
    assert "Example" in cli("--help").out
    for command in (
        ["solve"],
        ["why"],
        ["log", "verify"],
        ["projections", "rebuild"],
        ["db", "upgrade"],
        ["ab", "start"],
        ["lab", "compare"],
    ):
        shown = cli(*command, "--help")
        assert shown.code == 0
        assert "--db" in shown.out
    script = cli(env={"_MEZAN_COMPLETE": "complete_bash", "COMP_WORDS": "mezan sol", "COMP_CWORD": "1"})
    assert script.out.split() == ["solve", "solvers"]


def test_usage_mistakes_are_one_line(cli: CLI) -> None:
    """An unknown command, an unknown option, a word where a number belongs, a missing argument."""
    for arguments in (["odd"], ["runs", "--odd"], ["solve", STRONG, "--time-limit", "long"], ["show"]):
        cli(*arguments).refused()


def test_the_database_may_come_from_the_environment_or_be_a_plain_path(solved: CLI, cli: CLI) -> None:
    """MEZAN_DB and --db take a URL as well as the path of a file."""
    path = str(solved.folder / "mezan.db")
    rows = solved("runs", "--json").json
    assert cli("runs", "--json", "--db", path).json == rows
    assert cli("runs", "--json", "--db", f"sqlite:///{path}").json == rows
    assert cli("runs", "--json", env={"MEZAN_DB": path}).json == rows


def test_commands_that_only_read_load_no_heavy_library(solved: CLI) -> None:
    """`runs`, `show` and `leaderboard` leave JAX, SQLModel, alembic, SciPy and NumPy alone; `why` asks policies, which need NumPy."""
    code = (
        "import sys; from mezan.api.cli.main import main;"
        "assert main(sys.argv[1:]) == 0;"
        "print('heavy:', *(m for m in ('jax', 'sqlmodel', 'sqlalchemy', 'alembic', 'scipy', 'numpy') if m in sys.modules), file=sys.stderr)"
    )
    for command in (
        ["runs"],
        ["why", "last"],
        ["leaderboard"],
        ["profile", "qap"],
        ["clusters"],
        ["ab", "status", "--json"],
        ["log", "tail"],
        ["log", "verify"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *command], cwd=solved.folder, env=solved.env, capture_output=True, text=True,
            timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr.splitlines()[-1].split() == ["heavy:", *(["numpy"] if command[0] == "why" else [])], command


@pytest.mark.parametrize("command", ["log export", "runs", f"solve {STRONG} --quiet --db pipe.db"])
def test_output_into_a_closed_pipe_is_no_error(solved: CLI, command: str) -> None:
    """`mezan log export | head -1` ends quietly, and so does what rich prints, also inside an engine's task group."""
    mezan = subprocess.Popen(
        [sys.executable, "-m", "mezan.api.cli.main", *command.split()], cwd=solved.folder, env=solved.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert mezan.stdout is not None
    mezan.stdout.close()
    _, err = mezan.communicate(timeout=30)
    assert err == b""
