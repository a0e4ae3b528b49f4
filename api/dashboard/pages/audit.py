"""Audit: whether the log is whole, who did what, and whether the read models say what the log says."""

from collections.abc import Mapping
from typing import Any

import orjson

from mezan.api.accounts.scopes import Scope
from mezan.api.http.routes.log import head_at
from mezan.api.views.gist import gist
from mezan.api.views.projections import statuses
from mezan.api.views.verification import head_document, kept_head
from mezan.engine.log import Head, Recorded
from mezan.engine.stores.searching import Wanted, search
from mezan.engine.upcast import TYPES

from ..view import View

PATH, TITLE, TEMPLATE = "/ui/audit", "Audit", "audit.html"
NEEDS = Scope.LOG_READ
EVENTS = 50
LOOKED_AT = 20_000
"""Positions that one drawing of the page looks at."""
LONGEST = 4_000
"""Characters of an event's data that are shown."""
LARGEST_HEAD = 400


async def context(view: View) -> Mapping[str, Any]:
    """Head and chain, a page of events, read models."""
    moment, engine = view.moment, view.engine
    before = min(view.number("before", moment.position + 1), moment.position + 1)
    stream = view.text("stream")
    if stream is not None:
        runs = await engine.store.streams_like(stream, 2)
        stream = runs[0] if len(runs) == 1 else stream
    wanted = Wanted(
        types=tuple(name for name in (view.text("type"),) if name),
        stream=stream,
        actor=view.text("actor"),
        correlation=view.text("correlation"),
        text=view.text("text"),
    )
    found = await search(engine.store.fetch, wanted, upto=before - 1, limit=EVENTS, backwards=True, most=LOOKED_AT)
    audits = view.request.app.state.audits
    end = await engine.log.head()
    return {
        "head": head_document(await head_at(engine, moment.position)),
        "verification": audits.verification,
        "pasted": await _compared(view),
        "events": [_row(recorded) for recorded in found.events],
        "older": None if found.done else found.reached,
        "looked_from": before - 1,
        "looked_to": max(1, found.reached) if not found.done else 1,
        "paged": before <= moment.position,
        "filtered": wanted != Wanted(),
        "types": sorted(TYPES),
        "filters": {name: view.text(name) or "" for name in ("type", "stream", "actor", "correlation", "text")},
        "projections": statuses(engine.follower, end),
        "rebuilds": audits.rebuilds,
    }


def _row(recorded: Recorded) -> dict[str, Any]:
    text = recorded.payload if len(recorded.payload) <= LONGEST else None
    shown = (
        recorded.payload[:LONGEST] if text is None else orjson.dumps(recorded.data, option=orjson.OPT_INDENT_2).decode()
    )
    return {
        "position": recorded.position,
        "at": recorded.recorded_at,
        "actor": recorded.actor,
        "stream": recorded.stream,
        "version": recorded.version,
        "is_run": recorded.stream.startswith("run_"),
        "type": recorded.type,
        "gist": gist(recorded),
        "causation": recorded.causation,
        "correlation": recorded.correlation,
        "hash": recorded.hash.hex(),
        "data": shown,
        "cut": text is None,
        "length": len(recorded.payload),
    }


async def _compared(view: View) -> dict[str, Any] | None:
    """A head that somebody pasted, against the event that is at its position; None when there is none."""
    text = view.text("head", most=LARGEST_HEAD)
    if text is None:
        return None
    try:
        head: Head = kept_head(orjson.loads(text))
    except (ValueError, KeyError, TypeError):
        return {"text": text, "verdict": "unreadable", "head": None}
    known = await view.engine.log.head()
    there = await head_at(view.engine, head.position)
    verdict = "missing" if there is None else "same" if there.hash == head.hash else "other"
    return {"text": text, "verdict": verdict, "head": head_document(head), "end": known.position if known else 0}
