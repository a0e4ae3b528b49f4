"""Users, keys, roles and denials of the caller's own project. Those of other projects are not there."""

from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import Path, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from mezan.api.accounts.desk import Accounts
from mezan.api.accounts.door import Door
from mezan.api.accounts.scopes import Scope
from mezan.api.accounts.strict import strict_object
from mezan.api.views import accounts as views

from .. import schemas as s
from ..access import Router, caller, needs
from ..asking import must_be_json
from ..moments import reply
from ..problems import Refused

router = Router(tags=["accounts"])
LONGEST = 65_536
"""Bytes of a body here."""
NO_STORE = {"cache-control": "no-store"}
Id = Annotated[str, Path(max_length=64)]
T = TypeVar("T")


def door_of(request: Request) -> Door:
    """The way in to the accounts of the server."""
    found: Door = request.app.state.door
    return found


def accounts_of(request: Request) -> Accounts:
    """The accounts of the server."""
    return door_of(request).accounts


async def told(request: Request, kind: type[T]) -> T:
    """What a body says; without a body, nothing. Raises Refused."""
    content = await request.body()
    if len(content) > LONGEST:
        raise Refused("too-large", f"a body must be at most {LONGEST} bytes long here; this one has {len(content)}")
    if content:
        must_be_json(request)
    try:
        strict_object(content or b"{}")  # what another reader may understand differently changes no rights
        value: T = TypeAdapter(kind).validate_json(content or b"{}")
    except ValidationError as error:
        found = [{"where": ".".join(map(str, e["loc"])), "rule": e["msg"]} for e in error.errors()[:20]]
        raise Refused("bad-parameters", f"{found[0]['where']}: {found[0]['rule']}", errors=found) from None
    except ValueError as error:
        raise Refused("malformed", f"the body must be one JSON object, each member once: {error}") from None
    return value


@router.get("/accounts/users", summary="Users")
@needs(Scope.ACCOUNTS_READ)
async def users(request: Request) -> Response:
    """Those of the project, by name."""
    accounts = accounts_of(request)
    return reply(views.users(accounts, caller(request).project))


@router.post("/accounts/users", summary="Add a user", status_code=201)
@needs(Scope.ACCOUNTS_WRITE)
async def add_user(request: Request) -> Response:
    """With a role that may do no more than the caller. It logs in once it has a password."""
    by, accounts = caller(request), accounts_of(request)
    wanted = await told(request, s.NewUser)
    made = await accounts.add_user(wanted.name, role=wanted.role, project=by.project, by=by)
    return reply(views.user(accounts, made), 201)


@router.post("/accounts/users/{user}/role", summary="Give a user another role")
@needs(Scope.ACCOUNTS_WRITE)
async def set_role(request: Request, user: Id) -> Response:
    """At once, for its sessions and keys too."""
    accounts = accounts_of(request)
    one = await accounts.set_role(user, (await told(request, s.RoleOfUser)).role, by=caller(request))
    return reply(views.user(accounts, one))


@router.post("/accounts/users/{user}/disable", summary="Let a user in no more")
@needs(Scope.ACCOUNTS_WRITE)
async def disable(request: Request, user: Id) -> Response:
    """Its keys are refused and its sessions end."""
    accounts = accounts_of(request)
    one = await accounts.disable(user, reason=(await told(request, s.Grounds)).reason, by=caller(request))
    return reply(views.user(accounts, one))


@router.post("/accounts/users/{user}/enable", summary="Let a user in again")
@needs(Scope.ACCOUNTS_WRITE)
async def enable(request: Request, user: Id) -> Response:
    """With the role that it had."""
    accounts = accounts_of(request)
    return reply(views.user(accounts, await accounts.enable(user, by=caller(request))))


@router.post("/accounts/users/{user}/password", summary="Set a user's password")
@needs(Scope.ACCOUNTS_WRITE)
async def set_password(request: Request, user: Id) -> Response:
    """Its sessions and refresh tokens of before are over."""
    by, wanted = caller(request), await told(request, s.NewPassword)
    one = await door_of(request).people.set_password(user, wanted.password, current=wanted.current, by=by)
    return reply(views.user(accounts_of(request), one))


