"""`mezan lab`: other policies on what is in the log."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, AsOf, Db, Json
from .running import run_async

lab = typer.Typer(no_args_is_help=True, help="What other policies would have done, from the log alone.")


@lab.command(epilog="Example: mezan lab compare elo_ucb thompson single_best --family qap --since 1000")
def compare(
    policies: Annotated[list[str], typer.Argument(metavar="POLICY...", help="Policies (see `mezan solvers`).")],
    family: Annotated[str | None, typer.Option(help="Decisions of this family only.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="POSITION|TIME", help="Decisions and outcomes after this only.")
    ] = None,
    as_of: AsOf = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw the regret curves into an .svg or .png file.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Replay the log under other policies: what they would have chosen, and what that would have lost.

    Every decision of a user's run is made again by each policy, with what was known then. Outcomes that the log has are used
    as they are; what it has not is estimated, and the table says how sure that is.
    """
    from ..lab import compare as body

    run_async(body, db, policies, family, since, as_of, plot, as_json=as_json)
