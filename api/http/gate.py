"""The gate of a server with accounts: who asks, by one credential; what that one may do is decided inside of the route.

After it everything is done in the principal's name and in its project. Whoever is unknown goes on without a principal and reaches
public routes only. What is refused, here or in a route, is recorded.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from mezan.api.accounts.desk import Accounts
from mezan.api.accounts.errors import InvalidToken
from mezan.api.accounts.principal import Principal
from mezan.api.accounts.sessions import check_csrf
from mezan.engine.context import acting
from mezan.solvers.errors import MezanError

from .access import PRINCIPAL, REFUSAL
from .credentials import Shown, header, shown_by
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
        accounts: who there is.
    """

    def __init__(self, app: Application, accounts: Accounts) -> None:
        self.app, self.accounts = app, accounts

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Find out who asks, and hand on; refuse wrong, ambiguous and forged credentials."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        visit = _Visit(scope, send)
        shown: Shown | None = None
        try:
            shown = None if brings_its_own(scope) else shown_by(scope)
            principal = None if shown is None else await self._who(scope, shown)
        except (MezanError, Refused) as error:
            self._record(scope, error)
            await problem(code_of(error), told(error))(scope, receive, visit.answer)
            return
        if principal is None or shown is None:
            await self.app(scope, receive, visit.answer)
            return
        scope[PRINCIPAL] = principal
        identify = self._identify

        async def again() -> bool:
            """Whether the credential still stands for the same principal."""
            try:
                return await identify(shown) == principal
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
            raise InvalidToken("a session must be open; log in again")
        return await self.accounts.authenticate_key(shown.text)

    def denied(self, connection: Connection, code: str, where: str) -> None:
        """Record that the guard or a route refused somebody."""
        principal: Principal | None = connection.get(PRINCIPAL)
        self._deny(connection, code, where, principal.id if principal else "", principal.project if principal else "")

    def _record(self, scope: Connection, error: MezanError | Refused) -> None:
        who, project = str(getattr(error, "who", "")), str(getattr(error, "project", ""))
        self._deny(scope, code_of(error), scope["path"], who, project)

    def _deny(self, scope: Connection, code: str, path: str, principal: str, project: str) -> None:
        self.accounts.deny(code, project=project, principal=principal, address=address_of(scope), path=path)

    def hush(self) -> None:
        """End what would go on for ever."""
        self.app.hush()


class _Visit:
    """An answer on its way: with its headers, and cut off when its reader may not read it any more."""

    def __init__(self, connection: Connection, send: Send) -> None:
        self._send, self._websocket = send, connection["type"] == "websocket"
        self.scope: anyio.CancelScope | None = None
        self.changes: Callable[[], int] = lambda: 0
        self.again: Callable[[], Awaitable[bool]] | None = None
        self._seen, self._looked = -1, time.monotonic()
        self._cut, self._ends_well = False, False

    async def answer(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            message["headers"] = [*message["headers"], VARY]
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

    What changes something must bring the session's token. A WebSocket cannot; browsers name its page's origin, and the guard has
    compared that with the host.

    Raises:
        MezanError: it does not prove where it comes from.
    """
    if scope["type"] == "websocket" and header(scope, b"origin") is not None:
        return
    if scope["type"] == "websocket" or scope["method"] not in SAFE:
        check_csrf(shown.text, header(scope, CSRF_HEADER))


def brings_its_own(scope: Connection) -> bool:
    """Whether a request's credentials are the endpoint's business."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in OWN_CREDENTIALS


def address_of(scope: Connection) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def told(error: MezanError | Refused) -> str:
    """What the caller is told."""
    return error.detail if isinstance(error, Refused) else str(error)
