"""Runs, newest first: a window of rows on a list of any length. The URL says where it begins.

``before=P`` begins with the first run below position P; ``after=P`` shows up to :data:`ABOVE` runs newer than P and goes on
below; without either it is the newest.
"""

from collections.abc import Mapping
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.api.http.moments import Moment
from mezan.api.views.runs import EVERY, PURPOSES, STATUSES, Wanted, purpose_of
from mezan.engine.folds import Row
from mezan.engine.listing import Rows
from mezan.projections.run_counts import run_counts
from mezan.solvers.errors import BadInput
from mezan.solvers.gaps import gap

from ..run_rows import run_row
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/runs", "Runs", "runs.html"
NEEDS = Scope.RUNS_READ
WINDOW = 160
"""Rows in the page at most."""
ABOVE = 80
"""Rows that a step upwards adds."""
LOOKED = 1_000
"""Runs among which those newer than a position are looked for; as many as a page of rows can have."""


async def context(view: View) -> Mapping[str, Any]:
    """Filters, the rows of the window, and where the rows before and after it are."""
    moment = view.moment
    given = {name: view.text(name) for name in ("status", "family", "solver", "policy", "purpose", "label")}
    wanted = Wanted(**given | {"purpose": purpose_of(given["purpose"])})
    if view.text("before") is not None and view.text("after") is not None:
        raise BadInput("a list of runs begins either before a position or after one; got both")
    before = view.number("before", 0) or None
    if view.text("after") is not None:
        before = await above(moment, wanted, view.number("after", 0))
    rows = await moment.rows("runs", tag=wanted.status, keep=wanted.keep, before=before, limit=WINDOW)
    states = await moment.states("run_counts")
    counts, every = (run_counts(states["run_counts"], purpose) for purpose in (wanted.purpose, None))
    solvers = [solver.name for family in view.engine.catalog for solver in family.solvers]
    return {
        "given": given,
        "filtered": any(given.values()),
        "options": {
            "status": _options(STATUSES, given["status"]),
            "family": _options([family.name for family in view.engine.catalog], given["family"]),
            "solver": _options(solvers, given["solver"]),
            "policy": _options([policy.name for policy in view.engine.policies], given["policy"]),
            "purpose": _options((*PURPOSES, EVERY), given["purpose"] or "request"),
        },
        "rows": [run_row(_shown(row.data), row.position, view.url(f"/ui/runs/{row.data['run']}")) for row in rows],
        "first": rows[0].position if rows else None,
        "before": before,
        "more": rows.before,
        "unfinished": rows.before is not None and len(rows) < WINDOW,
        "counts": {status: counts[status] for status in STATUSES if status in counts},
        "asked": sum(counts.values()),
        "every": sum(every.values()),
    }


async def above(moment: Moment, wanted: Wanted, position: int) -> int | None:
    """Before which position a list begins that has :data:`ABOVE` runs newer than a position; None: with the newest."""
    asked = await moment.engine.log.read(after=position, upto=moment.at, types=["RunRequested"], limit=LOOKED)
    top = asked[-1].position + 1 if len(asked) == LOOKED else None
    rows: Rows = await moment.rows("runs", tag=wanted.status, keep=wanted.keep, before=top, limit=LOOKED)
    newer = [row.position for row in rows if row.position > position]
    return newer[-ABOVE] + 1 if len(newer) >= ABOVE else top


def _options(known: Any, given: str | None) -> list[str]:
    """What a filter offers; what is asked for is among it even if it is not installed here."""
    names = list(dict.fromkeys(known))
    return names if given is None or given in names else [*names, given]


def _shown(row: Row) -> Row:
    shown = {name: row[name] for name in ("run", "status", "family", "size", "policy", "forced", "objective", "gap", "requested_at", "proved_optimal", "message")}  # fmt: skip
    tasks = row["tasks"]
    solvers = list(dict.fromkeys(task["solver"] for task in tasks.values() if task["solver"]))
    to_bound = None
    if row["gap"] is None and row["objective"] is not None and not row["proved_optimal"]:
        to_bound = gap(row["objective"], row["bound"])
    return shown | {
        "label": row["label"] or "unnamed",
        "took": row["seconds"],
        "solvers": tuple(solvers[:2]),
        "solver_count": len(solvers),
        "tasks": len(tasks),
        "race": bool(row["pans"]),
        "to_bound": to_bound,
    }
