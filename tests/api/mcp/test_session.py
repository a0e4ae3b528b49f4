"""A whole session of an assistant with the engine, over the SDK's stdio client."""

import json
from collections.abc import AsyncIterator
from itertools import product

import anyio
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError
from talking import DATA, ok, refused, talking

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def client(anyio_backend, tmp_path_factory) -> AsyncIterator[Client]:
    """One session with small bounds, for the tests that need no database of their own."""
    db = tmp_path_factory.mktemp("session") / "m.db"
    options = "--max-time", "77", "--wait", "9", "--max-message", "30000"
    async with talking("--db", str(db), *options) as talked:
        yield talked


ITEMS = {"type": "knapsack", "values": [6, 10, 12, 7], "weights": [1, 2, 3, 2], "capacity": 5}


def cost_of_nug12(solution: list[int]) -> int:
    """By the definition, from the file."""
    numbers = np.array((DATA / "qap/nug12.dat").read_text().split(), dtype=np.int64)
    n, a, b = numbers[0], *numbers[1:].reshape(2, 12, 12)
    assert sorted(solution) == list(range(n))
    return int((a * b[np.ix_(solution, solution)]).sum())


async def test_what_an_assistant_is_told_of_the_tools(client) -> None:
    """Every tool has valid schemas of objects and honest hints, and says the bounds of this session."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert "list_families" in (client.instructions or "")
    templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
    assert set(tools) == {
        "list_families", "list_solvers", "solve", "status", "list_runs", "cancel", "why", "replay", "leaderboard", "search_log",
    }  # fmt: skip
    assert templates == {"mezan://runs/{run}", "mezan://families/{family}"}
    for tool in tools.values():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert tool.description
    writing = {name for name, tool in tools.items() if not tool.annotations.read_only_hint}
    assert writing == {"solve", "cancel"}
    assert {name for name, tool in tools.items() if tool.annotations.destructive_hint} == {"cancel"}
    assert tools["solve"].input_schema["properties"]["time_limit"]["maximum"] == 77
    assert tools["status"].input_schema["properties"]["wait"]["maximum"] == 9


async def test_a_problem_is_solved_to_its_optimum_explained_and_repeated(tmp_path) -> None:
    """nug12's optimum is 578; the choice is the same when made again, the run when executed again."""
    told: list[tuple[float, str]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message or ""))

    async with talking("--db", str(tmp_path / "m.db"), "--files", str(DATA / "qap")) as client:
        asked = {"file": "nug12.dat", "target": 578, "time_limit": 60, "seed": 5, "solver": "qap.tabu"}
        result = await client.call_tool("solve", asked, progress_callback=hear)
        run = result.structured_content
        assert (run["status"], run["objective"], run["solver"], run["stopped"]) == (
            "completed",
            578,
            "qap.tabu",
            "target",
        )
        assert cost_of_nug12(run["solution"]) == 578
        assert "578" in result.content[0].text
        assert run["run"] in result.content[0].text
        assert told
        assert told == sorted(told)
        assert any("qap.tabu" in message for _, message in told)
        assert told[-1][1] == "completed: 578"

        card = await ok(client, "why", run="last", verify=True)
        assert (card["run"], card["solver"], card["verification"]["identical"]) == (run["run"], "qap.tabu", True)
        assert (await ok(client, "replay", run=run["run"]))["identical"] is True
        rated = (await ok(client, "leaderboard", family="qap"))["solvers"]
        assert [(one["solver"], one["outcomes"]) for one in rated] == [("qap.tabu", 1)]
        found = await ok(client, "search_log", types=["AttemptSucceeded"], text="578", run="last")
        assert [one["data"]["objective"] for one in found["events"]] == [578]
        assert {one["actor"] for one in found["events"]} == {"mcp"}
        last = await ok(client, "search_log", after=-1)
        assert [one["type"] for one in last["events"]] == ["RunCompleted"]
        before = await ok(client, "status", run=run["run"], as_of="1")
        assert (before["status"], before["objective"]) == ("requested", None)

        addresses = [str(one.uri) for one in (await client.list_resources()).resources]
        assert {"mezan://families/qap", f"mezan://runs/{run['run']}"} <= set(addresses)
        content = (await client.read_resource("mezan://runs/last")).contents[0].text
        assert json.loads(content)["solution"] == run["solution"]


async def test_a_problem_is_made_from_its_schema(client) -> None:
    """What list_families gives is enough: its examples fit its schema and solve; a small one meets the optimum by enumeration."""
    families = (await ok(client, "list_families"))["families"]
    assert {one["family"] for one in families} >= {"qap", "knapsack"}
    assert all(one["schema"] is None for one in families)
    (family,) = (await ok(client, "list_families", family="knapsack"))["families"]
    document = json.loads((await client.read_resource("mezan://families/knapsack")).contents[0].text)
    assert document == family
    validator = Draft202012Validator(family["schema"])
    shown = [one["problem"] for one in family["examples"] if one["problem"] is not None]
    assert shown
    for problem in (*shown, ITEMS):
        validator.validate(problem)
    assert not validator.is_valid({**ITEMS, "values": "many"})

    best = max(
        sum(v * x for v, x in zip(ITEMS["values"], xs, strict=True))
        for xs in product((0, 1), repeat=4)
        if sum(w * x for w, x in zip(ITEMS["weights"], xs, strict=True)) <= 5
    )
    mine = await ok(client, "solve", problem=ITEMS)
    assert (mine["objective"], mine["upper_bound"]) == (best, best)
    named = min(family["examples"], key=lambda one: one["size"])
    assert (await ok(client, "solve", example=named["name"]))["instance"] == named["name"]
    text = (DATA / "knapsack/strong60.kp").read_text()
    known = int((DATA / "knapsack/strong60.sol").read_text().split()[0])
    sent = await ok(client, "solve", text=text, name="strong60.kp", time_limit=30)
    assert (sent["instance"], sent["objective"]) == ("strong60", known)

    solvers = await ok(client, "list_solvers", family="knapsack")
    assert [one["solver"] for one in solvers["families"][0]["solvers"]] == family["solvers"]
    assert any(one["default"] for one in solvers["policies"])
    listed = await ok(client, "list_runs", family="knapsack", label="strong")
    assert [one["run"] for one in listed["runs"]] == [sent["run"]]
    assert (await ok(client, "list_runs", family="qap"))["runs"] == []


