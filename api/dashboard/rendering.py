"""Templates and the words that they use for figures."""

from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mezan.api.cli.output import number, percent, seconds, short, size
from mezan.api.views.times import when

from . import svg
from .colours import colour, mark
from .whisker import whisker

FOLDER = Path(__file__).resolve().parent
"""Resolved: editable installs link files one by one, and links are not served."""
POINTS = 800
"""Points of a series that reach the browser; see :func:`thinned`."""


def environment() -> Environment:
    """The templates; a name that a page forgot is an error, and everything is escaped."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "percent": percent,
        "seconds": seconds,
        "short": short,
        "bytes": size,
        "when": lambda at: when(at) or "-",
        "clock": lambda at: "-" if at is None else (when(at) or "")[11:19],
        "count": lambda n: "-" if n is None else f"{n:,}",
        "colour": colour,
        "mark": mark,
        "json_data": data,
    }
    made.globals |= {"sparkline": svg.sparkline, "whisker": whisker}
    return made


def data(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">``: nothing in it can end the element."""
    text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def thinned(points: list[Any], most: int = POINTS) -> list[Any]:
    """At most about ``most`` of some points in order: even steps, the first and the last among them."""
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(i * step)] for i in range(most)]
