"""Search in the log: a bounded stretch of it at a time, since only positions and streams are indexed."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mezan.engine import context
from mezan.engine.log import Recorded

from .writer import COLUMNS

STRETCH: Final = 10_000
"""Positions that one statement looks at; the reader's thread serves others in between."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are looked for; what is None or empty does not matter.

    ``text`` is looked for in the event's data as JSON, in its stream, its type and its actor; ASCII letters of either case are equal.
    """

    types: tuple[str, ...] = ()
    stream: str | None = None
    actor: str | None = None
    correlation: str | None = None
    text: str | None = None

    def matches(self, recorded: Recorded) -> bool:
        """Whether an event is one of them."""
        if self.types and recorded.type not in self.types:
            return False
        if self.stream is not None and (recorded.stream, recorded.tenant) != (self.stream, context.tenant.get()):
            return False
        if self.actor not in {None, recorded.actor} or self.correlation not in {None, recorded.correlation}:
            return False
        if self.text is None:
            return True
        sought = _lower(self.text)
        return any(
            sought in _lower(part) for part in (recorded.payload, recorded.stream, recorded.type, recorded.actor)
        )

    def where(self) -> tuple[list[str], list[Any]]:
        """The same as SQL conditions and their values."""
        found: list[str] = []
        values: list[Any] = []
        if self.types:
            found.append(f"type IN ({','.join('?' * len(self.types))})")
            values += self.types
        for name in ("actor", "correlation"):
            if (value := getattr(self, name)) is not None:
                found.append(f"{name} = ?")
                values.append(value)
        if self.stream is not None:
            found.append("tenant = ? AND stream = ?")
            values += [context.tenant.get(), self.stream]
        if self.text is not None:
            found.append(
                "(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in ("payload", "stream", "type", "actor")) + ")"
            )
            pattern = "%" + "".join(f"\\{c}" if c in "\\%_" else c for c in self.text) + "%"
            values += [pattern] * 4
        return found, values


@dataclass(frozen=True, slots=True)
class Found:
    """Events in the order asked for; go on after ``reached`` (backwards: before it), unless ``done`` says that there is no more."""

    events: list[Recorded]
    reached: int
    done: bool


async def search(
    fetch: Callable[[Callable[[sqlite3.Connection], list[tuple[Any, ...]]]], Any],
    wanted: Wanted,
    *,
    after: int = 0,
    upto: int,
    limit: int,
    backwards: bool = False,
    most: int = 100_000,
) -> Found:
    """Events with ``after < position <= upto`` that are wanted, at most ``limit``, after a look at no more than ``most`` positions.

    Args:
        fetch: as :meth:`SQLiteStore.fetch`.
        wanted: which.
        after: the lower end, exclusive.
        upto: the upper end, inclusive.
        limit: events.
        backwards: newest first.
        most: positions that are looked at; one stream is looked at as a whole.
    """
    conditions, values = wanted.where()
    if wanted.stream is not None:
        # the unary plus keeps SQLite from walking the log by position; an index finds the stream
        rows = await fetch(_select(conditions, values, after, upto, limit, backwards, plus="+"))
        events = [Recorded(*row) for row in rows]
        full = len(events) == limit
        return Found(events, events[-1].position if full else (after + 1 if backwards else upto), done=not full)
    events, looked = [], 0
    low, high = after, upto
    while low < high and looked < most:
        step = min(STRETCH, high - low, most - looked)
        part = (high - step, high) if backwards else (low, low + step)
        rows = await fetch(_select(conditions, values, *part, limit - len(events), backwards))
        events += [Recorded(*row) for row in rows]
        if len(events) == limit:
            reached = events[-1].position
            return Found(events, reached, done=reached == (after + 1 if backwards else upto))
        looked += step
        low, high = (low, high - step) if backwards else (low + step, high)
    return Found(events, high + 1 if backwards else low, done=low >= high)


def _select(
    conditions: list[str], values: list[Any], after: int, upto: int, limit: int, backwards: bool, plus: str = ""
) -> Callable[[sqlite3.Connection], list[tuple[Any, ...]]]:
    where = " AND ".join([f"{plus}position > ?", f"{plus}position <= ?", *conditions])
    order = f"{'version' if plus else 'position'} {'DESC' if backwards else 'ASC'}"
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY {order} LIMIT ?"
    return lambda c: c.execute(sql, (after, upto, *values, limit)).fetchall()


def _lower(text: str) -> str:
    """ASCII letters in lower case, as SQLite's LIKE compares them."""
    return "".join(c.lower() if c.isascii() else c for c in text)