async def test_what_breaks_a_rule_is_one_line_and_leaves_no_event(tmp_path) -> None:
    """The line says the rule and what was got; the session goes on, and the log is as it was."""
    folder = tmp_path / "files"
    folder.mkdir()
    (tmp_path / "secret.dat").write_text("2 0 1 1 0 0 1 1 0")
    (folder / "link.dat").symlink_to(tmp_path / "secret.dat")
    wrong = [
        ("solve", {}, "exactly one of"),
        ("solve", {"problem": ITEMS, "text": "x"}, "problem and text"),
        ("solve", {"problem": {"type": "tsp"}}, "'tsp'"),
        ("solve", {"problem": {"values": [1]}}, "`type`"),
        ("solve", {"problem": {**ITEMS, "weights": [1]}}, "weights"),
        ("solve", {"problem": {**ITEMS, "colour": "red"}}, "colour"),
        ("solve", {"problem": "knapsack"}, "problem: "),
        ("solve", {"problem": ITEMS, "time_limit": 1e9}, "at most 300"),
        ("solve", {"problem": ITEMS, "time_limit": -1}, "greater than 0"),
        ("solve", {"problem": ITEMS, "iterations": 2**70}, "iterations"),
        ("solve", {"problem": ITEMS, "tme_limit": 3}, "'tme_limit'"),
        ("solve", {"problem": ITEMS, "solver": "qap.tabu"}, "qap.tabu"),
        ("solve", {"problem": ITEMS, "policy": "oracle"}, "oracle"),
        ("solve", {"text": "\x00\x01", "name": "a.dat"}, "a.dat"),
        ("solve", {"text": "", "family": "qap"}, "empty"),
        ("solve", {"example": "moon"}, "moon"),
        ("solve", {"file": "../secret.dat"}, "inside of"),
        ("solve", {"file": "link.dat"}, "inside of"),
        ("solve", {"file": str(tmp_path / "secret.dat")}, "inside of"),
        ("solve", {"file": "a\x00b"}, "file"),
        ("status", {"run": "last"}, "solve something first"),
        ("status", {"run": "%"}, "there is none"),
        ("status", {"run": "x" * 101}, "100"),
        ("status", {}, "run"),
        ("status", {"run": "x", "wait": 1e6}, "at most 50"),
        ("why", {"run": "nothing"}, "'nothing'"),
        ("replay", {"run": "nothing"}, "'nothing'"),
        ("cancel", {"run": "nothing"}, "'nothing'"),
        ("leaderboard", {"family": "moon"}, "moon"),
        ("leaderboard", {"by": "luck"}, "'elo' or 'bt'"),
        ("leaderboard", {"as_of": "yesterday"}, "as_of"),
        ("search_log", {"limit": 10**9}, "200"),
        ("list_families", {"family": "moon"}, "moon"),
    ]  # fmt: skip
    async with talking("--db", str(tmp_path / "m.db"), "--files", str(folder), errors=tmp_path / "err") as client:
        for tool, arguments, word in wrong:
            assert word in await refused(client, tool, **arguments), (tool, arguments)
        assert (await ok(client, "search_log"))["events"] == []
        assert (await ok(client, "solve", problem=ITEMS))["objective"] == 23
    assert "Traceback" not in (tmp_path / "err").read_text()


async def test_long_solutions_are_left_to_the_resource(client) -> None:
    """A conversation is not flooded by thousands of numbers; the resource has them."""
    n = 3_000
    problem = {"type": "knapsack", "values": [1] * n, "weights": [1] * n, "capacity": n // 2}
    result = await client.call_tool("solve", {"problem": problem, "solver": "knapsack.greedy"})
    run = result.structured_content
    assert (run["objective"], run["solution"]) == (n // 2, None)
    assert f"mezan://runs/{run['run']}" in result.content[0].text
    assert len(result.content[0].text) < 1_000
    whole = json.loads((await client.read_resource(f"mezan://runs/{run['run']}")).contents[0].text)
    assert sum(whole["solution"]) == n // 2


async def test_a_huge_problem_is_refused_to_the_client_that_sent_it(client) -> None:
    """Unread; the SDK's client is not left waiting, and the session goes on."""
    problem = {"type": "knapsack", "values": [1] * 20_000, "weights": [1], "capacity": 1}
    with anyio.fail_after(20), pytest.raises(MCPError, match="at most 30000 bytes"):
        await client.call_tool("solve", {"problem": problem})
    assert (await ok(client, "solve", problem=ITEMS))["objective"] == 23
