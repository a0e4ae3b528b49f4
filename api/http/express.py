"""The straight way to the route that is asked most: a request for it does not pass the framework's stack.

The stack between a middleware and a route (compression, exit stacks, matching a path against every router) costs a tenth of what
accepting a request does. Requests that prefer to wait take the usual way, for their answers are long enough to be compressed.
"""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import CheckedRoute

EXPRESS = frozenset({("POST", "/solve")})
"""Methods and paths; their endpoints take a request and depend on nothing else (`CheckedRoute.plain`)."""


class Express:
    """Middleware outside of compression and inside of what says who asks; errors are answered as everywhere.

    Args:
        app: the rest of the application.
        routes: by method and path.
        of: the whole application, whose error handlers count.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[tuple[str, str], CheckedRoute], of: FastAPI) -> None:
        self.app, self.routes = app, routes
        handlers = {kind: handler for kind, handler in of.exception_handlers.items() if kind not in {500, Exception}}
        self._straight = ExceptionMiddleware(self._handle, handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Straight to the route, or on."""
        straight = scope["type"] == "http" and (scope["method"], scope["path"]) in self.routes
        if straight and all(name != b"prefer" for name, _ in scope["headers"]):
            await self._straight(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.routes[scope["method"], scope["path"]].handle(scope, receive, send)


def express_routes(app: FastAPI) -> dict[tuple[str, str], CheckedRoute]:
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
