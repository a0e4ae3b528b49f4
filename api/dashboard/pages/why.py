"""Why a solver was chosen, at length: the instance beside its cluster, the outcomes that spoke, what would have changed it."""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

import anyio

from mezan.api.accounts.scopes import Scope
from mezan.api.explaining import Explanation
from mezan.api.views.history import history_at
from mezan.api.views.why import cards_in, changes_in_words, explanation_at
from mezan.engine.errors import RunNotFound

from ..view import View

PATH, TITLE, TEMPLATE = "/ui/runs/{run}/why", "Why", "why.html"
NEEDS = Scope.RUNS_READ
FEATURES = 12
KEPT: Final = 64
_explained: OrderedDict[tuple[str, int, bytes], Explanation] = OrderedDict()
"""By run, the card's position and the hash of the log up to there, of which it is a function."""
_turns: dict[tuple[str, int, bytes], anyio.Lock] = {}
"""Of those that are being explained: to ask the policies again can take a second of processor time, once for all who wait for it."""


async def context(view: View) -> Mapping[str, Any]:
    """The last choice of a task as of the moment."""
    engine, moment = view.engine, view.moment
    history = await history_at(engine, view.path["run"], moment.at)
    run, task = history[0].stream, view.text("task")
    cards = cards_in(history, task)
    if not cards:
        raise RunNotFound(f"a run must have chosen a solver to say why; {run} has not" + (f" for task {task!r}" if task else ""))  # fmt: skip
    key = run, cards[-1].position, cards[-1].hash
    found = _explained.get(key) or await _explanation(view, key, task)
    card = found.card
    by_solver = sorted(found.alternatives, key=lambda a: (a.solver != card.solver, a.solver))
    return {
        "title": f"Why {card.solver} · {run[:16]}",
        "stream": run,
        "run": run,
        "task": task,
        "card": card,
        "features": found.features[:FEATURES],
        "feature_count": len(found.features),
        "evidence": found.evidence,
        "rival": found.rival,
        "margin": found.margin,
        "alternatives": [
            (solver, changes_in_words([one.change for one in changes]))
            for solver, changes in groupby(by_solver, key=lambda a: a.solver)
        ],
    }


async def _explanation(view: View, key: tuple[str, int, bytes], task: str | None) -> Explanation:
    async with _turns.setdefault(key, anyio.Lock()):
        found = _explained.get(key)
        if found is None:
            try:
                found = await explanation_at(view.engine, key[0], task, view.moment.at)
            finally:
                _turns.pop(key, None)
            _explained[key] = found
            if len(_explained) > KEPT:
                _explained.popitem(last=False)
        return found
