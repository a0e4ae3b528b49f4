"""The server itself, and what it says when something is wrong."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

Kind = Annotated[str, Field(pattern="^/problems/[a-z-]+$", description="Stable; the address explains it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The process answers."""

    status: Literal["live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether requests are taken: the log's last ``position``, and up to where the read models have ``folded`` it.

    Those are null for callers who may not read metrics.
    """

    status: Literal["ready", "not ready"]
    position: int | None
    folded: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """One kind of error: its HTTP ``status``, and what a caller does about it."""

    type: Kind
    status: int
    title: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Problem details (RFC 9457). ``detail`` states the rule, what was got and what to do."""

    type: Kind
    title: str
    status: int
    detail: str
    errors: tuple[dict[str, Any], ...] | None = None
