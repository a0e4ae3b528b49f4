"""Ratings as pictures: an interval in a row of a table, and the course of a rating whose points are links."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from .axes import Axis, spanning

WIDTH, HEIGHT = 150, 20
COURSE_WIDTH, COURSE_HEIGHT = 900, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 10, 34


def interval_axis(ends: Sequence[float]) -> Axis:
    """The axis that the intervals of one table share."""
    return spanning(ends, 4, WIDTH - 4, margin=0.02)


def interval(axis: Axis, low: float, value: float, high: float, *, paint: str, label: str) -> Markup:
    """A dot for the rating on a line for its interval, with a tick where ratings start."""
    y = HEIGHT / 2
    x0, x, x1 = (max(1.0, min(WIDTH - 1.0, axis.at(v))) for v in (low, value, high))
    start = axis.at(1500.0)
    tick = (
        f'<line class="grid" x1="{start:.1f}" x2="{start:.1f}" y1="1" y2="{HEIGHT - 1}"/>' if 0 < start < WIDTH else ""
    )
    return Markup(  # noqa: S704 - numbers and an escaped label
        f'<svg class="interval {escape(paint)}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{tick}<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y}" y2="{y}" stroke="currentColor" '
        f'stroke-width="2"/><line x1="{x0:.1f}" x2="{x0:.1f}" y1="{y - 4}" y2="{y + 4}" stroke="currentColor"/>'
        f'<line x1="{x1:.1f}" x2="{x1:.1f}" y1="{y - 4}" y2="{y + 4}" stroke="currentColor"/>'
        f'<circle cx="{x:.1f}" cy="{y}" r="4" fill="currentColor"/></svg>'
    )


def course(points: Sequence[Mapping[str, Any]], *, head: int, chosen: int | None, paint: str, label: str) -> Markup:
    """A rating over the log: ``points`` have ``position``, ``rating`` and a ``link``; the one at ``chosen`` is marked."""
    across = Axis(min(points[0]["position"], head - 1), head, LEFT, COURSE_WIDTH - RIGHT)
    up = spanning([point["rating"] for point in points], COURSE_HEIGHT - BOTTOM, TOP, margin=0.1)
    parts = []
    for tick in up.ticks(5):
        y = up.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{COURSE_WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,.0f}</text>')
    foot = COURSE_HEIGHT - BOTTOM + 15
    parts += [
        f'<text x="{across.at(tick):.1f}" y="{foot}" text-anchor="middle">{tick:,.0f}</text>'
        for tick in across.ticks(8)
    ]
    parts.append(
        f'<text x="{(LEFT + COURSE_WIDTH) / 2}" y="{COURSE_HEIGHT - 3}" text-anchor="middle">position in the log</text>'
    )
    places = [(across.at(point["position"]), up.at(point["rating"])) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="1.8"/>')
    for point, (x, y) in zip(points, places, strict=True):
        marked = point["position"] == chosen
        title = f"{point['rating']:.1f} after event {point['position']:,}"
        ring = (
            f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="currentColor" stroke-width="2"/>'
            if marked
            else ""
        )
        current = ' aria-current="true"' if marked else ""
        parts.append(
            f'<a href="{escape(point["link"])}" id="point-{point["position"]}" data-morph aria-label="{escape(title)}"{current}>'
            f'<title>{escape(title)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="transparent"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 if marked else 3}" fill="currentColor"/>{ring}</a>'
        )
    return Markup(  # noqa: S704 - numbers and escaped text
        f'<svg class="course {escape(paint)}" viewBox="0 0 {COURSE_WIDTH} {COURSE_HEIGHT}" role="group" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
