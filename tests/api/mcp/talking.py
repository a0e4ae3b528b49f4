"""The SDK's own client on `mezan mcp` in a process of its own, and the same process spoken to by hand."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

DATA = Path(__file__).parents[2] / "data"
COMMAND = ["-m", "mezan.api.cli.main", "mcp"]
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "by hand", "version": "1"},
}


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEZAN_")}
    return kept | {"NO_COLOR": "1", "JAX_PLATFORMS": "cpu"} | more


@asynccontextmanager
async def talking(*options: str, errors: Path | None = None, **env: str) -> AsyncIterator[Client]:
    """A client whose server's standard error goes to a file."""
    asked = StdioServerParameters(command=sys.executable, args=[*COMMAND, *options], env=environment(**env))
    with (errors or Path(os.devnull)).open("a") as log:
        async with Client(stdio_client(asked, errlog=log)) as client:
            yield client


async def ok(client: Client, tool: str, **arguments: Any) -> Any:
    """The structured value of a call that must succeed; the client has checked it against the tool's schema."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    assert result.content[0].text
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """The one line of a call that must fail."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.content[0].text
    text: str = result.content[0].text
    assert "\n" not in text
    assert "Traceback" not in text
    assert len(text) < 800
    return text


class ByHand:
    """JSON-RPC lines to and from a process, after the handshake of an older client."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *COMMAND, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        self.said: Any = None

    def greet(self) -> "ByHand":
        self.said = self.call(0, "initialize", HELLO)
        self.send(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode())
        return self

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def call(self, id_: int, method: str, params: Any) -> Any:
        self.send(json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode())
        return self.receive()

    def end(self) -> tuple[int, bytes, bytes]:
        """Close its input; the exit code and what was left to read."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err
