"""Who asks."""

from dataclasses import dataclass
from typing import Final, Literal

from mezan.projections.principals import DEFAULT_PROJECT

from .scopes import EVERY, Scope

Kind = Literal["user", "key", "token", "local"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, known by a credential.

    Attributes:
        id: never changes and is never given again: ``user_...``, ``key_...``, or a foreign token's ``issuer#subject``.
        name: what people call it.
        kind: what was shown: a user's session or token, an API key, a foreign issuer's token, or nothing on an open server.
        project: the only one whose runs, log and accounts it ever sees.
        scopes: what it may do there.
        credential: which key, session or token it came with: limits are counted by it.
    """

    id: str
    name: str
    kind: Kind
    project: str
    scopes: frozenset[Scope]
    credential: str

    @property
    def actor(self) -> str:
        """Who events say has caused them."""
        return "local" if self.kind == "local" else self.id

    def may(self, scope: Scope) -> bool:
        """Whether it is allowed."""
        return scope in self.scopes


LOCAL: Final = Principal("local", "local", "local", DEFAULT_PROJECT, EVERY, "local")
"""Everybody on a server without accounts."""
