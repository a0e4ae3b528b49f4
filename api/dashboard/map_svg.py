"""The map of instances as a picture, every point a link, and the table behind it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any

from markupsafe import Markup

from .axes import spanning
from .shapes import shape

WIDTH, HEIGHT = 600, 430
LEFT, RIGHT, TOP, BOTTOM = 30, 10, 10, 30


def instance_map(points: Sequence[Mapping[str, Any]], *, x_label: str, y_label: str, label: str) -> Markup:
    """Points with ``x``, ``y``, ``id``, ``link``, ``title``, ``paint``, ``mark``, and whether they are ``chosen`` or ``near``."""
    across = spanning([point["x"] for point in points], LEFT, WIDTH - RIGHT)
    up = spanning([point["y"] for point in points], HEIGHT - BOTTOM, TOP)
    x0, y0 = across.at(0.0), up.at(0.0)
    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y0:.1f}" y2="{y0:.1f}"/>',
        f'<line class="grid" x1="{x0:.1f}" x2="{x0:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>',
        f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>',
    ]
    chosen = next((point for point in points if point["chosen"]), None)
    if chosen is not None:
        start = f'x1="{across.at(chosen["x"]):.1f}" y1="{up.at(chosen["y"]):.1f}"'
        ends = [(across.at(point["x"]), up.at(point["y"])) for point in points if point["near"]]
        parts += [f'<line class="axis" {start} x2="{x:.1f}" y2="{y:.1f}"/>' for x, y in ends]
    for point in sorted(points, key=lambda point: point["chosen"]):
        x, y = across.at(point["x"]), up.at(point["y"])
        parts.append(
            _point(
                x, y, point["link"], point["id"], point["title"], point["paint"], point["mark"], chosen=point["chosen"]
            )
        )
    return Markup(  # noqa: S704 - numbers and escaped text
        f'<svg class="map" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


@lru_cache(4_096)
def _point(x: float, y: float, link: str, name: str, title: str, paint: str, mark: str, *, chosen: bool) -> str:
    """One point; from one moment to the next nearly all of them are the same."""
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="11" fill="none" stroke="currentColor" stroke-width="2"/>' if chosen else ""  # fmt: skip
    current = ' aria-current="true"' if chosen else ""
    says = escape(title)
    return (
        f'<a href="{escape(link)}" id="{escape(name)}" class="{escape(paint)}" data-morph '
        f'aria-label="{says}"{current}><title>{says}</title>{shape(mark, x, y, 5.0)}{ring}</a>'
    )


def instance_table(points: Sequence[Mapping[str, Any]]) -> Markup:
    """The same points as rows of a table: several hundred, which a template would take long for."""
    rows = [
        f'<tr><td><a href="{escape(point["link"])}" data-morph>{escape(point["name"])}</a></td><td>{escape(point["cluster"])}</td>'
        f'<td>{escape(point["best"] or "-")}</td><td class="n">{"-" if point["mean_loss"] is None else format(point["mean_loss"], ".4f")}'
        f'</td><td class="n">{point["outcomes"]}</td></tr>'
        for point in points
    ]
    return Markup("".join(rows))  # noqa: S704 - numbers and escaped text
