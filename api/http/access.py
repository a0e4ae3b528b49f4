"""What each route asks of whoever calls it: declared at its endpoint, checked before anything of the request is read.

An application with a route that declares nothing is not built.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, Literal, TypeVar

from fastapi import Depends, FastAPI, WebSocket, params
from fastapi.routing import APIRoute, APIRouter, APIWebSocketRoute, iter_route_contexts
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from mezan.api.accounts.principal import LOCAL, Principal
from mezan.api.accounts.scopes import Scope
from mezan.solvers.errors import MezanError

from .problems import Refused, code_of

PRINCIPAL: Final = "mezan.principal"
"""Where in an ASGI scope the principal is; without it nobody has shown who they are."""
REFUSAL: Final = "mezan.refusal"
"""Where the error is that a credential was refused with, though the request may go on to what is public."""
AFTER: Final = "mezan.after"
"""Where in an ASGI scope a function is that is to be called once the request has been answered; it is not when that fails."""
UNKNOWN: Final = "a request must say who sends it: an API key, a token or a session"
KNOWN: Final = "known"
Need = Scope | Literal["known"] | None
"""A scope, nothing but to be known, or nothing at all."""
_NEED: Final = "mezan_need"
T = TypeVar("T", bound=Callable[..., Any])


class Undeclared(TypeError):
    """Raised for an application with a route that does not say who may use it."""


class Denied(Refused):
    """Raised where the caller is not allowed to do something."""


def needs(scope: Scope) -> Callable[[T], T]:
    """Declare that an endpoint may be used by whoever has a scope."""
    return lambda endpoint: _declared(endpoint, scope)


def signed_in(endpoint: T) -> T:
    """Declare that an endpoint may be used by everybody who is known."""
    return _declared(endpoint, KNOWN)


def public(endpoint: T) -> T:
    """Declare that an endpoint may be used by everybody, known or not."""
    return _declared(endpoint, None)


def _declared(endpoint: T, need: Need) -> T:
    setattr(endpoint, _NEED, need)
    return endpoint


def need_of(endpoint: Callable[..., Any]) -> Need:
    """What an endpoint declares, None for public; raises Undeclared."""
    if not hasattr(endpoint, _NEED):
        msg = f"an endpoint must declare @needs(Scope...), @signed_in or @public; {endpoint!r} does not"
        raise Undeclared(msg)
    declared: Need = getattr(endpoint, _NEED)
    return declared


def principal_of(connection: HTTPConnection) -> Principal | None:
    """Who calls; None for somebody unknown."""
    found: Principal | None = connection.scope.get(PRINCIPAL)
    return found


def caller(connection: HTTPConnection) -> Principal:
    """Who calls a route that is not public."""
    principal: Principal = connection.scope[PRINCIPAL]
    return principal


def require(connection: HTTPConnection, scope: Scope) -> None:
    """Raise Denied unless the caller may do one thing more than its route declares."""
    check(connection.scope, scope)


def check(connection: Connection, needed: Need) -> None:
    """Raise Denied unless the principal of an ASGI scope has what is needed."""
    if needed is None:
        return
    principal: Principal | None = connection.get(PRINCIPAL)
    if principal is None:
        error: MezanError | None = connection.get(REFUSAL)
        refusal = Denied("unauthenticated", UNKNOWN) if error is None else Denied(code_of(error), str(error))
        refusal.who, refusal.project = str(getattr(error, "who", "")), str(getattr(error, "project", ""))
        raise refusal
    if needed != KNOWN and not principal.may(Scope(needed)):
        rule = f"{principal.name} must have the scope {needed} for this, and has not"
        raise Denied("forbidden", rule, scope=str(needed))


def header_of(connection: Connection, name: bytes) -> str | None:
    """The first value of a header by its name in lower case; the framework's mapping costs ten times as much to make and to ask."""
    for known, value in connection["headers"]:
        if known == name:
            return str(value, "latin-1")
    return None


class CheckedRoute(APIRoute):
    """A route that checks who calls before it resolves any dependency or reads the body."""

    @cached_property
    def plain(self) -> bool:
        """Whether the endpoint is a coroutine function from the request to the answer, and depends on nothing else."""
        signature = inspect.signature(self.endpoint)
        kinds = [*(one.annotation for one in signature.parameters.values()), signature.return_annotation]
        return inspect.iscoroutinefunction(self.endpoint) and kinds == [Request, Response] and not self.dependencies

    async def handle(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Refuse, or answer; other methods are 405 for everybody."""
        if scope["method"] in (self.methods or ()):
            check(scope, need_of(self.endpoint))
            if self.plain:
                response = await self.endpoint(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await super().handle(scope, receive, send)
        if AFTER in scope:
            scope[AFTER]()


class Router(APIRouter):
    """A router whose routes, WebSockets included, are checked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=CheckedRoute, **options)

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[params.Depends] | None = None,
    ) -> None:
        """As APIRouter's; the check is the first dependency, since inclusion makes such routes again."""
        guard = Depends(_Guarding(need_of(endpoint)))
        super().add_api_websocket_route(path, endpoint, name, dependencies=[guard, *(dependencies or ())])


class _Guarding:
    """The check of a WebSocket, before it is accepted."""

    def __init__(self, needed: Need) -> None:
        self.needed = needed

    async def __call__(self, socket: WebSocket) -> None:
        check(socket.scope, self.needed)


def declarations(app: FastAPI) -> Iterator[tuple[str, str, Need]]:
    """Method, path template and need of every route of an application; WebSockets have the method ``WS``, mounts ``*``.

    Raises:
        Undeclared: a route does not declare its need, or would not check it.
    """
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        path = str(context.path)
        if isinstance(route, CheckedRoute):
            needed = need_of(route.endpoint)
            for method in sorted(route.methods or ()):
                yield method, path, needed
        elif isinstance(route, APIWebSocketRoute) and _is_guarded(route):
            yield "WS", path, need_of(route.endpoint)
        elif isinstance(route, Mount) and need_of(route.app) is None:
            yield "*", path, None
        else:
            msg = f"a route must be one of a Router of mezan.api.http.access, or a public mount; {path} is {route!r}"
            raise Undeclared(msg)


def _is_guarded(route: APIWebSocketRoute) -> bool:
    first = route.dependencies[0].dependency if route.dependencies else None
    return isinstance(first, _Guarding) and first.needed == need_of(route.endpoint)


class Everybody:
    """Middleware of a server without accounts: everybody is `LOCAL`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        scope[PRINCIPAL] = LOCAL
        await self.app(scope, receive, send)
