"""A run while it goes: a progress bar and the sparkline of its incumbents on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded
from mezan.solvers.gaps import gap

from .output import clean, console, notice, number, percent, seconds, short, sparkline

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


class RunView:
    """What is known of a run so far; give it every event in order. ``lines`` also tells each as a line on stderr."""

    def __init__(self, run: str, *, lines: bool = False) -> None:
        self.run, self._lines = run, lines
        self._label, self._solver, self._phase = "", "", "waiting"
        self._limit: float | None = None
        self._iterations: tuple[int, int | None] = (0, None)
        self._since: float | None = None
        self._ended: float | None = None
        self._best_known: float | None = None
        self._objectives: list[float] = []
        self._pans: list[str] = []
        self._sense = "min"

    def update(self, recorded: Recorded) -> None:
        """Take one event."""
        data, kind = recorded.data, recorded.type
        if kind == "RunRequested":
            spec = data["tasks"][0]
            self._pans = data["pans"]
            more = f" and {len(data['tasks']) - 1} more" if len(data["tasks"]) > 1 and not self._pans else ""
            self._sense = spec["sense"]
            self._label = clean(f"{spec['family']} {spec['label'] or 'unnamed'} (size {spec['size']}){more}")
            self._limit, self._best_known = data["budget"]["time_limit"], spec["best_known"]
            self._iterations = (0, data["budget"]["iterations"])
            self._tell(f"run {self.run}: {self._label}")
        elif kind == "SolverChosen":
            self._solver, self._phase = " : ".join(self._pans) or data["solver"], "starting"
            self._tell(f"{data['solver']} chosen by {data['policy']}: {data['reason']}")
        elif kind == "AttemptStarted":
            self._phase, self._since = "solving", recorded.recorded_at / 1e6
            self._solver = " : ".join(self._pans) or data["solver"]
        elif kind == "IncumbentFound":
            self._iterations = (data["iterations"], self._iterations[1])
            if self._leads(data["objective"]):
                self._objectives.append(data["objective"])
                pan = f"{clean(data['task'])} " if self._pans else ""
                self._tell(f"{seconds(data['seconds'])}: {pan}{number(data['objective'])} {self._gap()}")
        elif kind == "BoundTightened":
            self._tell(f"bound tightened to {number(data['value'])} ({data['method']})")
        elif kind == "AttemptTimedOut":
            self._phase = "timed out"
            self._tell(f"attempt {data['attempt']} found nothing within {seconds(data['seconds'])}")
        elif kind in {"AttemptFailed", "AttemptAbandoned"}:
            self._phase = kind.removeprefix("Attempt").lower()
            self._tell(
                f"attempt {data['attempt']} {self._phase}: {data.get('message') or data.get('lost_worker') or ''}"
            )
        elif kind in TERMINAL:
            self._phase, self._ended = kind.removeprefix("Run").lower(), recorded.recorded_at / 1e6
            self._tell(f"{self._phase} after {seconds(data['seconds'])}")

    def _leads(self, objective: float) -> bool:
        """Of a race, only what is better than all that both pans have found is news."""
        if not self._pans or not self._objectives:
            return True
        return objective < self._objectives[-1] if self._sense == "min" else objective > self._objectives[-1]

    def _tell(self, line: str) -> None:
        if self._lines:
            notice(line)

    def _gap(self) -> str:
        distance = gap(self._objectives[-1], self._best_known) if self._objectives else None
        return "" if distance is None else f"(gap {percent(distance)})"

    def _share(self, elapsed: float) -> float:
        shares = [elapsed / self._limit if self._limit else 0.0]
        if self._iterations[1]:
            shares.append(self._iterations[0] / self._iterations[1])
        return min(1.0, max(shares))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        elapsed = 0.0 if self._since is None else max(0.0, (self._ended or time.time()) - self._since)
        head = Text.assemble((short(self.run), "dim"), "  ", (self._label, "bold"), "  ", (self._solver, "cyan"))
        row = Table.grid(padding=(0, 1))
        limit = "" if self._limit is None else f" of {self._limit:g} s"
        share = 1.0 if self._ended else self._share(elapsed)
        row.add_row(
            ProgressBar(total=1.0, completed=share, width=min(40, options.max_width // 2)),
            Text(f"{self._phase} {elapsed:.1f}{limit}", "dim"),
        )
        yield head
        yield row
        if self._objectives:
            yield Text.assemble(
                (sparkline(self._objectives, min(40, options.max_width // 2)), "green"),
                "  ",
                (number(self._objectives[-1]), "bold"),
                f" {self._gap()}",
            )


@contextmanager
def shown(run: str, *, quiet: bool) -> Iterator[RunView]:
    """A view that draws itself on stderr while the block runs: live on a terminal, as lines elsewhere, or not at all."""
    errors = console(error=True)
    if quiet or not errors.is_terminal:
        yield RunView(run, lines=not quiet)
        return
    from rich.live import Live

    view = RunView(run)
    with Live(view, console=errors, refresh_per_second=8, redirect_stdout=False, redirect_stderr=False):
        yield view


def print_card(about: dict[str, Any], title: str) -> None:
    """The figures of a run on stdout."""
    from rich.text import Text

    from .figures import lines
    from .output import STYLES

    status = about["status"]
    console().print(Text.assemble((clean(title), "bold"), "  ", (status, STYLES.get(status, ""))))
    rows = lines(about)
    if about["message"]:
        rows.append(("reason" if status == "cancelled" else "error", clean(about["message"])))
    print_pairs([*rows, ("run", about["run"])])


def print_list(abouts: Sequence[dict[str, Any]]) -> None:
    """The main figures of several runs, one row each."""
    from rich.text import Text

    from .output import STYLES, table

    figures = ("objective", "gap", "time")
    listed = table("instance", "status", "solver", *figures, "run", right=figures)
    for about in abouts:
        listed.add_row(
            Text(clean(about["instance"] or about["family"])),
            Text(about["status"], STYLES.get(about["status"], "")),
            Text(about["solver"] or "-"),
            number(about["objective"]),
            percent(about["gap"]),
            seconds(about["seconds"]),
            Text(short(about["run"]), "cyan"),
        )
    console().print(listed)


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Labels and values in two columns; a long value goes on below itself on a terminal."""
    from rich.table import Table
    from rich.text import Text

    width = max(len(name) for name, _ in rows)
    out = console()
    if not out.is_terminal:
        for name, text in rows:
            out.print(f"{name:<{width}}  {text}")
        return
    grid = Table.grid(padding=(0, 2))
    for name, text in rows:
        grid.add_row(Text(name, "dim"), Text(text))
    out.print(grid)
