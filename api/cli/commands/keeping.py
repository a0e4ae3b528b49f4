"""What looks after an installation: `mezan solvers`, `doctor`, `projections` and `db`."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .running import run_async

keeping = typer.Typer()
projections = typer.Typer(no_args_is_help=True, help="The read models folded from the log.")
database = typer.Typer(no_args_is_help=True, help="The database file.")
PANEL = "Look after"


@keeping.command(rich_help_panel=PANEL)
def solvers(
    family: Annotated[str | None, typer.Option(help="This family only.")] = None, as_json: Json = False
) -> None:
    """List the portfolio: families, solvers, policies."""
    from ..upkeep import solvers as body

    raise typer.Exit(body(family, as_json=as_json))


@keeping.command(rich_help_panel=PANEL)
def doctor(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Look at the hardware, the installation and the database; exits with 1 if something is broken."""
    from ..upkeep import doctor as body

    run_async(body, db, as_json=as_json)


@projections.command("list")
def list_projections(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List the read models and how far they are."""
    from ..upkeep import list_projections as body

    run_async(body, db, as_json=as_json)


@projections.command()
def rebuild(
    name: Annotated[str | None, typer.Argument(help="One projection; default: all.")] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Fold the log again from its first event, beside the live read models, and put the result in their place."""
    from ..upkeep import rebuild as body

    run_async(body, db, name, as_json=as_json)


@database.command()
def upgrade(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Bring a database of an earlier version to this one. Keep a copy first."""
    from ..upkeep import upgrade as body

    raise typer.Exit(body(db, as_json=as_json))
