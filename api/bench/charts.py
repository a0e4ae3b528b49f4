"""Charts as SVG for a page whose style sheet has the colours: step curves, and the critical-difference diagram."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from .profiles import Curve, span

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 44, 150, 12, 44
LINE = 15
"""Pixels that a line of text takes."""
COLOURS = 8
LONGEST = 20


def text(value: object) -> str:
    """Escaped, and without the control characters that XML does not allow."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)))


def style_of(index: int) -> str:
    """Classes of a solver's line: eight colours, then the same with dashes."""
    return f"c{index % COLOURS} d{index // COLOURS % 3}"


def short(solver: str) -> str:
    """A solver's name without its family."""
    name = solver.partition(".")[2] or solver
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def step_chart(title: str, curves: Sequence[Curve], x_label: str, order: Mapping[str, int]) -> str:
    """Shares in [0, 1] over a logarithmic x; each curve has its name at its right end. ``order`` gives a solver its colour."""
    low, high = span(list(curves))
    wide, high_px = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(x: float) -> float:
        return LEFT + wide * math.log(max(x, low) / low) / math.log(high / low)

    def down(y: float) -> float:
        return TOP + high_px * (1 - y)

    parts = [_open(title, WIDTH, HEIGHT)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = down(share)
        parts.append(f"<line class='grid' x1='{LEFT}' x2='{LEFT + wide}' y1='{at:.1f}' y2='{at:.1f}'/>")
        parts.append(f"<text class='tick' x='{LEFT - 6}' y='{at + 4:.1f}' text-anchor='end'>{share:g}</text>")
    for value in _ticks(low, high):
        at = across(value)
        parts.append(f"<line class='grid' x1='{at:.1f}' x2='{at:.1f}' y1='{TOP}' y2='{TOP + high_px}'/>")
        parts.append(f"<text class='tick' x='{at:.1f}' y='{TOP + high_px + 16}' text-anchor='middle'>{value:g}</text>")
    middle = LEFT + wide / 2
    parts.append(f"<text class='label' x='{middle:.0f}' y='{HEIGHT - 8}' text-anchor='middle'>{text(x_label)}</text>")
    ends = []
    for curve in curves:
        points = [f"M{across(low):.1f} {down(0):.1f}"]
        for x, y in zip(curve.x, curve.y, strict=True):
            points.append(f"H{across(x):.1f}V{down(y):.1f}")
        style = style_of(order[curve.solver])
        points.append(f"H{LEFT + wide}")
        parts.append(f"<path class='curve {style}' d='{''.join(points)}'><title>{text(curve.solver)}</title></path>")
        ends.append((down(curve.y[-1] if curve.y else 0.0), curve.x[-1] if curve.x else high, curve.solver))
    ends.sort()  # of those that end alike, who got there first is on top
    for (at, _, solver), y in zip(ends, _spread([at for at, _, _ in ends]), strict=True):
        style, x = style_of(order[solver]), LEFT + wide
        parts.append(f"<path class='lead {style}' d='M{x} {at:.1f}L{x + 10} {y:.1f}h6'/>")
        parts.append(f"<text class='name {style}' x='{x + 20}' y='{y + 4:.1f}'>{text(short(solver))}</text>")
    return "".join([*parts, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """Powers of ten inside a range, with 2 and 5 between them when they are few; even steps where it is narrow."""
    if high < 4 * low:
        wide = (high - low) / 4
        unit = 10.0 ** math.floor(math.log10(wide))
        step = unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= wide * 0.99)
        return [round(i * step, 12) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 4 else (1,)
    every = max(1, len(powers) // 8)
    values = [factor * 10.0**power for power in powers[::every] for factor in factors]
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def _spread(wanted: Sequence[float]) -> list[float]:
    """Sorted heights moved apart until a line of text fits between them, kept inside the chart where there is room."""
    placed: list[float] = []
    for at in wanted:
        placed.append(max(at, placed[-1] + LINE) if placed else at)
    limit = max(HEIGHT - BOTTOM + 10.0, TOP + LINE * (len(placed) - 1.0))
    for i in reversed(range(len(placed))):
        limit = placed[i] = min(placed[i], limit)
        limit -= LINE
    return placed


def critical_differences(
    ranks: Mapping[str, float], difference: float, groups: Sequence[Sequence[str]], order: Mapping[str, int]
) -> str:
    """Demsar's diagram: mean ranks on a line, best to the left; bars join solvers that the test does not tell apart."""
    solvers = sorted(ranks, key=lambda solver: ranks[solver])
    k = len(solvers)
    side, axis = 175, 56
    wide = WIDTH - 2 * side
    last = max(k, 2)

    def across(rank: float) -> float:
        return side + wide * (rank - 1) / (last - 1)

    half = (k + 1) // 2
    first = axis + 18 + 8 * len(groups)
    height = first + 20 * half + 10
    parts = [_open("Mean ranks and the critical difference", WIDTH, height)]
    end = min(across(1 + difference), WIDTH - 8.0)
    parts.append(f"<path class='axis' d='M{across(1):.1f} 22H{end:.1f}M{across(1):.1f} 18v8M{end:.1f} 18v8'/>")
    parts.append(f"<text class='label' x='{across(1):.1f}' y='12'>critical difference {difference:.2f}</text>")
    parts.append(f"<path class='axis' d='M{side} {axis}H{side + wide}'/>")
    for rank in range(1, last + 1):
        at = across(rank)
        parts.append(f"<path class='axis' d='M{at:.1f} {axis}v-6'/>")
        parts.append(f"<text class='tick' x='{at:.1f}' y='{axis - 10}' text-anchor='middle'>{rank}</text>")
    for i, solver in enumerate(solvers):
        at, style = across(ranks[solver]), style_of(order[solver])
        on_left = i < half
        y = first + 20 * (i if on_left else k - 1 - i)
        edge, anchor = (side - 8, "end") if on_left else (side + wide + 8, "start")
        name = f"{text(short(solver))} {ranks[solver]:.2f}"
        parts.append(f"<path class='lead {style}' d='M{at:.1f} {axis}V{y}H{edge + (4 if on_left else -4)}'/>")
        parts.append(f"<text class='name {style}' x='{edge}' y='{y + 4}' text-anchor='{anchor}'>{name}</text>")
    for i, group in enumerate(groups):
        y = axis + 10 + 8 * i
        low, high = (across(f(ranks[solver] for solver in group)) for f in (min, max))
        parts.append(
            f"<path class='bar' d='M{low - 5:.1f} {y}H{high + 5:.1f}'><title>{text(', '.join(group))}</title></path>"
        )
    return "".join([*parts, "</svg>"])


def _open(title: str, width: float, height: float) -> str:
    return f"<svg viewBox='0 0 {width} {height}' role='img' aria-label='{text(title)}'><title>{text(title)}</title>"
