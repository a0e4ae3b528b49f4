"""`mezan log`: the event log."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .running import run_async

log = typer.Typer(no_args_is_help=True, help="The event log: look at it, check it, copy it.")


@log.command()
def tail(
    count: Annotated[int, typer.Option("-n", "--lines", help="The last so many events.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Then each new event, until Ctrl-C.")] = False,
    db: Db = DEFAULT_DB,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array; with --follow, one object a line.")] = False,
) -> None:
    """Print the last events."""
    from ..logs import tail as body

    run_async(body, db, count, follow=follow, as_json=as_json)


@log.command(epilog="Example: mezan log head > head.json; later: mezan log verify --head head.json")
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="FILE", help="A head exported earlier: shows a cut-off tail.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Recompute every digest and the hash chain; exits with 1 at the first broken event."""
    from ..logs import verify as body

    run_async(body, db, head, as_json=as_json)


@log.command("head")
def log_head(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Print the last position and hash as JSON. Keep it outside the database."""
    from ..logs import head as body

    run_async(body, db)


@log.command()
def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to; default: standard output.")] = "-",
    db: Db = DEFAULT_DB,
) -> None:
    """Write the whole log with its artifacts as JSON lines."""
    from ..logs import export as body

    run_async(body, db, file)


@log.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `mezan log export` wrote.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Read an export into an empty database: same positions, same hashes; all of it, or nothing."""
    from ..logs import import_ as body

    run_async(body, db, file, as_json=as_json)


@log.command()
def stats(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Count events, runs and bytes."""
    from ..logs import stats as body

    run_async(body, db, as_json=as_json)
