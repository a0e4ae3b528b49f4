"""A log travels as JSON lines: the copy has the same positions, hashes and answers, or there is no copy."""

import json
import sqlite3
from collections.abc import Callable

import pytest

from .conftest import CLI


@pytest.fixture(scope="module")
def exported(solved: CLI) -> list[str]:
    """The lines of an export of the solved database."""
    return solved("log", "export").out.splitlines()


def test_a_copy_has_the_same_head_and_answers_the_same(solved: CLI, cli: CLI) -> None:
    """Export to a file, import into a new database: same head, chain unbroken, same runs, ratings, cards and solutions."""
    assert solved("log", "export", str(cli.folder / "log.jsonl")).code == 0
    copied = cli("log", "import", "log.jsonl", "--json").json
    assert copied["head"] == solved.head() == cli.head()
    assert copied["events"] == solved.head()["position"]
    assert cli("log", "verify").code == 0
    for command in (["runs"], ["leaderboard"], ["show", "last"], ["why", "last", "--verify"], ["log", "stats"]):
        here, there = cli(*command, "--json").json, solved(*command, "--json").json
        for answer in (here, there):
            if command == ["log", "stats"]:
                answer.pop("file_bytes"), answer.pop("wal_bytes")
        assert here == there, command
    assert cli("replay", "last").code == 0
    assert {row["behind"] for row in cli("projections", "list", "--json").json} == {0}


def test_a_copy_of_a_copy_is_the_same_text(solved: CLI, cli: CLI, exported: list[str]) -> None:
    """Export, import, export gives the same lines, through standard input and output as well; idempotency keys included."""
    request = '{"type": "knapsack", "values": [1], "weights": [1], "capacity": 1}'
    assert cli("solve", "-", "--idempotency-key", "once", "--seed", "1", stdin=request).code == 0
    lines = cli("log", "export").out
    assert '"key"' in lines
    assert cli("log", "import", "-", "--db", "copy.db", stdin=lines).code == 0
    assert cli("log", "export", "--db", "copy.db").out == lines
    again = cli(
        "solve", "-", "--idempotency-key", "once", "--seed", "1", "--db", "copy.db", "--json", stdin=request
    ).json
    assert again["run"] == cli("runs", "--json").json[0]["run"]


def test_an_empty_log_can_be_copied_too(cli: CLI) -> None:
    """Nothing in, nothing out."""
    lines = (
        json.dumps({"mezan": 1, "head": None}) + "\n" + json.dumps({"end": {"events": 0, "artifacts": 0, "keys": 0}})
    )
    assert cli("log", "import", "-", stdin=lines).code == 0
    assert cli.head() is None
    assert cli("log", "export").out.splitlines()[0] == '{"mezan":1,"head":null}'


def test_an_import_refuses_a_database_that_has_a_log(solved: CLI, cli: CLI, exported: list[str]) -> None:
    """What is there stays as it is."""
    text = "\n".join(exported)
    assert cli("log", "import", "-", stdin=text).code == 0
    before = cli.head()
    cli("log", "import", "-", stdin=text).refused("empty database")
    assert cli.head() == before


def _event(lines: list[str], change: Callable[[dict], None]) -> list[str]:
    where = next(i for i, line in enumerate(lines) if line.startswith('{"event"')) + 2
    content = json.loads(lines[where])
    change(content["event"])
    return [*lines[:where], json.dumps(content), *lines[where + 1 :]]


def _artifact(lines: list[str], change: Callable[[dict], None]) -> list[str]:
    content = json.loads(lines[1])
    change(content["artifact"])
    return [lines[0], json.dumps(content), *lines[2:]]


BROKEN = {
    "a changed payload": (lambda x: _event(x, lambda e: e.update(payload=e["payload"].replace("main", "mine"))), "does not match its digest"),
    "a changed header": (lambda x: _event(x, lambda e: e.update(actor="mallory")), "does not follow from its header"),
    "a changed hash": (lambda x: _event(x, lambda e: e.update(hash="00" * 32)), "does not follow"),
    "an event left out": (lambda x: [line for line in x if '"position":2,' not in line], "position 2 is missing"),
    "an event without a field": (lambda x: _event(x, lambda e: e.pop("actor")), "actor"),
    "an unknown field": (lambda x: _event(x, lambda e: e.update(extra=1)), "extra"),
    "a damaged artifact": (lambda x: _artifact(x, lambda a: a.update(stored="AAAA")), "must match its digest"),
    "an artifact that is no base64": (lambda x: _artifact(x, lambda a: a.update(stored="?")), "line 2"),
    "an artifact left out": (lambda x: [x[0], *x[2:]], "lines are missing"),
    "cut off": (lambda x: x[:-1], "cut off"),
    "cut off within a line": (lambda x: [*x[:5], x[5][:40]], "line 6"),
    "lines after the end": (lambda x: [*x, x[-1]], "more follows"),
    "no header": (lambda x: x[1:], "header line"),
    "a later format": (lambda x: [x[0].replace('"mezan":1', '"mezan":2'), *x[1:]], "format 1"),
    "not JSON": (lambda x: ["hello"], "line 1"),
    "an array": (lambda x: ["[]"], "line 1"),
    "nothing": (lambda x: [], "cut off"),
    "another head": (lambda x: [x[0].replace('"position":', '"position":1'), *x[1:]], "head"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_export_is_refused_whole(exported: list[str], cli: CLI, case: str) -> None:
    """The reason is named, and not one event or artifact stays behind."""
    change, word = BROKEN[case]
    cli("log", "import", "-", stdin="\n".join(change(exported))).refused(word)
    connection = sqlite3.connect(cli.folder / "mezan.db")
    for table in ("events", "artifacts", "idempotency", "log_head", "read_rows"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    connection.close()
