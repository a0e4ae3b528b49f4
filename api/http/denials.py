"""Refusals that are recorded: whoever was not let in, probed for what is not there, or sent what no client sends by mistake."""

from typing import Final, Protocol

from starlette.types import Scope as Connection

AUDIT: Final = "mezan.audit"
"""Where in an ASGI scope the :class:`Audit` is; on a server without accounts there is none."""
AUDITED: Final = frozenset(
    {
        "unauthenticated", "code-needed", "token-invalid", "token-expired", "token-not-yet-valid", "token-revoked", "ambiguous-credentials",
        "forbidden", "csrf", "cross-origin", "wrong-host", "rate-limited", "quota-exceeded",
        "run-not-found", "artifact-not-found", "account-not-found", "malformed", "too-large", "unsupported-media-type",
    }
)  # fmt: skip


class Audit(Protocol):
    """Whoever records that something was refused."""

    def denied(self, connection: Connection, code: str, where: str, *, who: str = "", project: str = "") -> None:
        """Record it; must not wait. ``who`` and ``project`` are what is known where the request has no principal."""


def record(connection: Connection, code: str, error: object = None) -> None:
    """Record a refusal, if it is of a kind that is recorded, with the template of the route that refused.

    Args:
        connection: the ASGI scope.
        code: the problem's.
        error: what was raised; it may know who asked and of which project.
    """
    audit: Audit | None = connection.get(AUDIT)
    if audit is not None and code in AUDITED:
        where = str(getattr(connection.get("route"), "path_format", connection["path"]))
        who, project = str(getattr(error, "who", "")), str(getattr(error, "project", ""))
        audit.denied(connection, code, where, who=who, project=project)
