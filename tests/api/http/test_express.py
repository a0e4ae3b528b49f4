"""The straight way past the framework's stack: the same checks and the same errors, and only for what is on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mezan.api.http import express
from mezan.api.http.access import Router, public
from mezan.api.http.app import create_app, project_app
from mezan.api.http.express import express_routes
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
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    Counting.seen = []
    innermost = len(app.user_middleware)
    app.add_middleware(Counting)
    app.user_middleware.insert(innermost, app.user_middleware.pop(0))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
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
    async with client_of(project_app(engine)) as client:
        assert (await client.post("/solve", json=KNAPSACK)).status_code == 401
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
