"""How calls, runs and the process end, and what is in the log then."""

import json
import signal

import anyio
import pytest
from serving import serving
from talking import DATA, ok, refused, talking

pytestmark = pytest.mark.anyio
LONG = {"example": "dominated25", "time_limit": 200, "solver": "qap.tabu", "seed": 1, "fresh": True}
"""A run that no test waits for; its bound cannot be met."""
SHORT = {"example": "camping12", "solver": "knapsack.dp"}
CALL = {"name": "solve", "arguments": LONG}


async def until(client, status: str, run: str | None = None) -> dict:
    """The latest run (or another) once a list shows that it has this status."""
    with anyio.fail_after(60):
        while True:
            rows = (await ok(client, "list_runs", status=status))["runs"]
            if found := [row for row in rows if run in {None, row["run"]}]:
                return found[0]
            await anyio.sleep(0.1)


async def test_cancelling_a_call_cancels_its_run(tmp_path) -> None:
    """The run has its terminal event; the session goes on, and so do runs that nobody cancelled."""
    async with talking("--db", str(tmp_path / "m.db")) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "solve", LONG)
            run = (await until(client, "running"))["run"]
            tasks.cancel_scope.cancel()
        await until(client, "cancelled")
        events = (await ok(client, "search_log", run=run, limit=200))["events"]
        assert events[-1]["type"] == "RunCancelled"
        assert (await ok(client, "status", run=run))["message"] == "cancelled over MCP"
        assert (await ok(client, "solve", **SHORT))["status"] == "completed"


async def test_a_long_run_is_given_back_by_its_id(tmp_path) -> None:
    """With wait=false at once, otherwise when the wait is over; it goes on until `cancel`, which returns what it found."""
    async with talking("--db", str(tmp_path / "m.db"), "--wait", "1") as client:
        first = await ok(client, "solve", **LONG, wait=False)
        assert first["status"] in {"requested", "running"}
        second = await ok(client, "solve", **(LONG | {"seed": 2}))
        assert second["status"] in {"requested", "running"}
        assert (await ok(client, "status", run=first["run"], wait=0.5))["status"] == "running"
        assert "must have ended" in await refused(client, "replay", run=first["run"])
        for run in (first["run"], second["run"]):
            assert (await ok(client, "cancel", run=run))["status"] == "cancelled"
        again = await ok(client, "solve", **SHORT, idempotency_key="k", wait=False)
        same = await ok(client, "solve", **SHORT, idempotency_key="k")
        assert same["run"] == again["run"]


@pytest.mark.parametrize("how", ["closed", "interrupt"])
async def test_the_process_ends_cleanly_and_so_do_its_runs(cli, by_hand, how) -> None:
    """A closed input and Ctrl-C end it with 0 while a call is waiting; its run is cancelled in the log."""
    hand = by_hand("--db", str(cli.folder / "mezan.db"))
    hand.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": CALL}).encode())
    hand.call(2, "tools/call", {"name": "status", "arguments": {"run": "last", "wait": 2}})
    if how == "closed":
        code, out, err = hand.end()
    else:
        hand.process.send_signal(signal.SIGINT)
        code = hand.process.wait(30)
        out, err = hand.process.communicate()
    assert code == 0, err
    assert b"Traceback" not in err
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())
    assert [row["status"] for row in cli("runs", "--json").json] == ["cancelled"]
    assert cli("log", "verify").code == 0


