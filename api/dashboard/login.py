"""Logging in and out with a browser, and what a browser is shown where it is refused."""

from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mezan.api.accounts.errors import CodeNeeded, TooManyAttempts, Unauthenticated
from mezan.api.accounts.oauth import NO_STORE, OAuthError
from mezan.api.accounts.principal import Principal
from mezan.api.accounts.sessions import Opened
from mezan.api.http.access import Denied, Router, caller, principal_of, public, signed_in
from mezan.api.http.asking import media_type, object_in
from mezan.api.http.credentials import CSRF, SESSION, cookie_name, shown_by
from mezan.api.http.denials import record
from mezan.api.http.forms import FORM, LONGEST, fields_of
from mezan.api.http.gate import address_of
from mezan.api.http.moments import reply
from mezan.api.http.problems import KINDS, Refused, code_of, problem
from mezan.api.http.routes.accounts import door_of
from mezan.solvers.errors import MezanError

from .rendering import environment

router = Router(include_in_schema=False)
PATH: Final = "/login"
HOME: Final = "/ui"
LONGEST_NEXT: Final = 2_000
PLAIN: Final = {"cache-control": "no-store", "referrer-policy": "same-origin"}
"""Without a referrer policy of its own the form would be sent with the origin ``null``, which the guard refuses."""
_templates = environment()


@router.get(PATH)
@public
async def page(request: Request) -> Response:
    """The form; who is logged in goes on at once."""
    onward = local(request.query_params.get("next", ""))
    if principal_of(request) is not None:
        return RedirectResponse(onward, 303, {"cache-control": "no-store"})
    return _form(onward)


@router.post(PATH)
@public
async def login(request: Request) -> Response:
    """A form opens a session and leads on; JSON, from a program, is answered with an access and a refresh token."""
    if media_type(request) == "application/json":
        return await _tokens(request)
    if media_type(request) != FORM:
        raise Refused("unsupported-media-type", f"a login must be sent as {FORM} or application/json")
    given = dict(await fields_of(request))
    onward, name = local(given.get("next", "")), given.get("login", "")
    door = door_of(request)
    try:
        opened = await door.enter(
            name, given.get("password", ""), code=given.get("code") or None, address=address_of(request.scope)
        )
    except Unauthenticated as error:
        code = code_of(error)
        record(request.scope, code, error)
        return _form(onward, name, str(error), status=KINDS[code].status, wants_code=isinstance(error, CodeNeeded))
    except TooManyAttempts as error:
        record(request.scope, code_of(error), error)
        wait = {} if error.retry_after is None else {"retry-after": str(int(error.retry_after) + 1)}
        return _form(onward, name, str(error), status=429, headers=wait)
    await _close_earlier(request)
    response = RedirectResponse(onward, 303, {"cache-control": "no-store"})
    _hand_out(request, response, opened)
    return response


async def _tokens(request: Request) -> Response:
    content = await request.body()
    if len(content) > LONGEST:
        raise Refused("too-large", f"a login must be at most {LONGEST} bytes long; this one has {len(content)}")
    given = object_in(content)
    if unknown := sorted(set(given) - {"login", "password", "code", "scope"}):
        raise Refused("bad-input", f"a login has login, password, code and scope; got {unknown[0][:40]!r}")
    if not all(isinstance(given.get(name, ""), str) for name in ("login", "password", "code", "scope")):
        raise Refused("bad-input", "login, password, code and scope must be texts")
    scopes = frozenset(given["scope"].split()) if given.get("scope") else None
    try:
        answer = await door_of(request).tokens(
            given.get("login", ""),
            given.get("password", ""),
            code=given.get("code") or None,
            address=address_of(request.scope),
            scopes=scopes,
        )
    except OAuthError as error:
        return reply(error.body(), error.status, error.headers())
    return reply(answer.body(), headers=NO_STORE)


async def _close_earlier(request: Request) -> None:
    """End the session that the browser had before, if any."""
    try:
        shown = shown_by(request.scope)
        if shown is not None and shown.kind == "session":
            sessions = door_of(request).sessions
            before = await sessions.principal(shown.text)
            await sessions.close(before.credential, by=before, reason="logged in again")
    except (MezanError, Refused):
        return


def _hand_out(request: Request, response: Response, opened: Opened) -> None:
    secure = request.url.scheme == "https"
    for name, value, hidden in ((SESSION, opened.cookie, True), (CSRF, opened.csrf, False)):
        response.set_cookie(
            cookie_name(name, request.scope),
            value,
            max_age=opened.lasts,
            path="/",
            secure=secure,
            httponly=hidden,
            samesite="strict",
        )


@router.post("/logout")
@signed_in
async def logout(request: Request) -> Response:
    """End the session that is shown; the browser forgets it and what it has kept of our answers."""
    principal: Principal = caller(request)
    await door_of(request).sessions.close(principal.credential, by=principal)
    response = Response(status_code=204, headers={"clear-site-data": '"cache"', "cache-control": "no-store"})
    for name in (SESSION, CSRF):
        response.delete_cookie(
            cookie_name(name, request.scope), secure=request.url.scheme == "https", samesite="strict"
        )
    return response


def local(given: str) -> str:
    """A path of this server, to go on to; the overview for anything else."""
    parts = urlsplit(given) if len(given) <= LONGEST_NEXT and given.isprintable() and "\\" not in given else None
    if parts is None or parts.scheme or parts.netloc or not given.startswith("/") or given.startswith("//"):
        return HOME
    return HOME if parts.path in {PATH, "/logout"} else given


def _form(
    onward: str,
    login: str = "",
    wrong: str = "",
    *,
    status: int = 200,
    wants_code: bool = False,
    headers: dict[str, str] | None = None,
) -> Response:
    known = {"title": "Log in", "next": onward, "login": login[:200], "wrong": wrong, "wants_code": wants_code}
    html = _templates.get_template("login.html").render(known)
    return HTMLResponse(html, status, {**PLAIN, **(headers or {})})


def install(app: FastAPI) -> None:
    """Lead browsers that open a page and are not known to the login; others get the problem."""

    async def denied(request: Request, error: Exception) -> Response:
        if not isinstance(error, Denied):  # pragma: no cover - registered for these
            raise error
        record(request.scope, error.code, error)
        kind = KINDS[error.code]
        if not opens_page(request.scope):
            return problem(error.code, error.detail, **error.more)
        if kind.status == 401:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{PATH}?next={quote(asked, safe='')}", 303, {"cache-control": "no-store"})
        known = {"title": kind.title, "kind": kind, "detail": error.detail}
        return HTMLResponse(_templates.get_template("refused.html").render(known), kind.status, PLAIN)

    app.add_exception_handler(Denied, denied)


def opens_page(connection: Any) -> bool:
    """Whether a browser asks for a whole page, rather than a script for a part of it."""
    if connection["type"] != "http" or connection["method"] != "GET":
        return False
    headers = dict(connection["headers"])
    return b"text/html" in headers.get(b"accept", b"") and b"mezan-fragment" not in headers
