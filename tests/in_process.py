"""The whole of a server with accounts in this process, on a clock of its own: guard, gate, limits, projects, real files."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import orjson

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.api.http.app import project_app
from mezan.api.http.gate import Gate
from mezan.api.http.guard import Guard, Limits
from mezan.api.http.projects import Projects, open_projects
from mezan.api.limits.desk import Limits as Rates
from mezan.api.limits.logins import Logins
from mezan.api.limits.policy import policies
from mezan.api.open import slots

PROJECTS = ("default", "north")
ROLES = ("viewer", "operator", "admin")
PASSWORD = "correct horse battery 7"
NOW = 1_800_000_000_000_000
"""Microseconds since the epoch at which the clocks of accounts and limits start."""
PATIENCE = 20.0
"""Seconds that an answer may take."""


@dataclass(slots=True)
class Answer:
    """What one request was answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Line:
    """One connection to an ASGI application: requests, streams that are left, WebSockets."""

    def __init__(self, app: Any, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        path, _, query = target.partition("?")
        sent = {"host": "testserver", **headers}
        self.scope: dict[str, Any] = {
            "type": "websocket" if method == "WS" else "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws" if method == "WS" else "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
        }
        if method == "WS":
            self.scope["subprotocols"] = []
            self._waiting: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        else:
            self.scope["method"] = method
            self._waiting = [{"type": "http.request", "body": body, "more_body": False}]
        self._app, self._left = app, anyio.Event()
        self.answer = Answer(0, [], b"")
        self.ended = anyio.Event()

    async def __call__(self) -> Answer:
        try:
            await self._app(self.scope, self._receive, self._send)
        finally:
            self.ended.set()
        return self.answer

    def leave(self) -> None:
        """Close the connection from here."""
        self._left.set()

    async def _receive(self) -> dict[str, Any]:
        if self._waiting:
            return self._waiting.pop(0)
        await self._left.wait()
        return {"type": "websocket.disconnect" if self.scope["type"] == "websocket" else "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        answer = self.answer
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                answer.status = message["status"]
                answer.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
            case "http.response.body" | "websocket.http.response.body":
                answer.body += message.get("body", b"")
            case "websocket.accept":
                answer.status = 101
                answer.headers = [(name.decode(), value.decode()) for name, value in message.get("headers", ())]
            case "websocket.send":
                answer.body += message["text"].encode() + b"\n"
            case "websocket.close":
                answer.body += f"close {message.get('code')} {message.get('reason')}\n".encode()


@dataclass
class House:
    """A server of two projects; ``keys`` are texts by project and role."""

    app: Any
    door: Door
    projects: Projects
    ahead: int = 0
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    cookies: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """The cookie and the CSRF token of a session, by project and role."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return NOW + self.ahead

    async def ask(
        self, method: str, target: str, *, token: str | None = None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:  # fmt: skip
        """Send a request and read the answer to its end; a WebSocket's until the server closes it."""
        line = self.line(method, target, token=token, body=body, headers=headers)
        with anyio.move_on_after(PATIENCE) as waited:
            return await line()
        assert waited.cancelled_caught
        msg = f"{method} {target} has no end; so far {line.answer}"
        raise TimeoutError(msg)

    def line(
        self, method: str, target: str, *, token: str | None = None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Line:  # fmt: skip
        """A connection that is still to be run."""
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        if content:
            sent.setdefault("content-type", "application/json")
            sent["content-length"] = str(len(content))
        return Line(self.app, method, target, sent, content)

    async def settle(self) -> None:
        """Until every read model has folded what is in its log."""
        for name in PROJECTS:
            engine = (await self.projects.app(name)).state.engine
            with anyio.fail_after(30):
                while engine.follower.position < (await _head(engine.store)):  # noqa: ASYNC110 - another process would be followed so too
                    await anyio.sleep(0.001)
        store = self.door.accounts.store
        with anyio.fail_after(30):
            while self.door.accounts.position < await _head(store):  # noqa: ASYNC110
                await anyio.sleep(0.001)


async def _head(store: Any) -> int:
    await store.transact(lambda _: None)  # behind whatever is still to be written
    head = await store.head()
    return 0 if head is None else head.position


@asynccontextmanager
async def open_house(folder: Path, *, rates: Mapping[str, str] | None = None) -> AsyncIterator[House]:
    """A new server in a folder, with a user and a key of every role in each project."""
    url = f"sqlite:///{folder / 'house.db'}"
    made: House | None = None

    def now() -> int:
        return NOW if made is None else made.now()

    async with open_accounts(url, clock=now) as accounts:
        door = Door(accounts, Logins(clock=now))
        limits = Rates(policies(rates or {}), clock=now)
        make = partial(project_app, door=door, quotas={})
        async with open_projects(accounts.files, make, shared=slots(), durability="relaxed") as projects:
            gate = Gate(projects, door, limits)
            made = House(Guard(gate, Limits(), gate), door, projects)
            await door.keys.signer()
            for project in PROJECTS:
                if project != "default":
                    await accounts.add_project(project)
                for role in ROLES:
                    user = await accounts.add_user(f"{role}-user", role=role, project=project)
                    opened = await door.sessions.open(user, lifetime=10**8)
                    made.cookies[project, role] = opened.cookie, opened.csrf
                    issued = await accounts.issue_key(f"{role}-key", role=role, project=project)
                    made.keys[project, role] = issued.text
            yield made
