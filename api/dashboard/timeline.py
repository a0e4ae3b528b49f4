"""A run's attempts as bars on an axis of seconds: waiting, solving, what was found and saved on the way, and how it ended."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from mezan.api.cli.output import number, seconds

from .colours import colour

Json = dict[str, Any]
WIDTH, LEFT, RIGHT, ROW, HEAD = 1160, 250, 60, 30, 8
LARGEST = 40
"""Attempts that are drawn, the latest."""
MARKS = 240
"""Marks on one bar."""
ENDED = {"succeeded": "✓", "failed": "✕", "timed out": "◼", "cancelled": "◼", "abandoned": "◼"}


def timeline(attempts: Sequence[Json], until: float, *, several_tasks: bool) -> Markup:
    """The picture; ``until`` is the last second that it covers."""
    shown = attempts[-LARGEST:]
    span = max(until, 1e-3)
    height = HEAD + ROW * len(shown) + 26

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, at / span))

    parts = [
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height}" width="100%" role="img" aria-label="{len(shown)} attempts over {seconds(until)}; the table below has the figures">'
    ]
    foot = HEAD + ROW * len(shown)
    for at in _ticks(span):
        parts.append(f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{HEAD}" y2="{foot}"/>')
        parts.append(f'<text x="{x(at):.1f}" y="{foot + 16}" text-anchor="middle">{at:g} s</text>')
    for i, one in enumerate(shown):
        parts += _row(one, HEAD + ROW * i, x, several_tasks=several_tasks)
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - numbers and escaped names


def _row(one: Json, y: float, x: Any, *, several_tasks: bool) -> list[str]:
    name = (
        f"{one['attempt']} · {one['task']} · {one['solver']}"
        if several_tasks
        else f"{one['attempt']} · {one['solver']}"
    )
    middle, began = y + ROW / 2, one["chosen"] if one["chosen"] is not None else one["started"]
    parts = [
        f'<text class="name" x="0" y="{middle + 4:.1f}">{escape(name if len(name) < 38 else name[:37] + "…")}<title>{escape(name)}</title></text>'
    ]
    started = one["started"]
    if began is not None:
        end = started if started is not None else one["until"]
        wait = f"waited {seconds(end - began)} for a slot"
        parts.append(f'<line class="wait" x1="{x(began):.1f}" x2="{x(end):.1f}" y1="{middle}" y2="{middle}"><title>{wait}</title></line>')  # fmt: skip
    if started is None:
        return parts
    until = one["until"]
    state = one["outcome"] or "running"
    about = f"{one['solver']}: {state}, {seconds(until - started)}"
    going = "" if one["outcome"] else " going"
    parts.append(
        f'<g class="{colour(one["solver"])}"><rect class="bar{going}" x="{x(started):.1f}" y="{y + 6}" width="{max(2.0, x(until) - x(started)):.1f}" '
        f'height="{ROW - 12}" rx="3" fill="currentColor"><title>{escape(about)}</title></rect></g>'
    )
    marks = one["marks"]
    if len(marks) > MARKS:
        step = (len(marks) - 1) / (MARKS - 1)
        marks = [marks[round(k * step)] for k in range(MARKS)]
    parts += [_mark(mark, x(mark["at"]), y) for mark in marks]
    if (sign := ENDED.get(one["outcome"] or "")) is not None:
        parts.append(f'<text class="end {state.replace(" ", "-")}" x="{x(until) + 7:.1f}" y="{middle + 4:.1f}">{sign}</text>')  # fmt: skip
    return parts


def _mark(mark: Json, x: float, y: float) -> str:
    at, kind = f"{mark['iterations']:,} iterations, {seconds(mark['at'])}", mark["kind"]
    if kind == "incumbent":
        text = f"{number(mark['objective'])} after {at}"
        return f'<line class="found" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 6}" y2="{y + ROW - 6}"><title>{text}</title></line>'
    if kind == "told":
        text, points = f"told {number(mark['objective'])}, at {at}", f"{x - 4:.1f},{y + 2} {x + 4:.1f},{y + 2} {x:.1f},{y + 8}"  # fmt: skip
        return f'<polygon class="told" points="{points}"><title>{text}</title></polygon>'
    return (
        f'<circle class="saved" cx="{x:.1f}" cy="{y + ROW - 4}" r="2.5"><title>checkpoint after {at}</title></circle>'
    )


def _ticks(span: float) -> list[float]:
    """Round seconds, six or so."""
    rough = span / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return [round(step * k, 10) for k in range(int(span / step) + 1)]