@router.post("/accounts/users/{user}/authenticator/disable", summary="Let a user's password be enough")
@needs(Scope.ACCOUNTS_WRITE)
async def disable_authenticator(request: Request, user: Id) -> Response:
    """For who has lost it; recovery codes are gone too."""
    by, wanted = caller(request), await told(request, s.Current)
    await door_of(request).people.disable_totp(user, current=wanted.current, by=by)
    accounts = accounts_of(request)
    return reply(views.user(accounts, accounts.principals.users[user]))


@router.get("/accounts/keys", summary="API keys")
@needs(Scope.ACCOUNTS_READ)
async def keys(request: Request) -> Response:
    """Those of the project, the oldest first. Secrets are kept nowhere."""
    accounts = accounts_of(request)
    return reply(views.keys(accounts, caller(request).project))


@router.post("/accounts/keys", summary="Issue an API key", status_code=201)
@needs(Scope.ACCOUNTS_WRITE)
async def issue(request: Request) -> Response:
    """`key` is told in this answer only."""
    by, accounts = caller(request), accounts_of(request)
    wanted = await told(request, s.KeyToIssue)
    issued = await accounts.issue_key(
        wanted.name,
        role=wanted.role,
        scopes=wanted.scopes,
        owner=wanted.owner,
        expires_in=None if wanted.expires_in is None else timedelta(seconds=wanted.expires_in),
        project=by.project,
        by=by,
    )
    return reply(views.key(accounts, issued.key) | {"key": issued.text}, 201, NO_STORE)


@router.post("/accounts/keys/{key}/rotate", summary="Give a key a new secret")
@needs(Scope.ACCOUNTS_WRITE)
async def rotate(request: Request, key: Id) -> Response:
    """The one before works on for `grace` seconds. `key` is told in this answer only."""
    accounts = accounts_of(request)
    grace = timedelta(seconds=(await told(request, s.Rotation)).grace)
    issued = await accounts.rotate_key(key, grace=grace, by=caller(request))
    return reply(views.key(accounts, issued.key) | {"key": issued.text}, headers=NO_STORE)


@router.post("/accounts/keys/{key}/revoke", summary="Refuse a key for ever")
@needs(Scope.ACCOUNTS_WRITE)
async def revoke(request: Request, key: Id) -> Response:
    """From now on, on every server of the database."""
    accounts = accounts_of(request)
    one = await accounts.revoke_key(key, reason=(await told(request, s.Grounds)).reason, by=caller(request))
    return reply(views.key(accounts, one))


@router.get("/accounts/roles", summary="Roles")
@needs(Scope.ACCOUNTS_READ)
async def roles(request: Request) -> Response:
    """The built-in ones and those of the project, with all that each may do."""
    accounts = accounts_of(request)
    return reply(views.roles(accounts, caller(request).project))


@router.put("/accounts/roles/{role}", summary="Define a role")
@needs(Scope.ACCOUNTS_WRITE)
async def define(request: Request, role: Id) -> Response:
    """It has the scopes that are named and those of the roles that it includes; anew for all who have it."""
    by, accounts = caller(request), accounts_of(request)
    wanted = await told(request, s.RoleToDefine)
    await accounts.define_role(role, scopes=wanted.scopes, includes=wanted.includes, project=by.project, by=by)
    return reply(next(row for row in views.roles(accounts, by.project) if row["name"] == role))


@router.delete("/accounts/roles/{role}", summary="Drop a role", status_code=204)
@needs(Scope.ACCOUNTS_WRITE)
async def drop(request: Request, role: Id) -> Response:
    """One of the project's own that nobody has."""
    by = caller(request)
    await accounts_of(request).drop_role(role, project=by.project, by=by)
    return Response(status_code=204)


@router.get("/accounts/denials", summary="Who was refused")
@needs(Scope.ACCOUNTS_READ)
async def denials(request: Request) -> Response:
    """Of the project's users and keys; refusals of strangers are told on the command line only."""
    accounts = accounts_of(request)
    await accounts.noted()
    return reply(views.denials(accounts.denials, caller(request).project))
