"""The rows of the list of runs: more than a template would write in time, and nearly the same at the next moment."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from mezan.api.cli.output import number, percent, seconds, short
from mezan.api.views.times import when

from .colours import colour, mark

KEPT = 2_048


def run_row(row: Mapping[str, Any], position: int, link: str) -> Markup:
    """One row of the table. ``row`` has what its cells say, all of it hashable; ``link`` leads to the run."""
    return _written(position, link, **row)


@lru_cache(KEPT)
def _written(
    position: int,
    link: str,
    *,
    run: str,
    status: str,
    label: str,
    family: str,
    size: int | None,
    solvers: tuple[str, ...],
    solver_count: int,
    tasks: int,
    race: bool,
    policy: str | None,
    forced: bool,
    objective: float | None,
    proved_optimal: bool,
    to_bound: float | None,
    gap: float | None,
    took: float | None,
    requested_at: int | None,
    message: str | None,
) -> Markup:
    named, name, at = escape(short(run)), escape(label), when(requested_at) or "-"
    title = f' title="{escape(message)}"' if message else ""
    cells = [
        f'<td><input type="checkbox" name="runs" value="{escape(run)}" aria-label="Compare {named}"></td>',
        f'<td><span class="status {escape(status)}"{title}>{escape(status)}</span></td>',
        f'<td><a class="run" href="{escape(link)}">{named}</a></td>',
        f'<td class="name" title="{name}">{name} <small>{escape(family)}</small></td>',
        f'<td class="n">{size}</td>',
        f"<td>{_solvers(solvers, solver_count)}</td>",
        f"<td>{escape(policy or ('named' if forced else 'race' if race else '-'))}</td>",
        f'<td class="n">{f"{tasks} tasks" if objective is None and tasks > 1 else number(objective)}</td>',
        f'<td class="n">{_gap(gap, to_bound, proved_optimal=proved_optimal)}</td>',
        f'<td class="n">{seconds(took)}</td>',
        f'<td><time datetime="{at}">{at[:19].replace("T", " ")}</time></td>',
    ]
    return Markup(f'<tr id="r{position}" data-position="{position}">{"".join(cells)}</tr>')  # noqa: S704 - numbers and escaped text


def _solvers(names: tuple[str, ...], count: int) -> str:
    marks = [f'<i class="mark {colour(name)} {mark(name)}" aria-hidden="true"></i>{escape(name)}' for name in names]
    more = f" and {count - 2} more" if count > 2 else "" if count else "-"
    return " : ".join(f'<span class="solver">{one}</span>' for one in marks) + more


def _gap(gap: float | None, to_bound: float | None, *, proved_optimal: bool) -> str:
    if proved_optimal:
        return '<span class="proved">optimal</span>'
    if to_bound is not None:
        return f'<span title="To the proved bound; no best value is known">≤ {percent(to_bound)}</span>'
    return percent(gap)
