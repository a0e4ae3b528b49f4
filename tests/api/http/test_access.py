"""Every route says who may use it, and nothing is read of a request before that is checked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from mezan.api.accounts.principal import Principal
from mezan.api.accounts.scopes import EVERY, VIEWER, Scope
from mezan.api.http import problems
from mezan.api.http.access import PRINCIPAL, CheckedRoute, Router, Undeclared, declarations, needs, public
from mezan.api.http.app import create_app
from mezan.api.http.denials import AUDIT
from mezan.api.open import open_engine
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
PUBLIC = {
    ("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/problems"), ("GET", "/problems/{code}"),
    ("GET", "/health/live"), ("GET", "/health/ready"), ("*", "/static"),
}  # fmt: skip


def principal(*scopes: Scope) -> Principal:
    return Principal("user_1", "ada", "user", "default", frozenset(scopes), "session_1")


class As:
    """Sets a principal, and keeps the denials."""

    def __init__(self, app: ASGIApp, who: Principal | None) -> None:
        self.app, self.who = app, who
        self.denials: list[tuple[str, str]] = []

    def denied(self, _connection: Connection, code: str, where: str, **_known: str) -> None:
        self.denials.append((code, where))

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        scope[AUDIT] = self
        if self.who is not None:
            scope[PRINCIPAL] = self.who
        await self.app(scope, receive, send)


@asynccontextmanager
async def asking(app: FastAPI, who: Principal | None) -> AsyncIterator[tuple[httpx.AsyncClient, As]]:
    gate = As(app, who)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://testserver") as client:
        yield client, gate


def made(*routers: APIRouter) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    for router in routers:
        app.include_router(router)
    app.state.declared = ()
    return app


async def test_every_route_declares_its_scope(tmp_path: Path) -> None:
    """The router is walked: what is public is on a list, writes need more than a viewer has, all scopes of work are used."""
    async with open_engine(f"sqlite:///{tmp_path / 'a.db'}") as engine:
        found = list(declarations(create_app(engine)))
    assert {(method, path) for method, path, scope in found if scope is None} == PUBLIC
    for method, path, scope in found:
        if method not in {"GET", "WS", "*"}:
            assert scope not in VIEWER.scopes, path
    assert {scope for _, _, scope in found} >= EVERY - {Scope.ACCOUNTS_READ, Scope.ACCOUNTS_WRITE}
    assert ("WS", "/runs/{run}/events", Scope.RUNS_READ) in found
    assert len(found) > 50


async def _plain() -> Response:
    return PlainTextResponse("in")


async def _undeclared() -> Response:  # never declared, whatever the order of the tests
    return PlainTextResponse("in")


def _router_without_scope() -> APIRouter:
    router = Router()
    router.add_api_route("/x", _undeclared)
    return router


def _foreign_router() -> APIRouter:
    router = APIRouter()
    router.add_api_route("/x", needs(Scope.RUNS_READ)(_plain))
    return router


def _starlette_route() -> APIRouter:
    router = Router()
    router.routes.append(Route("/x", needs(Scope.RUNS_READ)(lambda _: PlainTextResponse("in"))))
    return router


def _mounted(need: bool) -> APIRouter:
    async def app(_scope: Connection, _receive: Receive, _send: Send) -> None: ...

    router = Router()
    router.mount("/x", needs(Scope.RUNS_READ)(app) if need else app)
    return router


def _foreign_socket() -> APIRouter:
    router = APIRouter()
    router.add_api_websocket_route("/x", needs(Scope.RUNS_READ)(_plain))
    return router


@pytest.mark.parametrize(
    "router",
    [_router_without_scope(), _foreign_router(), _starlette_route(), _mounted(True), _mounted(False), _foreign_socket()],
)  # fmt: skip
def test_an_app_with_an_unchecked_route_is_refused(router: APIRouter) -> None:
    """Undeclared, of a router that does not check, or mounted with a need that nothing checks."""
    with pytest.raises(Undeclared):
        list(declarations(made(router)))


def test_a_socket_must_declare_when_it_is_added() -> None:
    """Its check is made there."""

    async def socket() -> None: ...

    with pytest.raises(Undeclared):
        Router().add_api_websocket_route("/x", socket)


async def test_a_route_of_the_request_alone_is_answered_directly() -> None:
    """It is checked and its errors are told as of any other; with a dependency it is no such route, and the dependency runs."""
    ran = []

    async def dependency() -> None:
        ran.append(1)

    router = Router()

    @router.post("/plain")
    @needs(Scope.RUNS_WRITE)
    async def plain(request: Request) -> Response:
        if await request.body() == b"wrong":
            raise BadInput("must not be wrong")
        return PlainTextResponse("in")

    router.add_api_route("/depends", plain, methods=["POST"], dependencies=[Depends(dependency)])
    app = made(router)
    assert [route.plain for route in router.routes if isinstance(route, CheckedRoute)] == [True, False]
    for path in ("/plain", "/depends"):
        async with asking(app, principal(*VIEWER.scopes)) as (client, gate):
            assert (await client.post(path)).status_code == 403
            assert gate.denials == [("forbidden", path)]
        assert not ran
        async with asking(app, principal(Scope.RUNS_WRITE)) as (client, _):
            assert (await client.get(path)).status_code == 405
            assert (await client.post(path)).text == "in"
            wrong = await client.post(path, content=b"wrong")
            assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/bad-input")
    assert ran == [1, 1]


async def test_is_checked_before_any_dependency() -> None:
    """Who may not call is refused before dependencies run and before a body is read, by name of what is missing."""
    ran = []

    async def dependency() -> None:
        ran.append(1)

    router = Router(prefix="/p")

    @router.post("/x", dependencies=[Depends(dependency)])
    @needs(Scope.RUNS_WRITE)
    async def write(body: dict[str, Any]) -> Response:
        return PlainTextResponse(str(body))

    @router.get("/open")
    @public
    async def free() -> Response:
        return PlainTextResponse("free")

    app = made(router)
    async with asking(app, None) as (client, gate):
        answer = await client.post("/p/x", content=b"{")
        assert answer.status_code == 401
        assert answer.json()["type"] == "/problems/unauthenticated"
        assert answer.headers["www-authenticate"] == 'Bearer realm="mezan"'
        assert gate.denials == [("unauthenticated", "/p/x")]
        assert (await client.get("/p/open")).text == "free"
        assert (await client.get("/p/x")).status_code == 405
    async with asking(app, principal(*VIEWER.scopes)) as (client, gate):
        answer = await client.post("/p/x", content=b"{")
        assert (answer.status_code, answer.json()["scope"]) == (403, "runs:write")
        challenge = 'Bearer realm="mezan", error="insufficient_scope", scope="runs:write"'
        assert answer.headers["www-authenticate"] == challenge
        assert gate.denials == [("forbidden", "/p/x")]
    assert not ran
    async with asking(app, principal(Scope.RUNS_WRITE)) as (client, gate):
        assert (await client.post("/p/x", json={"a": 1})).text == "{'a': 1}"
        assert not gate.denials
    assert ran
