"""What people and programs read: rich tables and lines, or one JSON document."""

import sys
import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BARS = "▁▂▃▄▅▆▇█"
STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan", "requested": "dim"}
PIPED_WIDTH = 200
"""Columns of a table that nobody looks at in a terminal: wide enough that nothing is cut."""


@cache
def console(*, error: bool = False) -> "Console":
    """A console on stdout or stderr. Colours only on a terminal, and not under NO_COLOR (rich looks)."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH

    class Ours(Console):
        """Rich would leave with SystemExit, which in a task group is an error like any other."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Ours(stderr=error, markup=False, highlight=False, emoji=False, soft_wrap=not stream.isatty(), width=width)


def notice(text: str) -> None:
    """One line for people, beside the result."""
    console(error=True).print(clean(text), style="dim")


def emit(document: Any) -> None:
    """One JSON document on stdout."""
    from mezan.api.views.plain import encoded

    sys.stdout.buffer.write(encoded(document, line=True))
    sys.stdout.buffer.flush()


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> "Table":
    """An empty table; ``right`` names the columns of figures."""
    from rich.table import Table

    made = Table(
        box=None,
        padding=(0, 1),
        pad_edge=False,
        header_style="dim",
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for name in columns:
        figures = name in right
        made.add_column(name, justify="right" if figures else "left", no_wrap=True, overflow="ellipsis")
    return made


def clean(text: object) -> str:
    """Text from a file or the log without control characters, which could drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def short(run: str) -> str:
    """The beginning of a run id: its milliseconds and 10 random bits, enough to name it again."""
    return run[:16]


def number(value: float | None) -> str:
    """An objective: whole numbers in full, others to seven digits; a dash for none."""
    if value is None:
        return "-"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.7g}"


def percent(value: float | None) -> str:
    """A gap."""
    return "-" if value is None else f"{value:.3f} %"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return "-"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def size(count: float) -> str:
    """A number of bytes."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def ago(microseconds: int) -> str:
    """How long ago, in the largest unit that fits."""
    passed = max(0.0, time.time() - microseconds / 1e6)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= length:
            return f"{passed / length:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """The course of some values in one line, the last always shown."""
    if len(values) > width:
        values = [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
    if not values:
        return ""
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in values)
