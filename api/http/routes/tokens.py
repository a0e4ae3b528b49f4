"""OAuth 2.0's endpoints (RFC 6749, 7009), and the keys that our tokens are verified with."""

from collections.abc import Mapping

from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.oauth import NO_STORE, OAuthError, revoke_request, token_request
from mezan.solvers.errors import MezanError

from ..access import Router, public
from ..denials import record
from ..forms import fields_of
from ..moments import reply
from ..problems import Refused, code_of
from .accounts import door_of

router = Router(tags=["tokens"])


@router.post("/oauth/token", summary="Get an access token")
@public
async def token(request: Request) -> Response:
    """`client_credentials`: an API key is the client, by HTTP Basic or in the form. `refresh_token`: each is good for once."""
    try:
        asked = token_request(await _form(request), request.headers.get("authorization"))
        answer = await door_of(request).grants.answer(asked)
    except OAuthError as error:
        return _refused(request, error)
    return reply(answer.body(), headers=NO_STORE)


@router.post("/oauth/revoke", summary="Revoke a token")
@public
async def revoke(request: Request) -> Response:
    """An access token alone, a refresh token with all that came of its login. What is no token is as good as revoked."""
    try:
        text = revoke_request(await _form(request))
    except OAuthError as error:
        return _refused(request, error)
    await door_of(request).grants.revoke(text)
    return reply({}, headers=NO_STORE)


@router.get("/.well-known/jwks.json", summary="The keys of our tokens")
@public
async def jwks(request: Request) -> Response:
    """Public keys only: the one that signs, and those before it whose tokens may still be good."""
    return reply(door_of(request).keys.document(), headers={"cache-control": "public, max-age=300"})


async def _form(request: Request) -> list[tuple[str, str]]:
    try:
        return await fields_of(request)
    except Refused as error:
        raise OAuthError("invalid_request", error.detail) from error


def _refused(request: Request, error: OAuthError) -> Response:
    """The answer of the standard; the denial is recorded with what is known of who asked."""
    cause = error.__cause__
    record(request.scope, code_of(cause) if isinstance(cause, Refused | MezanError) else "malformed", cause)
    headers: Mapping[str, str] = error.headers()
    return reply(error.body(), error.status, headers)
