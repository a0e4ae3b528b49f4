"""The router of a server with accounts, walked: everything declares a scope or is on the list of what is public."""

from pathlib import Path

import anyio
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from in_process import PROJECTS, open_house
from starlette.routing import Mount

from mezan.api.accounts.scopes import EVERY, VIEWER, Scope
from mezan.api.http.access import KNOWN, declarations

pytestmark = pytest.mark.anyio
PUBLIC = {
    ("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/problems"), ("GET", "/problems/{code}"),
    ("GET", "/health/live"), ("GET", "/health/ready"), ("*", "/static"),
    ("GET", "/login"), ("POST", "/login"), ("POST", "/oauth/token"), ("POST", "/oauth/revoke"), ("GET", "/.well-known/jwks.json"),
}  # fmt: skip
"""What strangers may use. Whoever adds to it has decided so."""
OWN = {
    ("GET", "/accounts/me"), ("POST", "/accounts/me/password"), ("POST", "/accounts/me/authenticator"),
    ("POST", "/accounts/me/authenticator/confirm"), ("POST", "/accounts/me/authenticator/disable"),
    ("POST", "/accounts/me/recovery-codes"), ("GET", "/ui/me"), ("POST", "/logout"),
}  # fmt: skip
"""What everybody who is known may do to itself."""


async def test_everything_that_is_served_has_a_scope_or_is_listed(tmp_path: Path) -> None:
    """Routes, pages, WebSockets and mounts of each project's application; all scopes are in use, writing ones for writes."""
    async with open_house(tmp_path) as house:
        for project in PROJECTS:
            app = await house.projects.app(project)
            found = list(declarations(app))
            assert {(method, path) for method, path, need in found if need is None} == PUBLIC
            assert {(method, path) for method, path, need in found if need == KNOWN} == OWN
            scoped = [(method, path, need) for method, path, need in found if need not in {None, KNOWN}]
            assert all(isinstance(need, Scope) for _, _, need in scoped)
            assert {need for _, _, need in scoped} == set(EVERY)
            assert not [path for method, path, need in scoped if method not in {"GET", "WS"} and need in VIEWER.scopes]
            assert len(found) == len(set(found)) > 80


async def test_the_walk_misses_nothing(tmp_path: Path) -> None:
    """Every route object of the application is one that the walk yields: none is of a kind that it passes over."""
    async with open_house(tmp_path) as house:
        app = await house.projects.app("default")
        walked = {(method, path) for method, path, _ in declarations(app)}
        seen = set()
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            assert isinstance(route, APIRoute | APIWebSocketRoute | Mount), route
            methods = {"*"} if isinstance(route, Mount) else getattr(route, "methods", None) or {"WS"}
            seen |= {(method, str(context.path)) for method in methods}
        assert seen == walked
        assert {path for _, path in walked} >= set(app.openapi()["paths"])


async def test_the_declared_scope_is_what_decides(tmp_path: Path) -> None:
    """A key with every scope but the declared one is refused by each route by that scope's name; one with it alone is let in."""
    async with open_house(tmp_path, rates={"requests": "off", "project": "off", "solving": "off"}) as house:
        accounts = house.door.accounts
        only = {scope: (await accounts.issue_key("only", scopes=[scope])).text for scope in EVERY}
        without = {s: (await accounts.issue_key("all", scopes=[*(EVERY - {s})])).text for s in EVERY}
        for method, path, need in declarations(await house.projects.app("default")):
            if not isinstance(need, Scope):
                continue
            refused = await house.ask(method, path.replace("{", "").replace("}", ""), token=without[need])
            assert (refused.status, refused.json["scope"]) == (403, need), path
            line = house.line(method, path.replace("{", "").replace("}", ""), token=only[need])
            with anyio.move_on_after(1 if path == "/ui/head" else 20):  # that one has no end
                await line()
            let = line.answer
            assert let.status or method == "WS", path
            assert method != "WS" or let.text == "close 1008 run-not-found\n", let
            assert let.status not in {401, 403} or let.json.get("scope") != need, (path, let)
