"""Errors as problem details (RFC 9457): a stable ``type`` per error code, the rule in ``detail``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mezan.solvers.errors import MezanError

from .denials import record

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of error: its HTTP status, its title, and what a caller does about it."""

    status: int
    title: str
    advice: str


KINDS: dict[str, Kind] = {
    "unauthenticated": Kind(
        401,
        "The request does not say who sends it",
        "Send an API key or a token as `Authorization: Bearer`, or log in.",
    ),
    "code-needed": Kind(401, "A code is needed as well", "Send a code of the authenticator, or a recovery code."),
    "token-invalid": Kind(401, "The credential is not valid", "Use another, or log in again."),
    "token-expired": Kind(401, "The credential has expired", "Ask for a new one."),
    "token-not-yet-valid": Kind(401, "The credential is not valid yet", "Wait, or set the clock right."),
    "token-revoked": Kind(401, "The credential was revoked", "Ask an administrator for another."),
    "ambiguous-credentials": Kind(400, "The request carries more than one credential", "Send one of them."),
    "forbidden": Kind(403, "The caller is not allowed to do this", "Ask an administrator for the scope that is named."),
    "csrf": Kind(
        403,
        "The request does not prove that it comes from our own pages",
        "Send the CSRF token, or an API key instead.",
    ),
    "rate-limited": Kind(429, "Too many requests", "Wait for as many seconds as Retry-After says."),
    "quota-exceeded": Kind(429, "A quota is used up", "Wait for as many seconds as Retry-After says."),
    "bad-input": Kind(422, "A rule is broken", "Change what the detail names and send the request again."),
    "bad-problem": Kind(422, "The problem breaks a rule of its family", "Mend the instance as the detail says."),
    "bad-budget": Kind(
        422, "A limit is out of range", "Choose a time limit, iterations, target or gap within the rule."
    ),
    "unknown-name": Kind(422, "There is no such family, solver or policy", "Use one of the names in the detail."),
    "no-candidate": Kind(422, "No solver takes this problem", "Name another solver, or mend the instance."),
    "bad-parameters": Kind(
        422, "A parameter is not valid", "See `errors` for each parameter, and the OpenAPI document."
    ),
    "malformed": Kind(400, "The request cannot be read", "Send one JSON object in UTF-8."),
    "not-found": Kind(404, "There is no such resource", "See /docs for what there is."),
    "run-not-found": Kind(404, "There is no such run", "List the runs at /runs; a run's id never changes."),
    "artifact-not-found": Kind(404, "There is no such artifact", "It was never stored, or is no longer kept."),
    "account-not-found": Kind(404, "There is no such user, key or role", "List them under /accounts."),
    "name-taken": Kind(409, "The name is in use", "Choose another."),
    "method-not-allowed": Kind(405, "The resource has no such method", "Use one of those in the Allow header."),
    "not-acceptable": Kind(406, "No such representation", "Accept application/json or text/event-stream."),
    "run-conflict": Kind(409, "The run is in a state that does not allow this", "Look at the run's status first."),
    "too-large": Kind(413, "The body is too large", "Send less, or start the server with a higher --max-body."),
    "unsupported-media-type": Kind(415, "The body's type is not understood", "Send application/json, uncompressed."),
    "wrong-host": Kind(
        421, "This server does not answer for that host", "Call it by the address that it was started on."
    ),
    "idempotency-conflict": Kind(
        422, "The idempotency key was used for another request", "Use a new key, or repeat the first request exactly."
    ),
    "cross-origin": Kind(
        403, "Requests from other origins may not change anything", "Call from the server's own pages."
    ),
    "replaying-forbidden": Kind(409, "Only a run that has ended can be replayed", "Wait for its end."),
    "store-busy": Kind(503, "The database is locked by another process", "Try again; nothing was recorded."),
    "store-full": Kind(507, "The disk is full", "Free some space; nothing was recorded."),
    "store-read-only": Kind(503, "The database cannot be written", "Open the server on a writable file."),
    "store": Kind(503, "The database refused", "Try again; nothing was recorded."),
    "store-corrupt": Kind(500, "The database is damaged", "Verify the log, and restore from a copy."),
    "projection-broken": Kind(503, "A read model stands still", "Rebuild it; the log is whole."),
    "closing": Kind(503, "The server is closing", "Try again in a moment."),
    "internal": Kind(500, "Something broke in the server", "Report it with the correlation id of the response."),
}
"""By code; served at ``/problems/{code}``."""
BY_STATUS = {
    400: "malformed", 401: "unauthenticated", 403: "cross-origin", 404: "not-found", 405: "method-not-allowed", 406: "not-acceptable",
    413: "too-large", 415: "unsupported-media-type", 421: "wrong-host", 422: "bad-parameters",
}  # fmt: skip

