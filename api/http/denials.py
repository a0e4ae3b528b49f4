"""Refusals that are recorded: whoever was not let in, probed for what is not there, or sent what no client sends by mistake."""

from typing import Final, Protocol

from starlette.types import Scope as Connection

AUDIT: Final = "mezan.audit"
"""Where in an ASGI scope the :class:`Audit` is; on a server without accounts there is none."""
AUDITED: Final = frozenset(
    {
        "unauthenticated", "token-invalid", "token-expired", "token-not-yet-valid", "token-revoked", "ambiguous-credentials",
        "forbidden", "csrf", "cross-origin", "wrong-host", "rate-limited", "quota-exceeded",
        "run-not-found", "artifact-not-found", "account-not-found", "malformed", "too-large", "unsupported-media-type",
    }
)  # fmt: skip


class Audit(Protocol):
    """Whoever records that something was refused."""

    def denied(self, connection: Connection, code: str, where: str) -> None:
        """Record it; must not wait."""


def record(connection: Connection, code: str) -> None:
    """Record a refusal, if it is of a kind that is recorded, with the template of the route that refused."""
    audit: Audit | None = connection.get(AUDIT)
    if audit is not None and code in AUDITED:
        route = connection.get("route")
        audit.denied(connection, code, str(getattr(route, "path_format", connection["path"])))
