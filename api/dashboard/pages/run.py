"""One run: how it went, what it found, why that solver, what caused it and what it caused."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from mezan.api.accounts.scopes import Scope
from mezan.api.http.events import wire
from mezan.api.views.attempts import attempts
from mezan.api.views.history import history_at
from mezan.api.views.lineage import causes, effects
from mezan.api.views.outcome import fold_run, outcome
from mezan.api.views.solution import sections
from mezan.api.views.why import cards_in
from mezan.engine.events import TERMINAL, RunRequested
from mezan.engine.log import Recorded
from mezan.solvers.gaps import gap
from mezan.solvers.showing import Figures, Picture, Section, Table

from ..course_plot import course_plot
from ..sentences import sentence
from ..timeline import timeline
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/runs/{run}", "Run", "run.html"
NEEDS = Scope.RUNS_READ
EVENTS = 200
"""Events that are listed at a time."""
FAILURES = ("AttemptFailed", "AttemptTimedOut")


async def context(view: View) -> Mapping[str, Any]:
    """Everything about a run as of the moment."""
    engine, moment = view.engine, view.moment
    history = await history_at(engine, view.path["run"], moment.at)
    run = history[0].stream
    about, row = outcome(history), fold_run(history)
    tried = attempts(history)
    task = _task(view, row)
    shown = about["tasks"][task] if "tasks" in about and not row["pans"] else about
    later, cut = await effects(engine.log, history, moment.at)
    over = history[-1].type in TERMINAL
    cards = cards_in(history, task)
    return {
        "title": f"{about.get('instance') or row['label'] or row['family']} · {run[:16]}",
        "stream": run,
        "run": run,
        "row": row,
        "about": shown,
        "best": row if row["pans"] else row["tasks"][task],
        "task": task,
        "tasks": row["tasks"],
        "bound": _bound(shown),
        "over": over,
        "failing": _failing(history) if row["status"] == "failed" else None,
        "attempts": tried,
        "timeline": timeline(tried, _until(history), several_tasks=len(row["tasks"]) > 1),
        "course": course_plot(view, history, row, task),
        "solution": await _solution(view, history, task, row["tasks"][task]["solution"]),
        "card": _card(cards[-1], history) if cards else None,
        "causes": causes(history),
        "effects": later,
        "cut": cut,
        "shares": [r.data for r in history if r.type == "IncumbentShared"][-12:],
        **_events(view, history),
    }


def _task(view: View, row: Mapping[str, Any]) -> str:
    """The task whose solution and choice are shown: the one asked for, else the pan that leads, else the first."""
    names: list[str] = list(row["tasks"])
    leading = next((n for n in names if row["pans"] and row["tasks"][n]["solver"] == row["solver"]), names[0])
    return view.choice("task", tuple(names), leading)


def _until(history: Sequence[Recorded]) -> float:
    return (history[-1].recorded_at - history[0].recorded_at) / 1e6


def _bound(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """The proved bound with the gap to it."""
    value = about.get("lower_bound" if about.get("sense") == "min" else "upper_bound")
    if value is None:
        return None
    return {"value": value, "method": about["bound_method"], "gap": None if about["objective"] is None else gap(about["objective"], value)}  # fmt: skip


def _failing(history: Sequence[Recorded]) -> dict[str, Any]:
    """The event that broke the run, and the run just before it."""
    broken = [r for r in history if r.type in FAILURES]
    event = broken[-1] if broken else history[-1]
    before = [r for r in history if r.position < event.position]
    row = fold_run(before) if before else {}
    names = ("status", "solver", "attempts", "objective", "gap", "iterations", "seconds", "checkpoint", "worker")
    return {
        "position": event.position,
        "type": event.type,
        "sentence": sentence(event),
        "json": _pretty(event),
        "before": [(name, row.get(name)) for name in names],
        "previous": before[-1].position if before else None,
    }


async def _solution(view: View, history: Sequence[Recorded], task: str, digest: str | None) -> dict[str, Any] | None:
    """The sections that the family shows of the best solution so far; None before the first."""
    if digest is None:
        return None
    request = history[0].event
    if not isinstance(request, RunRequested):  # pragma: no cover - a run's first event
        return None
    spec = next(spec for spec in request.tasks if spec.task == task)
    found = await sections(view.engine, history[0].stream, spec, digest)
    url = f"/ui/runs/{history[0].stream}/pictures/{digest}"
    return {"digest": digest, "sections": None if found is None else [_section(s, url, k) for k, s in enumerate(found)]}


def _section(section: Section, url: str, index: int) -> dict[str, Any]:
    match section:
        case Figures(pairs):
            return {"kind": "figures", "pairs": pairs}
        case Table(title, columns, rows, note):
            numeric = [bool(rows) and _is_figure(rows[0][k]) for k in range(len(columns))]
            return {"kind": "table", "title": title, "columns": list(zip(columns, numeric, strict=True)), "rows": rows, "note": note}  # fmt: skip
        case Picture(title, _, says):
            return {"kind": "picture", "title": title, "says": says, "url": f"{url}/{index}.svg"}


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value.endswith("%"))


def _card(recorded: Recorded, history: Sequence[Recorded]) -> dict[str, Any]:
    card = recorded.data
    candidates = sorted(card["candidates"], key=lambda c: (c["refused"] is not None, -(c["score"] if c["score"] is not None else float("inf"))))  # fmt: skip
    return card | {
        "candidates": candidates,
        "position": recorded.position,
        "losses": any(c["expected_loss"] is not None for c in candidates),
        "earlier": [
            {"position": r.position, "solver": r.data["solver"], "attempt": r.data["attempt"]}
            for r in cards_in(history, card["task"])
            if r.position < recorded.position
        ],
    }


def _events(view: View, history: Sequence[Recorded]) -> dict[str, Any]:
    """The last events before a position, newest first."""
    below = view.number("events", 0)
    listed = [r for r in history if not below or r.position < below]
    page = listed[-EVENTS:]
    start = history[0].recorded_at
    return {
        "events": [
            {
                "position": r.position,
                "version": r.version,
                "type": r.type,
                "at": (r.recorded_at - start) / 1e6,
                "task": r.data.get("task") if r.type != "RunFailed" else None,
                "sentence": sentence(r),
            }
            for r in reversed(page)
        ],
        "event_count": len(history),
        "earlier_events": page[0].position if len(listed) > EVENTS else None,
        "later_events": bool(below),
    }


def _pretty(recorded: Recorded) -> str:
    return orjson.dumps(wire(recorded), option=orjson.OPT_INDENT_2).decode()
