"""What everybody may know and change of itself."""

from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope

from .. import schemas as s
from ..access import Router, caller, signed_in
from ..moments import reply
from .accounts import NO_STORE, door_of, told

router = Router(tags=["accounts"])


@router.get("/accounts/me", summary="Who asks")
@signed_in
async def me(request: Request) -> Response:
    """The principal behind the credential that is shown, and what it may do."""
    principal = caller(request)
    shown = {
        "id": principal.id,
        "name": principal.name,
        "kind": principal.kind,
        "project": principal.project,
        "scopes": [scope.value for scope in Scope if scope in principal.scopes],
        "credential": principal.credential,
    }
    return reply(shown, headers=NO_STORE)


@router.post("/accounts/me/password", summary="Change one's password", status_code=204)
@signed_in
async def password(request: Request) -> Response:
    """With the current one. All sessions are over, this one too."""
    by, wanted = caller(request), await told(request, s.NewPassword)
    await door_of(request).people.set_password(by.id, wanted.password, current=wanted.current, by=by)
    return Response(status_code=204)


@router.post("/accounts/me/authenticator", summary="Set an authenticator up")
@signed_in
async def authenticator(request: Request) -> Response:
    """A secret for an app that shows codes; logins need one from the moment that one of its codes is confirmed."""
    by = caller(request)
    made = await door_of(request).people.begin_totp(by.id, by=by)
    return reply({"secret": made.secret, "url": made.url}, headers=NO_STORE)


@router.post("/accounts/me/authenticator/confirm", summary="Turn the authenticator on")
@signed_in
async def confirm(request: Request) -> Response:
    """With a code that it shows now; answers recovery codes."""
    by, wanted = caller(request), await told(request, s.Code)
    codes = await door_of(request).people.confirm_totp(by.id, wanted.code, by=by)
    return reply({"recovery_codes": codes}, headers=NO_STORE)


@router.post("/accounts/me/authenticator/disable", summary="Turn it off", status_code=204)
@signed_in
async def disable(request: Request) -> Response:
    """With the current password; recovery codes are gone too."""
    by, wanted = caller(request), await told(request, s.Current)
    await door_of(request).people.disable_totp(by.id, current=wanted.current, by=by)
    return Response(status_code=204)


@router.post("/accounts/me/recovery-codes", summary="New recovery codes")
@signed_in
async def recovery_codes(request: Request) -> Response:
    """Those of before are gone."""
    by = caller(request)
    codes = await door_of(request).people.make_codes(by.id, by=by)
    return reply({"recovery_codes": codes}, headers=NO_STORE)