def test_what_is_no_message_is_answered_and_the_session_goes_on(tmp_path, by_hand) -> None:
    """Garbage, depth and length are refused by the protocol's codes, with the request's id where it can be found."""
    hand = by_hand("--db", str(tmp_path / "m.db"), "--max-message", "5000")
    assert hand.said["result"]["serverInfo"]["name"] == "mezan"
    long = "x" * 6_000
    wrong = [
        (b"{nonsense", None, -32700),
        (b"\xff\xfe\x00", None, -32700),
        (b"[" * 4_000, None, -32700),
        (b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"a":' + b"[" * 2_000 + b"]" * 2_000 + b"}}", 3, -32700),
        (json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": long}}).encode(), 7, -32600),
        (json.dumps({"method": "tools/call", "params": {"name": long}, "jsonrpc": "2.0", "id": "a"}).encode(), "a", -32600),
        (b"x" * 300_000, None, -32600),
        (json.dumps({"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "rm"}}).encode(), 8, -32602),
        (json.dumps({"jsonrpc": "2.0", "id": 9, "method": "no/such", "params": {}}).encode(), 9, -32601),
    ]  # fmt: skip
    for line, id_, code in wrong:
        hand.send(line)
        told = hand.receive()
        assert (told["id"], told["error"]["code"]) == (id_, code), line[:60]
        assert "Traceback" not in told["error"]["message"]
    answer = hand.call(10, "tools/call", {"name": "solve", "arguments": {"example": "camping12"}})
    assert answer["result"]["structuredContent"]["status"] == "completed"
    assert hand.end()[0] == 0


async def test_two_sessions_share_a_database(tmp_path, cli) -> None:
    """Each sees the other's runs and solves beside it; what one process runs, the other cannot cancel; the chain holds."""
    db = str(cli.folder / "mezan.db")
    async with talking("--db", db) as one, talking("--db", db) as other:
        going = await ok(one, "solve", **LONG, wait=False)
        seen = await ok(other, "status", run=going["run"])
        assert seen["status"] in {"requested", "running"}
        assert "another process" in await refused(other, "cancel", run=going["run"])

        async def solve(client, seed: int) -> None:
            for i in range(3):
                done = await ok(client, "solve", **SHORT, seed=seed + i)
                assert done["status"] == "completed"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(solve, one, 10)
            tasks.start_soon(solve, other, 20)
        assert (await ok(one, "cancel", run=going["run"]))["status"] == "cancelled"
        for client in (one, other):
            await until(client, "cancelled", run=going["run"])
            rows = (await ok(client, "list_runs", limit=100))["runs"]
            assert sorted(row["status"] for row in rows) == ["cancelled"] + ["completed"] * 6
    assert cli("log", "verify").code == 0


async def test_a_server_answers_what_an_engine_answers(tmp_path) -> None:
    """Over a running server and over its database, the same questions have the same answers, also wrong ones."""
    db = tmp_path / "served.db"
    with serving(db) as server:
        async with talking("--server", server.url, "--files", str(DATA / "qap")) as client:
            run = await ok(client, "solve", file="chr12a.dat", target=9552, time_limit=60, seed=3, solver="qap.tabu")
            assert (run["status"], run["objective"], run["stopped"]) == ("completed", 9552, "target")
            assert (await ok(client, "solve", example="camping12"))["proved_optimal"] is True
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "solve", LONG)
                await until(client, "running")
                tasks.cancel_scope.cancel()
            await until(client, "cancelled")
            asked = [
                ("list_families", {}), ("list_families", {"family": "knapsack"}), ("list_families", {"family": "qap"}),
                ("list_solvers", {}), ("list_runs", {}), ("list_runs", {"status": "cancelled"}), ("status", {"run": run["run"]}),
                ("status", {"run": run["run"], "as_of": "2"}), ("why", {"run": run["run"], "verify": True}),
                ("replay", {"run": run["run"]}), ("leaderboard", {}), ("leaderboard", {"family": "qap", "by": "bt"}),
                ("search_log", {"limit": 5}), ("search_log", {"after": -4}), ("search_log", {"text": "9552", "run": run["run"]}),
            ]  # fmt: skip
            wrong = [
                ("status", {"run": "nope"}), ("solve", {"problem": {"type": "tsp"}}), ("list_families", {"family": "moon"}),
                ("solve", {"problem": {"type": "knapsack", "values": [1], "weights": [1, 2], "capacity": 1}}),
                ("leaderboard", {"cluster": "moon"}), ("cancel", {"run": "nope"}),
            ]  # fmt: skip
            async with talking("--db", str(db)) as local:
                for tool, arguments in asked:
                    assert await ok(client, tool, **arguments) == await ok(local, tool, **arguments), (tool, arguments)
                for tool, arguments in wrong:
                    told = await refused(client, tool, **arguments)
                    assert told == await refused(local, tool, **arguments), (tool, arguments)
            server.stop()
            assert "mezan serve" in await refused(client, "list_runs")
