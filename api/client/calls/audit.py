"""The log, the read models that follow it, and the server's health."""

from collections.abc import Sequence

import orjson

from mezan.api.http.schemas import Event, Head, Health, LogPage, ReadModel, ReadModels, Rebuilt, Verification

from ..following import followed
from ..reading import got, pages, read_json
from ..requests import JSON, Moment, address
from ..steps import Flow, Plan, Request, Send

LONG = 3_600.0
"""Seconds that reading the whole log may take."""
PAGE = 1_000


def log(
    *,
    after: int = 0,
    types: Sequence[str] = (),
    stream: str | None = None,
    actor: str | None = None,
    correlation: str | None = None,
    text: str | None = None,
    as_of: Moment = None,
) -> Flow[Event]:
    """The events of every stream in order, up to now or to a moment; asked for page by page as you iterate.

    Args:
        after: only later positions.
        types: only these.
        stream: only this one, such as a run's id.
        actor: only what it caused.
        correlation: only what belongs to it.
        text: part of the data as JSON, of the stream, type or actor.
        as_of: a position or time.
    """
    query = {**_wanted(types, stream, actor, correlation, text), "after": after, "limit": PAGE}
    yield from pages("/log", query, as_of, LogPage, lambda page: page.events)


def follow_log(
    *,
    after: int = 0,
    types: Sequence[str] = (),
    stream: str | None = None,
    actor: str | None = None,
    correlation: str | None = None,
    text: str | None = None,
) -> Flow[Event]:
    """The same as it grows, without an end; nothing is lost when the server dies and comes back.

    Raises:
        Unreachable: it did not come back.
    """
    yield from followed(Event, "/log", _wanted(types, stream, actor, correlation, text), after)


def _wanted(
    types: Sequence[str], stream: str | None, actor: str | None, correlation: str | None, text: str | None
) -> dict[str, str | float | None]:
    named = ",".join(types) or None
    return {"types": named, "stream": stream, "actor": actor, "correlation": correlation, "text": text}


def head(*, as_of: Moment = None) -> Plan[Head | None]:
    """The last event's position and hash, None before the first. Kept elsewhere it tells later whether the log was cut off."""
    return (yield from got(Head | None, "/log/head", as_of))  # type: ignore[arg-type]


def verify_log(kept: Head | None = None) -> Plan[Verification]:
    """Recompute every digest and the hash chain; ``kept`` is a head from earlier, to be found in it."""
    body = orjson.dumps({"head": kept})
    answer = yield Send(Request("POST", "/log/verify", content=body, headers={"content-type": JSON}, read=LONG))
    return read_json(Verification, answer.content)


def projections() -> Plan[tuple[ReadModel, ...]]:
    """Every read model and how far it has come."""
    found = yield from got(ReadModels, "/projections")
    return found.projections


def rebuild(projection: str) -> Plan[Rebuilt]:
    """Fold a read model again from the first event, and say what came out differently; raises UnknownName."""
    answer = yield Send(Request("POST", address("projections", projection, "rebuild"), read=LONG))
    return read_json(Rebuilt, answer.content)


def health() -> Plan[Health]:
    """Whether the server takes requests, and if not, why."""
    answer = yield Send(Request("GET", "/health/ready", accepts=frozenset({503})))
    return read_json(Health, answer.content)
