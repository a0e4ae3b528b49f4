"""Diff: what changed between two positions of the log."""

from collections.abc import Mapping
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.api.http.moments import Moment
from mezan.api.views.changes import READ, changes, portrait
from mezan.api.views.gist import gist
from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded
from mezan.engine.stores.searching import Wanted, search

from ..view import View

PATH, TITLE, TEMPLATE = "/ui/diff", "Difference", "diff.html"
NEEDS = Scope.RUNS_READ
LATEST = 25
NOTHING = dict.fromkeys(
    ("rank", "rating", "games", "instances", "clusters", "fitted at", "status", "outcomes", "p_value")
)
"""What stands for a thing on the side where it was not there."""
LOOKED_AT = 20_000
"""Positions that are searched for the latest ends and decisions."""
OUTCOME = {"RunCompleted": "completed", "RunFailed": "failed", "RunCancelled": "cancelled"}


async def context(view: View) -> Mapping[str, Any]:
    """Figures at both positions; the latest ends and decisions between them."""
    moment, engine = view.moment, view.engine
    asked = min(view.number("from", 0), moment.head)
    low, high = sorted((asked, moment.position))
    past = Moment(engine, asked, moment.head)
    then = portrait(await past.states(*READ))
    now = portrait(await moment.states(*READ))
    first, second = (then, now) if asked <= moment.position else (now, then)
    found = changes(first, second)

    async def latest(*types: str) -> list[Recorded]:
        wanted = Wanted(types=types)
        return (await search(engine.store.fetch, wanted, after=low, upto=high, limit=LATEST, backwards=True, most=LOOKED_AT)).events  # fmt: skip

    return {
        "asked": asked,
        "low": low,
        "high": high,
        "turned": asked > moment.position,
        "ended": [
            {"position": r.position, "run": r.stream, "status": OUTCOME[r.type], "gist": gist(r)}
            for r in await latest(*sorted(TERMINAL))
        ],
        "decided": [
            {
                "position": r.position,
                "run": r.stream,
                **{name: r.data[name] for name in ("task", "attempt", "solver", "policy", "propensity", "experiment")},
            }
            for r in await latest("SolverChosen")
        ],
        "most": LATEST,
        "nothing": NOTHING,
        **found,
    }
