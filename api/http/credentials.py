"""What a request shows to say who sends it: at most one credential, read from its headers only."""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.types import Scope as Connection

from .problems import Refused

SESSION: Final = "mezan_session"
CSRF: Final = "mezan_csrf"
SECURE: Final = "__Host-"
"""Before the names of cookies under TLS: browsers then take them from this host only."""
LONGEST: Final = 8_192
"""Characters of a credential."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One credential, as it came."""

    kind: Literal["bearer", "session"]
    text: str


def cookie_name(name: str, connection: Connection) -> str:
    """How a cookie is called on this connection."""
    return SECURE + name if connection["scheme"] in {"https", "wss"} else name


def shown_by(connection: Connection) -> Shown | None:
    """The credential of a request, None without.

    Raises:
        Refused: there are several, or one of a kind that is not taken here.
    """
    cookie = cookie_name(SESSION, connection).encode() + b"="
    found: list[Shown] = []
    for name, value in connection["headers"]:
        if name == b"authorization":
            found.append(Shown("bearer", _bearer(value)))
        elif name == b"cookie":
            crumbs = (crumb.strip() for crumb in value.split(b";"))
            found += [
                Shown("session", crumb[len(cookie) :].decode("latin-1")) for crumb in crumbs if crumb.startswith(cookie)
            ]
    if len(found) > 1:
        kinds = " and ".join(dict.fromkeys(f"a {one.kind}" for one in found))
        raise Refused(
            "ambiguous-credentials", f"a request must carry one credential; this one has {len(found)}: {kinds}"
        )
    if found and len(found[0].text) > LONGEST:
        raise Refused("token-invalid", f"a credential must be at most {LONGEST} characters long; this one is longer")
    return found[0] if found else None


def _bearer(value: bytes) -> str:
    scheme, _, text = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(
            "token-invalid", f"Authorization must be `Bearer` with an API key or a token; got {scheme[:20]!r}"
        )
    return text.strip()


def header(connection: Connection, wanted: bytes) -> str | None:
    """The only value of a header, None without or with several."""
    found = [value for name, value in connection["headers"] if name == wanted]
    return found[0].decode("latin-1") if len(found) == 1 else None
