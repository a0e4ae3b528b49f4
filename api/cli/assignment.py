"""A QAP's answer for people: who goes where, what it is made of, and a picture of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezan.api.views.outcome import kept_solutions, outcome
from mezan.engine.log import Recorded
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.solvers.errors import BadInput

from .errors import DONE
from .output import clean, console, emit, notice, number, table
from .reading import history_of, opened

if TYPE_CHECKING:
    from mezan.solvers.qap import Assignment, Facilities

MOST = 1_000
"""Pairs that may be asked for."""
PLACES = 60
"""Facilities that are listed; all of them with --json."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What is asked for: the tables, a picture, or both; and the files that hold the names."""

    table: bool
    top: int
    heatmap: str | None
    flows: str | None
    distances: str | None


def layout(flows: str | None, distances: str | None) -> "Facilities":
    """The facilities and locations in two CSV files; raises BadInput where one is missing."""
    from mezan.solvers.qap import Facilities

    if flows is None or distances is None:
        given, absent = ("--flows", "--distances") if distances is None else ("--distances", "--flows")
        raise BadInput(f"--flows and --distances go together; {given} is given alone: add {absent}")
    return Facilities.from_csv(flows, distances)


async def show_assignment(db: str, name: str, view: View, *, as_json: bool) -> int:
    """Print the assignment of a run's result, draw it, or both."""
    if not 1 <= view.top <= MOST:
        raise BadInput(f"--top must be between 1 and {MOST}; got {view.top}")
    if not view.table and view.heatmap is None:
        raise BadInput("--flows and --distances give names to --assignment or --heatmap; add one of them")
    ending = None if view.heatmap is None else Path(view.heatmap).suffix.lower()
    if ending not in {None, ".svg", ".png"}:
        raise BadInput(f"--heatmap must name a file that ends in .svg or .png; got {view.heatmap!r}")
    named = None if view.flows is None and view.distances is None else layout(view.flows, view.distances)
    async with opened(db) as store:
        history = await history_of(store, name)
        answer = await _answer(store, history, named)
    if view.heatmap is not None:
        _draw(answer, view.heatmap, png=ending == ".png")
    if as_json:
        emit(_document(history[0].stream, answer, view))
    elif view.table:
        _print(answer, view.top)
    return DONE


async def _answer(store: SQLiteStore, history: list[Recorded], named: "Facilities | None") -> "Assignment":
    from mezan.solvers.pack import unpack
    from mezan.solvers.qap import QAP, Facilities

    run, specs = history[0].stream, history[0].data["tasks"]
    single = len(specs) == 1 or history[0].data["pans"]
    if specs[0]["family"] != "qap" or not single:
        raise BadInput(f"--assignment and --heatmap are for runs of one QAP; {run} is of something else")
    about = outcome(history, await kept_solutions(store, history))
    if about.get("solution") is None:
        raise BadInput(
            f"a run must have a solution to be shown; {run} is {about['status']} and the log keeps none of it"
        )
    if named is not None:
        if named.problem.packed()[1] != specs[0]["problem"]:
            raise BadInput(f"--flows and --distances must be the instance that was solved; {run} was of another")
        return named.read(about["solution"])
    content = await store.artifact(specs[0]["problem"])
    if content is None:
        raise BadInput(
            f"the problem of {run} is no longer kept; restore it from a copy, or give --flows and --distances"
        )
    return Facilities.of(QAP.from_content(unpack(content), name=specs[0]["label"])).read(about["solution"])


def _draw(answer: "Assignment", file: str, *, png: bool) -> None:
    from mezan.solvers.qap.heatmap import heatmap

    if png:
        from mezan.solvers.qap.heatmap_png import png as draw

        content = draw(heatmap(answer))
    else:
        from mezan.solvers.qap.heatmap_svg import svg

        content = svg(heatmap(answer)).encode()
    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise BadInput(f"--heatmap must name a file that can be written; {file}: {error.strerror or error}") from error
    notice(f"drawn: {file}")


def _document(run: str, answer: "Assignment", view: View) -> dict[str, Any]:
    return {
        "run": run,
        "cost": answer.cost,
        "facilities": [asdict(placed) for placed in answer.placed],
        "pairs": [asdict(pair) for pair in answer.pairs(view.top)],
        "heatmap": view.heatmap,
    }


def _print(answer: "Assignment", top: int) -> None:
    from rich.text import Text

    title = Text.assemble((clean(answer.problem.name or "qap"), "bold"), f"  cost {number(answer.cost)}")
    console().print(title)
    placed = answer.placed
    shown = table("facility", "location", "cost", "share", right=("cost", "share"))
    for one in placed[:PLACES]:
        names = Text(clean(one.facility), "cyan"), Text(clean(one.location))
        shown.add_row(*names, number(one.cost), f"{one.share:.1%}")
    console().print(shown)
    if len(placed) > PLACES:
        notice(f"the {len(placed) - PLACES} facilities that cost least are left out; all of them with --json")
    pairs = answer.pairs(top)
    if not pairs:
        return
    console().print()
    figures = ("flow", "distance", "cost", "share")
    costly = table("facility", "and", *figures, right=figures)
    for pair in pairs:
        numbers = (number(value) for value in (pair.flow, pair.distance, pair.cost))
        costly.add_row(
            Text(clean(pair.facility), "cyan"), Text(clean(pair.other), "cyan"), *numbers, f"{pair.share:.1%}"
        )
    console().print(costly)
