"""An estimate and its interval on a scale that a column of them shares; drawn on the server."""

from html import escape

from markupsafe import Markup

HEIGHT, EDGE = 16, 5


def whisker(
    value: float,
    lower: float,
    upper: float,
    scale: tuple[float, float],
    *,
    label: str,
    width: int = 170,
    paint: str = "c0",
) -> Markup:
    """A line from ``lower`` to ``upper`` with a dot at ``value``; ``scale`` is what the left and right edges stand for."""
    low, high = scale
    span = (high - low) or 1.0

    def x(at: float) -> float:
        return EDGE + (min(max(at, low), high) - low) / span * (width - 2 * EDGE)

    middle = HEIGHT / 2
    return Markup(  # noqa: S704 - numbers and an escaped label
        f'<svg class="whisker {escape(paint)}" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}"><line class="grid" x1="{EDGE}" x2="{width - EDGE}" y1="{middle}" y2="{middle}"/>'
        f'<line x1="{x(lower):.1f}" x2="{x(upper):.1f}" y1="{middle}" y2="{middle}" stroke="currentColor" stroke-width="2.5"/>'
        f'<circle cx="{x(value):.1f}" cy="{middle}" r="4" fill="currentColor"/></svg>'
    )


def scale_of(intervals: list[tuple[float, float]], *more: float) -> tuple[float, float]:
    """The least scale that holds some intervals and points."""
    ends = [end for interval in intervals for end in interval] + list(more)
    return (min(ends), max(ends)) if ends else (0.0, 1.0)
