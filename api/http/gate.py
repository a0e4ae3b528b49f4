"""The gate of a server with accounts: who asks, by one credential; what that one may do is decided inside of the route.

After it everything is done in the principal's name and in its project. Whoever is unknown goes on without a principal and reaches
public routes only. What is refused, here or in a route, is recorded.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import anyio.to_thread
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from mezan.api.accounts.csrf import check_csrf
from mezan.api.accounts.door import Door
from mezan.api.accounts.principal import Principal
from mezan.api.limits.desk import Limits
from mezan.api.limits.policy import RouteClass
from mezan.api.limits.verdict import Verdict, seconds
from mezan.engine.context import acting
from mezan.solvers.errors import MezanError

from .access import PRINCIPAL, REFUSAL
from .credentials import Shown, header, shown_by
from .denials import record
from .guard import SAFE
from .problems import Refused, code_of, problem
from .projects import Application

OWN_CREDENTIALS: Final = frozenset({"/login", "/oauth/token", "/oauth/revoke"})
"""Posts that bring their credentials in the body or as HTTP Basic, and look at no others."""
CSRF_HEADER: Final = b"mezan-csrf"
PATIENCE: Final = 5.0
"""Seconds of a live stream between two looks whether its reader may still read."""
EVENTS: Final = b"text/event-stream; charset=utf-8"
VARY: Final = (b"vary", b"cookie, authorization")
"""Nobody may be given out of a cache what another one was answered."""


class Gate:
    """Middleware between the guard and the projects.

    Args:
        app: the projects.
        door: who gets in.
        limits: how often.
    """

    def __init__(self, app: Application, door: Door, limits: Limits) -> None:
        self.app, self.door, self.limits, self.accounts = app, door, limits, door.accounts

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Find out who asks, and hand on; refuse wrong, ambiguous and forged credentials."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        visit = _Visit(scope, send)
        principal: Principal | None = None
        shown: Shown | None = None
        refusal: MezanError | Refused | None = None
        try:
            shown = None if brings_its_own(scope) else shown_by(scope)
            principal = None if shown is None else await self._who(scope, shown)
        except (MezanError, Refused) as error:
            refusal = error
        asked = (principal, class_of(scope, principal), address_of(scope))
        if self.limits.blocks:
            verdict = await anyio.to_thread.run_sync(self.limits.take, *asked)
        else:
            verdict = self.limits.take(*asked)
        visit.headers += [(name.lower().encode(), value.encode()) for name, value in verdict.headers()]
        if not verdict.allowed:
            refusal = too_many(verdict, principal)
        if refusal is not None:
            record(scope, code_of(refusal), refusal)
            await problem(code_of(refusal), str(refusal))(scope, receive, visit.answer)
        elif principal is None or shown is None:
            await self.app(scope, receive, visit.answer)
        else:
            await self._admit(scope, receive, visit, principal, shown)

    async def _admit(
        self, scope: Connection, receive: Receive, visit: "_Visit", principal: Principal, shown: Shown
    ) -> None:
        scope[PRINCIPAL] = principal

        async def again() -> bool:
            """Whether the credential still stands for the same principal."""
            try:
                return await self._identify(shown) == principal
            except MezanError:
                return False

        visit.changes, visit.again = lambda: self.accounts.principals.changes, again
        with acting(as_actor=principal.actor), anyio.CancelScope() as visit.scope:
            await self.app(scope, receive, visit.answer)
        await visit.left()

    async def _who(self, scope: Connection, shown: Shown) -> Principal | None:
        """The principal; None, with the reason kept for the route, where a browser's session is over.

        Raises:
            MezanError: the key or token is refused, or the request is forged.
        """
        try:
            principal = await self._identify(shown)
        except MezanError as error:
            if shown.kind == "bearer":
                raise
            scope[REFUSAL] = error
            return None
        if shown.kind == "session":
            check_forgery(scope, shown)
        return principal

    async def _identify(self, shown: Shown) -> Principal:
        """Whose a credential is; raises MezanError."""
        if shown.kind == "session":
            return await self.door.sessions.principal(shown.text)
        return await self.door.authenticate(shown.text)

    def denied(self, connection: Connection, code: str, where: str, *, who: str = "", project: str = "") -> None:
        """Record that the gate, the guard or a route refused somebody."""
        principal: Principal | None = connection.get(PRINCIPAL)
        if principal is not None:
            who, project = principal.id, principal.project
        self.accounts.deny(code, project=project, principal=who, address=address_of(connection), path=where)

    def hush(self) -> None:
        """End what would go on for ever."""
        self.app.hush()


class _Visit:
    """An answer on its way: with its headers, and cut off when its reader may not read it any more."""

    def __init__(self, connection: Connection, send: Send) -> None:
        self._send, self._websocket = send, connection["type"] == "websocket"
        self.headers: list[tuple[bytes, bytes]] = [VARY]
        self.scope: anyio.CancelScope | None = None
        self.changes: Callable[[], int] = lambda: 0
        self.again: Callable[[], Awaitable[bool]] | None = None
        self._seen, self._looked = -1, time.monotonic()
        self._cut, self._ends_well = False, False

    async def answer(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            message["headers"] = [*message["headers"], *self.headers]
            self._ends_well = (b"content-type", EVENTS) in message["headers"]
            self._seen = self.changes()
        elif kind == "websocket.accept":
            self._seen = self.changes()
        elif (kind == "websocket.send" or message.get("more_body", False)) and self._due() and not await self._still():
            return
        await self._send(message)

    def _due(self) -> bool:
        return self.again is not None and (self.changes() != self._seen or time.monotonic() - self._looked > PATIENCE)

    async def _still(self) -> bool:
        self._seen, self._looked = self.changes(), time.monotonic()
        if self.again is None or await self.again():
            return True
        self._cut = True
        if self.scope is not None:
            self.scope.cancel()
        return False

    async def left(self) -> None:
        """End an answer that was cut off as the protocol wants it; a file stays unfinished, so that nobody takes it for whole."""
        if self._cut and self._websocket:
            await self._send({"type": "websocket.close", "code": 1008, "reason": "token-revoked"})
        elif self._cut and self._ends_well:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def check_forgery(scope: Connection, shown: Shown) -> None:
    """Refuse what another site may have made a browser send with its session's cookie.

    What changes something must bring the session's token. A WebSocket cannot; browsers name its page's origin.

    Raises:
        MezanError, Refused: it does not prove where it comes from.
    """
    origin = header(scope, b"origin")
    if origin is not None and origin.partition("://")[2] != header(
        scope, b"host"
    ):  # a stream, say: the guard lets reads pass
        raise Refused("cross-origin", f"a session is for this server's own pages; got origin {origin[:80]!r}")
    if scope["type"] == "websocket" and origin is not None:
        return
    if scope["type"] == "websocket" or scope["method"] not in SAFE:
        check_csrf(shown.text, header(scope, CSRF_HEADER))


def brings_its_own(scope: Connection) -> bool:
    """Whether a request's credentials are the endpoint's business."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in OWN_CREDENTIALS


def class_of(scope: Connection, principal: Principal | None) -> RouteClass:
    """What kind of work a request asks for, by its method and path: it is counted whether or not there is such a route."""
    if brings_its_own(scope):
        return "login"
    if principal is None:
        return "public"
    if scope["type"] == "websocket" or scope["method"] in SAFE:
        return "read"
    path: str = scope["path"]
    return "solve" if path.endswith(("/solve", "/solve/file", "/replay")) else "write"


def too_many(verdict: Verdict, principal: Principal | None) -> Refused:
    """The refusal of a verdict; its headers say when to come again."""
    tightest = verdict.tightest
    rule = "requests must not come so fast"
    if tightest is not None:
        rule = f"there must be at most {tightest.quota} requests in {seconds(tightest.window)} s (policy {tightest.policy})"
    refusal = Refused("rate-limited", f"{rule}: wait as long as Retry-After says")
    if principal is not None:
        refusal.who, refusal.project = principal.id, principal.project
    return refusal


def address_of(scope: Connection) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""
