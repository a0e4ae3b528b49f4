"""What stands before every request: who may ask, how much may be sent, and the headers that every answer carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .denials import AUDIT, Audit, record
from .problems import Refused, problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SINGLE = (
    b"host",
    b"origin",
    b"content-length",
    b"content-type",
    b"content-encoding",
    b"authorization",
    b"idempotency-key",
)
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be: bytes of body, and the names that the server answers to (none: every name)."""

    max_body: int = 16 * 2**20
    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})


class Guard:
    """Refuses foreign hosts (DNS rebinding), writes from other origins, compressed and over-long bodies; adds headers."""

    def __init__(self, app: ASGIApp, limits: Limits, audit: Audit | None = None) -> None:
        self.app, self.limits, self.audit = app, limits, audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope, scope["headers"])
        if self.audit is not None:
            scope[AUDIT] = self.audit
        if refusal is not None:
            record(scope, refusal[0])
        if scope["type"] == "websocket":
            if refusal is not None:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
            else:
                await self.app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in RAW if pair[0] not in given)]
            await send(message)

        if refusal is not None:
            await problem(*refusal)(scope, receive, protected)
            return
        await self.app(scope, self._counting(receive), protected)

    def _limit(self) -> str:
        return f"a body must be at most {self.limits.max_body} bytes long; this one is longer"

    def _refusal(self, scope: Scope, given: Sequence[tuple[bytes, bytes]]) -> tuple[str, str] | None:
        headers = dict(given)
        if len(headers) < len(given) and (twice := _repeated(given)):
            return "malformed", f"{twice} must be sent once at most; it was sent several times"
        host = headers.get(b"host", b"").decode("latin-1")
        name = _host_of(f"//{host}") if host else None
        if self.limits.hosts and name not in self.limits.hosts:
            return "wrong-host", f"this server answers for {', '.join(sorted(self.limits.hosts))}; got {host[:80]!r}"
        origin = headers.get(b"origin", b"").decode("latin-1") or None
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        if unsafe and origin is not None and origin.partition("://")[2] != host:
            return "cross-origin", f"writes must come from this server's own pages; got origin {origin[:80]!r}"
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            return "unsupported-media-type", "a body must be sent uncompressed; leave Content-Encoding out"
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and (len(length) > 18 or int(length) > self.limits.max_body):
            return "too-large", self._limit()
        return None

    def _counting(self, receive: Receive) -> Receive:
        left = self.limits.max_body

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    raise Refused("too-large", self._limit())
            return message

        return counted


def _repeated(given: Sequence[tuple[bytes, bytes]]) -> str:
    """The first header that came more than once although it must not: two readers might each see another value."""
    names = [name for name, _ in given]
    return next((name.decode() for name in SINGLE if names.count(name) > 1), "")


@lru_cache(maxsize=256)
def _host_of(authority: str) -> str | None:
    try:
        return urlsplit(authority).hostname
    except ValueError:  # such as an open bracket
        return None
