"""What a call does, step by step, without saying how: a generator yields steps, and a driver, blocking or not, sends back outcomes."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Sending it twice must do no more than sending it once: what asks for a run carries an idempotency key.

    Attributes:
        method: in capitals.
        path: with its parts quoted; may hold a query already.
        query: parameters; those that are None are left out.
        content: the body.
        headers: in lower case.
        read: seconds of silence after which the connection is given up.
        accepts: statuses beyond 2xx that are answers, not errors.
    """

    method: str
    path: str
    query: Mapping[str, str | float | None] = field(default_factory=dict)
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read: float = 30.0
    accepts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its body is empty while it is streamed; ``next`` is the address of the next page."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send it, and read the whole answer; outcome: :class:`Answer`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open:
    """Send it, and leave the answer's body to be read; outcome: :class:`Answer`. What was open before is closed."""

    request: Request


@dataclass(frozen=True, slots=True)
class Read:
    """Outcome: the next bytes of what is open, None at its end."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Clock:
    """Outcome: seconds on a clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Give(Generic[T]):
    """Hand an item to whoever iterates."""

    item: T


Step = Send | Open | Read | Sleep | Clock
Plan = Generator[Step, Any, T]
"""A call that returns T."""
Flow = Generator[Step | Give[T], Any, None]
"""A call that gives any number of T."""
