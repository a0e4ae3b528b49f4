"""What looks at runs: `mezan runs`, `show`, `watch`, `why` and `replay`."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, AsOf, Db, Distances, Flows, Json, RunId
from .running import run_async

looking = typer.Typer()
PANEL = "Look at runs"


@looking.command(epilog="Example: mezan runs --status failed --limit 5", rich_help_panel=PANEL)
def runs(
    status: Annotated[str | None, typer.Option(help="requested, running, completed, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many.")] = 20,
    purpose: Annotated[
        str | None, typer.Option(help="request (what users asked for), shadow, tournament or benchmark.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every purpose; default: requests.")] = False,
    family: Annotated[str | None, typer.Option(help="Only runs with a problem of this family.")] = None,
    solver: Annotated[str | None, typer.Option(help="Only runs by this solver.")] = None,
    policy: Annotated[str | None, typer.Option(help="Only runs that this policy chose for.")] = None,
    label: Annotated[str | None, typer.Option(help="Only runs with this text in their label.")] = None,
    error: Annotated[str | None, typer.Option(help="Only runs with this kind of error.")] = None,
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List runs, the newest first: as they are, or as they were at an earlier moment."""
    from ..runs import list_runs

    wanted = {"family": family, "solver": solver, "policy": policy, "label": label, "error": error}
    run_async(list_runs, db, status, purpose, limit, as_of, every=every, as_json=as_json, **wanted)


@looking.command(
    epilog="Example: mezan show last --assignment --top 5 --flows flows.csv --distances distances.csv",
    rich_help_panel=PANEL,
)
def show(
    run: RunId,
    assignment: Annotated[
        bool, typer.Option("--assignment", help="Of a QAP: who goes where, and the pairs that cost most.")
    ] = False,
    top: Annotated[int, typer.Option(metavar="N", help="With --assignment: so many pairs.")] = 10,
    heatmap: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of a QAP: draw flow times distance into an .svg or .png file.")
    ] = None,
    flows: Flows = None,
    distances: Distances = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show one run: what was asked, what came out, how it went.

    The log keeps numbers, not names: the CSV files that a QAP was solved from give --assignment and --heatmap its names again.
    """
    if assignment or heatmap is not None or flows is not None or distances is not None:
        from ..assignment import View, show_assignment

        view = View(table=assignment, top=top, heatmap=heatmap, flows=flows, distances=distances)
        run_async(show_assignment, db, run, view, as_json=as_json)
    from ..runs import show as body

    run_async(body, db, run, as_json=as_json)


@looking.command(rich_help_panel=PANEL)
def watch(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Follow a run of any process until it ends; exits with 3 unless it completed."""
    from ..runs import watch as body

    run_async(body, db, run, as_json=as_json)


@looking.command(epilog="Example: mezan why last --verify", rich_help_panel=PANEL)
def why(
    run: RunId,
    task: Annotated[str | None, typer.Option(help="Of a run with several tasks: this one.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Refold the log and choose again: exits with 1 if anything differs.")
    ] = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Explain a choice: every candidate, its ratings and its chance."""
    from ..why import why as body

    run_async(body, db, run, task, verify=verify, as_json=as_json)


@looking.command(rich_help_panel=PANEL)
def replay(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Execute a run again; exits with 1 and names the first event that differs."""
    from ..why import replay as body

    run_async(body, db, run, as_json=as_json)
