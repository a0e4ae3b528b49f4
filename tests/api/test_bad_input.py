"""What a user can get wrong: each is one line on stderr, exit code 2, and a log that is as it was."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conftest import CLI, DATA, Ran

NUG12 = (DATA / "qap/nug12.dat").read_text()
STRONG = str(DATA / "knapsack/strong60.kp")
SMALL = {"type": "qap", "A": [[0, 1], [1, 0]], "B": [[0, 2], [2, 0]]}
KNAPSACK = {"type": "knapsack", "values": [1, 2], "weights": [1, 2], "capacity": 2}

FILES = {
    "truncated": ("q.dat", NUG12[:200], "must hold 288 numbers"),
    "trailing numbers": ("q.dat", NUG12 + " 1 2 3", "must hold 288 numbers"),
    "trailing text": ("q.dat", NUG12 + " end", "numbers only"),
    "NaN": ("q.dat", "2 0 1 1 0 0 nan 1 0", "numbers only"),
    "infinite": ("q.dat", "2 0 1 1 0 0 1e999 1 0", "finite"),
    "too small": ("q.dat", "1 0 0", "between 2 and 2000"),
    "too large": ("q.dat", "2001 0", "between 2 and 2000"),
    "size not whole": ("q.dat", "2.5 0", "whole number"),
    "empty": ("q.dat", " \n", "must not be empty"),
    "binary": ("q.dat", b"\x00\xff\xfe\x80" * 100, "plain text"),
    "NUL bytes": ("q.dat", b"\x00" * 100, "binary"),
    "no family": ("q.txt", NUG12, "--family"),
    "negative weight": ("k.kp", "2\n5\n3 -1\n2 2\n", "between 0 and"),
    "missing items": ("k.kp", "3\n5\n3 1\n2 2\n", "it says 3, and 2 follow"),
    "broken JSON": ("q.json", '{"type": "qap", ', "valid JSON"),
}
REQUESTS = {
    "not JSON": ("{", "valid JSON"),
    "an array": ("[1, 2]", "must be an object"),
    "a number": ("7", "--family"),
    "no type": ('{"A": [[0]]}', "must have a `type`"),
    "wrong kind of type": ('{"type": 7}', "must have a `type`"),
    "unknown type": ('{"type": "sudoku"}', "family must be one of"),
    "missing field": ('{"type": "qap", "A": [[0, 1], [1, 0]]}', "missing B"),
    "unknown field": (json.dumps(SMALL | {"C": 1}), "unknown 'C'"),
    "not square": (json.dumps(SMALL | {"A": [[0, 1, 2], [1, 0, 2]]}), "square"),
    "ragged": (json.dumps(SMALL | {"A": [[0, 1], [1]]}), "square"),
    "unequal sizes": (json.dumps(SMALL | {"B": [[0, 1, 2]] * 3}), "same size"),
    "words": (json.dumps(SMALL | {"A": [["a", "b"], ["c", "d"]]}), "numbers only"),
    "null": (json.dumps(SMALL | {"A": None}), "A"),
    "NaN": (json.dumps(SMALL | {"A": [[0, float("nan")], [1, 0]]}), "valid JSON"),
    "too large numbers": (json.dumps(SMALL | {"A": [[0, 2**60], [1, 0]]}), "2^53"),
    "huge integer": ('{"type": "qap", "A": [[0, 1' + "0" * 400 + '], [1, 0]], "B": [[0, 1], [1, 0]]}', "JSON"),
    "unknown mode": (json.dumps(SMALL | {"mode": "magic"}), "'instance_adaptive'"),
    "name not text": (json.dumps(SMALL | {"name": 7}), "name"),
    "best_known not a number": (json.dumps(SMALL | {"best_known": "x"}), "best_known"),
    "deep": ('{"type": "qap", "A": ' + "[" * 100_000 + "]" * 100_000 + "}", "valid JSON"),
    "fractions": (json.dumps(KNAPSACK | {"values": [1.5, 2]}), "whole numbers"),
    "negative capacity": (json.dumps(KNAPSACK | {"capacity": -1}), "capacity"),
    "no capacity": ('{"type": "knapsack", "values": [1], "weights": [1]}', "capacity"),
    "unequal lengths": (json.dumps(KNAPSACK | {"weights": [1]}), "equally long"),
    "empty": ("", "must not be empty"),
}
OPTIONS = {
    "unknown solver": (["--solver", "qap.tabuu"], "solver must be one of"),
    "solver of another family": (["--solver", "qap.tabu"], "must be given one of knapsack"),
    "unknown policy": (["--policy", "best"], "policy must be one of"),
    "unknown family": (["--family", "tsp"], "family must be one of"),
    "time limit 0": (["--time-limit", "0"], "time_limit"),
    "time limit below 0": (["--time-limit=-1"], "time_limit"),
    "time limit NaN": (["--time-limit", "nan"], "time_limit"),
    "time limit infinite": (["--time-limit", "inf"], "time_limit"),
    "iterations 0": (["--iterations", "0"], "iterations"),
    "target NaN": (["--target", "nan"], "target"),
    "gap below 0": (["--gap=-1"], "gap"),
    "mode of a family without modes": (["--mode", "hybrid"], "a knapsack problem has none"),
    "seed below 0": (["--seed=-1"], "seed"),
    "seed too large": (["--seed", str(2**60)], "seed"),
    "other URL": (["--db", "postgres://somewhere/db"], "sqlite:///"),
    "database is a folder": (["--db", "."], "folder"),
    "database in no folder": (["--db", "absent/mezan.db"], "cannot be opened"),
    "database where nothing can be written": (["--db", "/proc/mezan.db"], "cannot be opened"),
}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> CLI:
    """A database with one run, which no mistake may change."""
    made = CLI(tmp_path_factory.mktemp("used"), cache)
    assert made("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    return made


def head_of(cli: CLI) -> object:
    connection = sqlite3.connect(cli.folder / "mezan.db")
    try:
        return connection.execute(
            "SELECT position, hex(hash), (SELECT count(*) FROM artifacts) FROM log_head"
        ).fetchone()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def answers(used: CLI) -> Iterator[dict[tuple[str, str], Ran]]:
    """Every case, each in a process of its own, two at a time; afterwards the log must be what it was."""
    before = head_of(used)
    calls: dict[tuple[str, str], tuple[list[str], str]] = {}
    for case, (name, content, _) in FILES.items():
        folder = used.folder / case.replace(" ", "-")
        folder.mkdir()
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        calls["file", case] = (["solve", str(folder / name)], "")
    calls |= {("request", case): (["solve", "-"], text) for case, (text, _) in REQUESTS.items()}
    calls |= {("option", case): (["solve", STRONG, *arguments], "") for case, (arguments, _) in OPTIONS.items()}
    with ThreadPoolExecutor(2) as pool:
        waiting = {key: pool.submit(used, *arguments, stdin=text) for key, (arguments, text) in calls.items()}
        yield {key: answer.result() for key, answer in waiting.items()}
    assert head_of(used) == before


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_is_refused(answers: dict[tuple[str, str], Ran], case: str) -> None:
    """Each kind of broken file names its rule."""
    answers["file", case].refused(FILES[case][2])


@pytest.mark.parametrize("case", REQUESTS)
def test_a_broken_request_on_standard_input_is_refused(answers: dict[tuple[str, str], Ran], case: str) -> None:
    """Each kind of broken JSON names its rule."""
    answers["request", case].refused(REQUESTS[case][1])


@pytest.mark.parametrize("case", OPTIONS)
def test_a_broken_option_is_refused(answers: dict[tuple[str, str], Ran], case: str) -> None:
    """Each option out of range names its rule."""
    answers["option", case].refused(OPTIONS[case][1])


def test_nothing_refused_is_in_the_log(used: CLI, answers: dict[tuple[str, str], Ran]) -> None:
    """After all of the above the database holds the one run from before them."""
    assert [row["solver"] for row in used("runs", "--json").json] == ["knapsack.greedy"]


def test_what_is_no_file_is_refused_without_making_a_database(cli: CLI) -> None:
    """A folder, a missing file, an impossible name, an endless device: refused before a database exists."""
    cli("solve", ".").refused("directory")
    cli("solve", "absent.dat").refused("absent.dat", "No such file")
    cli("solve", "x" * 5000).refused("readable")
    cli("solve", "/dev/full").refused("at most")
    cli("runs").refused("it must exist to be read")
    assert list(cli.folder.iterdir()) == []


def test_input_is_bounded_before_it_is_parsed(cli: CLI) -> None:
    """JSON beyond the bound is refused by its length; memory does not grow with what it would decode to."""
    cli("solve", "-", stdin=b'{"A": [' + b"0," * 34_000_000 + b"0]}").refused("at most 67108864 characters")


def test_a_broken_solution_file_beside_the_problem_is_named_and_not_used(cli: CLI) -> None:
    """The problem can still be solved, without a gap, and a notice says why."""
    (cli.folder / "q.dat").write_text(NUG12)
    (cli.folder / "q.sln").write_text("12 578\n1 1 1 1 1 1 1 1 1 1 1 1")
    done = cli("solve", "q.dat", "--iterations", "1", "--solver", "qap.descent", "--json")
    assert done.json["gap"] is None
    assert "q.sln is not used" in done.err


def test_a_database_that_is_not_ours_or_damaged_is_refused_by_every_command(cli: CLI) -> None:
    """Text, another program's database, and a file with garbage in its middle; none of them is touched."""
    foreign = cli.folder / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE cats (name)")
    connection.commit()
    connection.close()
    (cli.folder / "text.db").write_text("hello" * 1000)
    assert cli("solve", STRONG, "--solver", "knapsack.greedy", "--db", "damaged.db").code == 0
    damaged = cli.folder / "damaged.db"
    content = bytearray(damaged.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    damaged.write_bytes(content)
    for name in ("foreign.db", "text.db", "damaged.db"):
        before = (cli.folder / name).read_bytes()
        for command in (
            ["solve", STRONG, "--solver", "knapsack.greedy"],
            ["runs"],
            ["log", "export", "out"],
            ["log", "import", STRONG],
        ):
            cli(*command, "--db", name).refused(f"database {name}")
        assert (cli.folder / name).read_bytes() == before, name
    assert not (cli.folder / "out").exists()


def run_with(cli: CLI, preparation: str) -> "subprocess.CompletedProcess[str]":
    """Solve in a process that first runs some Python."""
    code = f"import sys; from mezan.api.cli.main import main; {preparation}; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, "solve", STRONG, "--solver", "knapsack.greedy"], cwd=cli.folder, env=cli.env,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_locked_database_is_one_clear_error(cli: CLI) -> None:
    """While another process holds the write lock a solve waits (here a second), then says so; reading still works."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    before = cli.head()
    connection = sqlite3.connect(cli.folder / "mezan.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    done = run_with(cli, "import mezan.engine.stores.schema as schema; schema.BUSY_SECONDS = 1.0")
    assert cli("runs", "--json").json[0]["status"] == "completed"
    connection.execute("ROLLBACK")
    connection.close()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: database mezan.db: another process holds the write lock")
    assert cli.head() == before


def test_a_full_disk_is_one_clear_error_and_loses_nothing(cli: CLI) -> None:
    """A file that may not grow any further refuses the append with a reason, and the log stays whole."""
    assert cli("solve", STRONG, "--solver", "knapsack.greedy").code == 0
    before = cli.head()
    done = run_with(cli, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: database mezan.db:")
    assert "Traceback" not in done.stderr
    assert cli.head() == before
    assert cli("log", "verify").code == 0
