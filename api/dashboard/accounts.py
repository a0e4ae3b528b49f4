"""The pages of accounts: who there is in the caller's project, and the caller itself. They show the present only."""

from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from mezan.api.accounts.scopes import Scope
from mezan.api.http.access import Router, caller, needs, signed_in
from mezan.api.http.routes.accounts import accounts_of
from mezan.api.views import accounts as views

from .navigation import navigation
from .rendering import environment

router = Router(include_in_schema=False)
HEADERS = {"cache-control": "no-store"}
_templates = environment()


@router.get("/ui/accounts")
@needs(Scope.ACCOUNTS_READ)
async def page(request: Request) -> Response:
    """Users, keys, roles and the latest refusals."""
    accounts, me = accounts_of(request), caller(request)
    await accounts.noted()
    users, keys = views.users(accounts, me.project), views.keys(accounts, me.project)
    names = {one["id"]: one["name"] for one in users} | {one["id"]: f"{one['name']} ({one['prefix']})" for one in keys}
    return _html(
        "accounts.html",
        request,
        title="Accounts",
        users=users,
        keys=[one for one in keys if one["status"] not in {"revoked", "expired"}],
        roles=views.roles(accounts, me.project),
        denials=views.denials(accounts.denials, me.project),
        names=names,
        writes=me.may(Scope.ACCOUNTS_WRITE),
    )


@router.get("/ui/me")
@signed_in
async def own(request: Request) -> Response:
    """Who one is, one's password and authenticator."""
    accounts, me = accounts_of(request), caller(request)
    user = accounts.principals.users.get(me.id)
    shown = None if user is None else views.user(accounts, user)
    return _html("me.html", request, title=me.name, user=shown)


def _html(template: str, request: Request, **known: Any) -> Response:
    me = caller(request)
    scopes = [scope.value for scope in Scope if scope in me.scopes]
    shared = {"navigation": navigation(request), "path": request.url.path, "me": me, "scopes": scopes}
    return HTMLResponse(_templates.get_template(template).render(shared | known), 200, HEADERS)
