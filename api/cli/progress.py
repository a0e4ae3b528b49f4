"""A progress bar on stderr, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .output import console


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Call what this yields with (done, total); it may be called from any thread."""
    errors = console(error=True)
    if not errors.is_terminal:
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as drawn:
        task = drawn.add_task(title, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
