"""The straight way past the framework's stack: the same checks and the same errors, and only for what is on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mezan.api.http import express
from mezan.api.http.access import Router, public
from mezan.api.http.app import create_app, project_app
from mezan.api.http.express import Express, express_routes
from mezan.api.http.guard import Guard, Limits
from mezan.api.http.projects import Alone
from mezan.api.open import open_engine
from mezan.engine.engine import Engine

pytestmark = pytest.mark.anyio
KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5}


class Counting:
    """The innermost middleware of the usual way: counts what comes by."""

    seen: list[str]

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        Counting.seen.append(f"{scope['method']} {scope['path']}")
        await self.app(scope, receive, send)


@asynccontextmanager
async def client_of(app: FastAPI, served: ASGIApp | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to an application, or to what is served over it; errors that servers log are not raised."""
    Counting.seen = []
    innermost = len(app.user_middleware)
    app.add_middleware(Counting)
    app.user_middleware.insert(innermost, app.user_middleware.pop(0))
    transport = httpx.ASGITransport(served or app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        yield opened


async def test_only_a_request_that_does_not_wait_goes_straight(engine: Engine) -> None:
    """Others pass the whole stack, the same path with another method too."""
    async with client_of(create_app(engine)) as client:
        assert (await client.post("/solve", json=KNAPSACK)).status_code == 202
        assert Counting.seen == []
        assert (await client.post("/solve", json=KNAPSACK, headers={"prefer": "wait=20"})).status_code == 200
        refused = await client.get("/solve")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert Counting.seen == ["POST /solve", "GET /solve"]


async def test_errors_and_headers_are_the_same_either_way(engine: Engine) -> None:
    """Problem details of each kind, and what the guard adds."""
    async with client_of(create_app(engine)) as client:
        for content, kind in ((b"{", "application/json"), (b"{}", "application/json"), (b"x", "text/plain")):
            straight = await client.post("/solve", content=content, headers={"content-type": kind})
            usual = await client.post("/solve", content=content, headers={"content-type": kind, "prefer": "x"})
            assert (straight.status_code, straight.json()) == (usual.status_code, usual.json())
            assert straight.headers["content-security-policy"] == usual.headers["content-security-policy"]
            assert straight.json()["type"].startswith("/problems/")
        assert Counting.seen == ["POST /solve"] * 3


async def test_nobody_gets_in_by_it_without_showing_who_they_are(engine: Engine) -> None:
    """The route's own check is on the straight way as well."""
    app = project_app(engine)
    async with client_of(app, Express(app, of=app)) as client:
        refused = await client.post("/solve", json=KNAPSACK)
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
        assert Counting.seen == []


@pytest.mark.parametrize("served", [False, True])
async def test_what_breaks_on_it_is_answered_and_logged_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, served: bool
) -> None:
    """Inside of an application, and as a server has it: around the whole."""
    app = project_app(engine) if served else create_app(engine)

    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "submit", broken)
    with structlog.testing.capture_logs() as logs:
        async with client_of(app, Guard(Alone(app), Limits()) if served else None) as client:
            answer = await client.post("/solve", json=KNAPSACK)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert ("content-security-policy" in answer.headers) == served  # within, the framework answers outside of the guard
    assert [entry["event"] for entry in logs] == ["request broke"]
    assert Counting.seen == []


def test_a_route_with_dependencies_cannot_be_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would not run; the application is not built."""
    monkeypatch.setattr(express, "EXPRESS", frozenset({("POST", "/x")}))
    router, app = Router(), FastAPI()

    @public
    async def endpoint(_request: Request) -> Response:
        return PlainTextResponse("in")

    router.add_api_route("/x", endpoint, methods=["POST"], dependencies=[Depends(lambda: None)])
    app.include_router(router)
    with pytest.raises(TypeError, match="alone; /x does not"):
        express_routes(app)
