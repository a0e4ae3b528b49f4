"""Through a server with accounts: the key's role decides what an assistant may do."""

import subprocess
import sys
from pathlib import Path

import pytest
from serving import serving
from talking import COMMAND, environment, ok, refused, talking

pytestmark = pytest.mark.anyio
KNAPSACK = {
    "problem": {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5},
    "time_limit": 5,
}


def issued(db: Path, name: str, role: str) -> str:
    """A new API key."""
    command = [*COMMAND[:2], "keys", "issue", name, "--role", role, "--db", str(db)]
    made = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=environment())
    return made.stdout.strip()


async def test_the_role_of_the_key_decides(tmp_path: Path) -> None:
    """An operator's assistant solves, a viewer's only looks, a stranger's learns what is missing; the log says who asked."""
    db = tmp_path / "shared.db"
    operator, viewer = issued(db, "editor", "operator"), issued(db, "reader", "viewer")
    with serving(db) as server:
        async with talking("--server", server.url, MEZAN_API_KEY=operator) as client:
            solved = await ok(client, "solve", **KNAPSACK)
            assert solved["status"] == "completed"
            assert solved["objective"] == 22
            first = (await ok(client, "search_log", run=solved["run"], limit=1))["events"][0]
            assert first["actor"].startswith("key_")
        async with talking("--server", server.url, MEZAN_API_KEY=viewer) as client:
            assert (await ok(client, "status", run=solved["run"]))["status"] == "completed"
            assert "runs:write" in await refused(client, "solve", **KNAPSACK)
        async with talking("--server", server.url) as client:
            assert "API key" in await refused(client, "list_runs")
