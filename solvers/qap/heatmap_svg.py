"""A heat map as SVG, written by hand: no dependency, one path per colour."""

from collections import defaultdict
from html import escape

from ..pack import Array
from .heatmap import LEVELS, HeatMap, colour

SIDE = 640
"""Pixels that the matrix takes along an axis, about."""
FONT = "font-family='Inter, Helvetica, Arial, sans-serif'"
LETTER = 0.56
"""Width of a letter in units of its height, about."""
LONGEST = 28
"""Letters of a name on an axis; the whole of it is in a tooltip."""
INK, SOFT, GRID = "#1f2933", "#66727f", "#d5dce3"


def svg(drawing: HeatMap) -> str:
    """The text of an SVG file. Names are escaped; nothing in it is fetched from anywhere or runs."""
    m = len(drawing.cells)
    cell = float(min(40, max(1, round(SIDE / m))))  # whole pixels leave no seams
    side = cell * m
    size = max(7.0, min(12.0, cell * 0.8))
    wide = LETTER * size
    left = 28 + wide * max((min(len(name), LONGEST) for name in drawing.rows), default=0)
    above = 78 + wide * max((min(len(name), LONGEST) for name in drawing.columns), default=0)
    scales = 68 * len(drawing.signs)
    width = left + side + max(130.0, 40.0 + scales)
    height = above + side + 28
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height:.0f}' width='{width:.0f}' height='{height:.0f}' role='img'>",
        f"<title>{_text(drawing.title)}</title>",
        "<rect width='100%' height='100%' fill='#ffffff'/>",
        f"<g {FONT}>",
        f"<text x='24' y='36' font-size='18' font-weight='600' fill='{INK}'>{_text(drawing.title)}</text>",
        f"<text x='24' y='56' font-size='12' fill='{SOFT}'>{_text(drawing.subtitle)}</text>",
        *_axes(drawing, left, above, cell, size),
        f"<g transform='translate({left:.1f} {above:.1f})'>",
        *_cells(drawing.levels, cell),
        f"<rect width='{side:.2f}' height='{side:.2f}' fill='none' stroke='{GRID}'/>",
        "</g>",
    ]
    for k, sign in enumerate(drawing.signs):
        parts += _legend(drawing, sign, left + side + 32 + 68 * k, above, min(220.0, side))
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _cells(levels: Array, cell: float) -> list[str]:
    """Runs of one colour along a row become one rectangle, and all rectangles of a colour one path."""
    paths: defaultdict[int, list[str]] = defaultdict(list)
    for i, row in enumerate(levels.tolist()):
        start = 0
        for j in range(1, len(row) + 1):
            if j == len(row) or row[j] != row[start]:
                if row[start]:
                    run = (j - start) * cell
                    paths[row[start]].append(f"M{start * cell:.5g} {i * cell:.5g}h{run:.5g}v{cell:.5g}h{-run:.5g}z")
                start = j
    return [f"<path fill='{colour(level)}' d='{''.join(paths[level])}'/>" for level in sorted(paths)]


def _axes(drawing: HeatMap, left: float, above: float, cell: float, size: float) -> list[str]:
    made = []
    for k, name in enumerate(drawing.rows):
        y = above + (k + 0.5) * cell + size * 0.35
        made.append(
            f"<text x='{left - 8:.1f}' y='{y:.1f}' font-size='{size:.1f}' fill='{INK}' text-anchor='end'>{_short(name)}</text>"
        )
    for k, name in enumerate(drawing.columns):
        x = left + (k + 0.5) * cell + size * 0.35
        made.append(
            f"<text transform='translate({x:.1f} {above - 8:.1f}) rotate(-90)' font-size='{size:.1f}' fill='{INK}'>{_short(name)}</text>"
        )
    return made


def _legend(drawing: HeatMap, sign: int, x: float, y: float, length: float) -> list[str]:
    ticks = drawing.ticks()
    if not ticks:
        return [f"<text x='{x:.1f}' y='{y + 12:.1f}' font-size='11' fill='{SOFT}'>no cost</text>"]
    step = length / LEVELS
    steps = [
        f"<rect x='{x:.1f}' y='{y + length - (k + 1) * step:.2f}' width='14' height='{step + 0.4:.2f}' fill='{colour(sign * (k + 1))}'/>"
        for k in range(LEVELS)
    ]
    minus = "−" if sign < 0 else ""
    labels = [
        f"<text x='{x + 20:.1f}' y='{y + length * (1 - at) + (8 if at == 1 else 4 if at else 0):.1f}' font-size='11' fill='{SOFT}'>{minus}{_text(label)}</text>"
        for at, label in ticks
    ]
    return [
        *steps,
        *labels,
        f"<text x='{x:.1f}' y='{y + length + 20:.1f}' font-size='11' fill='{SOFT}'>log scale</text>",
    ]


def _short(name: str) -> str:
    if len(name) <= LONGEST:
        return _text(name)
    return f"{_text(name[: LONGEST - 1])}…<title>{_text(name)}</title>"


def _text(value: str) -> str:
    """Escaped, and without the control characters that XML does not allow."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value))