_INVALID = ', error="invalid_token"'
CHALLENGES = {"unauthenticated": "", "code-needed": "", "forbidden": ', error="insufficient_scope"'} | dict.fromkeys(
    ("token-invalid", "token-expired", "token-not-yet-valid", "token-revoked"), _INVALID
)
"""What ``WWW-Authenticate`` says of some kinds (RFC 6750, section 3)."""


class Refused(Exception):
    """Raised by a route to answer with a problem."""

    who = project = ""
    """Of the caller, where the refusal comes before it is known to the request."""

    def __init__(self, code: str, detail: str, **more: Any) -> None:
        self.code, self.detail, self.more = code, detail, more
        super().__init__(detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Refused, **self.more), (self.code, self.detail)


def details(code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem."""
    kind = KINDS[code]
    return {"type": f"/problems/{code}", "title": kind.title, "status": kind.status, "detail": detail, **more}


def problem(code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """A response with problem details."""
    status = KINDS[code].status
    given = dict(headers or {})
    if status == 503:
        given.setdefault("Retry-After", "1")
    if code in CHALLENGES:
        scope = f', scope="{more["scope"]}"' if "scope" in more else ""
        given.setdefault("WWW-Authenticate", f'Bearer realm="mezan"{CHALLENGES[code]}{scope}')
    return Response(orjson.dumps(details(code, detail, **more)), status, given, MEDIA_TYPE)


def code_of(error: MezanError | Refused) -> str:
    """The kind of one of our errors: its own code, or that of the nearest class that has one here."""
    if isinstance(error, Refused):
        return error.code
    return next((c.code for c in type(error).__mro__ if getattr(c, "code", None) in KINDS), "internal")  # type: ignore[attr-defined]


def _methods(request: Request) -> list[str]:
    """What a path takes: several routes may share it, and the one that was matched knows only its own."""
    path = getattr(request.scope.get("route"), "path_format", None)
    return sorted({method for method, template, _ in request.app.state.declared if template == path and method != "WS"})


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        if isinstance(error, Refused | MezanError):
            record(request.scope, code_of(error), error)
        if isinstance(error, Refused):
            return problem(error.code, error.detail, **error.more)
        if not isinstance(error, MezanError):  # pragma: no cover - registered for these two
            raise error
        code = code_of(error)
        if KINDS[code].status >= 500:
            _log.error("request failed", code=error.code, error=str(error))
        wait = getattr(error, "retry_after", None)
        return problem(code, str(error), None if wait is None else {"Retry-After": str(ceil(wait))})

    async def invalid(_request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):  # pragma: no cover
            raise error
        found = [{"where": ".".join(map(str, e["loc"])), "rule": e["msg"]} for e in error.errors()[:20]]
        first = found[0]
        return problem("bad-parameters", f"{first['where']}: {first['rule']}", errors=found)

    async def http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):  # pragma: no cover
            raise error
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request))
        return problem(BY_STATUS.get(error.status_code, "internal"), str(error.detail), headers)

    async def broken(request: Request, error: Exception) -> Response:
        _log.exception("request broke", path=request.url.path, exc_info=error)
        return problem("internal", "the server broke while answering; it is in its log under this request's path")

    app.add_exception_handler(Refused, ours)
    app.add_exception_handler(MezanError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, broken)
