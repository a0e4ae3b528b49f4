"""The straight way to the route that is asked most: a request for it does not pass the framework's stack.

The stack between a server and a route (telemetry, error handlers, compression, exit stacks, matching a path against every router) costs
a sixth of what accepting a request does. Requests that prefer to wait take the usual way, for their answers are long enough to be
compressed. What goes wrong on the straight way is raised again inside the stack's own handlers of errors.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import CheckedRoute, header_of

EXPRESS = frozenset({("POST", "/solve")})
"""Methods and paths; their endpoints take a request and depend on nothing else (`CheckedRoute.plain`)."""
ERROR: Final = "mezan.error"
"""Where in an ASGI scope the error is that the handlers of errors are to answer."""


class Express:
    """Answers the requests of `EXPRESS`, and leaves the others to the application; it belongs inside of what says who asks.

    Args:
        app: the rest of the application, or the whole.
        of: the whole application: the routes are its own, and its error handlers answer.

    Raises:
        TypeError: a route depends on more than its request.
    """

    def __init__(self, app: ASGIApp, of: FastAPI) -> None:
        self.app, self.of = app, of
        self._routes = express_routes(of)
        handlers = dict(of.exception_handlers)
        broken = handlers.pop(Exception, None)
        self._handled = ExceptionMiddleware(_raise, handlers)
        self._answered = ServerErrorMiddleware(self._handled, broken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Straight to the route, or on."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None or header_of(scope, b"prefer") is not None:
            await self.app(scope, receive, send)
            return
        within = scope.get("app") is self.of  # the stack is around this, and answers for what has no handler
        scope["app"] = self.of
        try:
            await route.handle(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - raised again, where it is answered
            answer = self._handled if within else self._answered
            await answer({**scope, ERROR: error}, receive, send)


async def _raise(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise scope[ERROR]


def express_routes(app: FastAPI) -> Mapping[tuple[str, str], CheckedRoute]:
    """The routes of `EXPRESS` in an application; raises TypeError for one that depends on more than its request."""
    found = {
        (method, str(context.path)): route
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, CheckedRoute)
        for method in route.methods or ()
        if (method, context.path) in EXPRESS
    }
    for (_, path), route in found.items():
        if not route.plain:
            msg = f"a route on the straight way must depend on its request alone; {path} does not"
            raise TypeError(msg)
    return found
