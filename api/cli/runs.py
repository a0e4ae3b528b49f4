"""`runs`, `show`, `watch`, `why`, `replay`: what happened, what happens, and why."""

from typing import Any

from mezan.api.views.outcome import kept_solutions, outcome
from mezan.api.views.runs import PURPOSES, STATUSES, Wanted, listed
from mezan.engine.events import TERMINAL
from mezan.engine.streams import whole_stream
from mezan.projections.runs import Runs
from mezan.solvers.errors import BadInput

from .display import print_card, shown
from .errors import DONE, RUN_FAILED
from .output import STYLES, ago, clean, console, emit, notice, number, percent, seconds, short, table
from .race import print_race, shares
from .reading import find_run, history_of, newest_rows, opened

Json = dict[str, Any]
WIDE = 90
"""Columns from which the list of runs says when."""


async def list_runs(
    db: str,
    status: str | None,
    purpose: str | None,
    limit: int,
    as_of: str | None = None,
    *,
    every: bool,
    as_json: bool,
    **wanted: str | None,
) -> int:
    """The newest runs of one purpose, or of every, now or as of an earlier moment; ``wanted`` as for `Wanted`."""
    if purpose is not None and purpose not in PURPOSES:
        raise BadInput(f"--purpose must be one of {', '.join(PURPOSES)}; got {purpose[:40]!r}")
    if status is not None and status not in STATUSES:
        raise BadInput(f"--status must be one of {', '.join(STATUSES)}; got {status[:40]!r}")
    asked = Wanted(status=status, purpose=purpose or (None if every else "request"), **wanted)
    if not 1 <= limit <= 100_000:
        raise BadInput(f"--limit must be between 1 and 100000; got {limit}")
    async with opened(db) as store:
        rows = await newest_rows(store, Runs(), as_of, tag=status, limit=limit, keep=asked.keep)
        found = [row.data for row in rows]
    if as_json:
        emit([listed(row) for row in found])
        return DONE
    if not found:
        notice("no runs" if status is None else f"no runs that are {status}")
        return DONE
    from rich.text import Text

    wide = console().width >= WIDE
    figures = ("objective", "gap", "time")
    shown = table("run", "status", "instance", "solver", *figures, *(["when"] if wide else []), right=figures)
    for row in found:
        shown.add_row(
            Text(short(row["run"]), "cyan"),
            Text(row["status"], STYLES.get(row["status"], "")),
            Text(clean(row["label"] or row["family"])),
            Text(row["solver"] or ("-" if len(row["tasks"]) == 1 else f"{len(row['tasks'])} tasks")),
            number(row["objective"]),
            percent(row["gap"]),
            seconds(row["seconds"]),
            *([ago(row["requested_at"])] if wide else []),
        )
    console().print(shown)
    return DONE


async def show(db: str, name: str, *, as_json: bool) -> int:
    """Everything about one run."""
    async with opened(db) as store:
        history = await history_of(store, name)
        about = outcome(history, await kept_solutions(store, history))
    incumbents = [r.data for r in history if r.type == "IncumbentFound"]
    if as_json:
        kept = ("task", "objective", "iterations", "seconds")
        about["incumbents"] = [{field: data[field] for field in kept} for data in incumbents]
        emit(about | ({"shared": shares(history)} if "pans" in about else {}))
        return DONE
    print_card(about, about.get("instance") or about["family"])
    if "pans" in about:
        print_race(about, history)
    elif incumbents and "tasks" not in about:
        shown = table("seconds", "iterations", "incumbent", right=("seconds", "iterations", "incumbent"))
        for data in incumbents[-12:]:
            shown.add_row(f"{data['seconds']:.2f}", str(data["iterations"]), number(data["objective"]))
        console().print(shown)
    return DONE


async def watch(db: str, name: str, *, as_json: bool) -> int:
    """Follow a run, of any process, until it ends."""
    async with opened(db) as store:
        run = await find_run(store, name)
        with shown(run, quiet=as_json) as view:
            async for recorded in store.subscribe(stream=run):
                view.update(recorded)
                if recorded.type in TERMINAL:
                    break
        history = await whole_stream(store, run)
        about = outcome(history, await kept_solutions(store, history))
    if as_json:
        emit(about)
    else:
        print_card(about, about.get("instance") or about["family"])
    return DONE if about["status"] == "completed" else RUN_FAILED
