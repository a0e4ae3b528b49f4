"""`mezan ab`: A/B tests."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .running import run_async

ab = typer.Typer(no_args_is_help=True, help="A/B tests between two policies, or two solvers.")


@ab.command(epilog="Example: mezan ab start spring --arms elo_ucb,thompson --family qap --max 500")
def start(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it; a name is used once.")],
    arms: Annotated[str, typer.Option(metavar="A,B", help="Two policies, or solvers as solver:NAME.")],
    family: Annotated[str | None, typer.Option(help="Runs of this family only.")] = None,
    shares: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of the runs, for each arm: .8,.2; default: half each.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Chance of a decision where there is no difference.")] = 0.05,
    maximum: Annotated[int, typer.Option("--max", metavar="N", help="Outcomes after which it ends undecided.")] = 2_000,
    least_difference: Annotated[
        float, typer.Option(metavar="LOSS", help="A smaller difference in mean loss does not matter.")
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Salts the assignment of runs; drawn if absent.")] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Begin an A/B test: runs whose request names neither policy nor solver are shared out between two arms.

    It ends by itself when one arm is surely better, and may be looked at any time: looking does not spoil it.
    """
    from ..experiments import Plan
    from ..experiments import start as body

    plan = Plan(name, arms, family, shares, alpha, maximum, least_difference, seed)
    run_async(body, db, plan, as_json=as_json)


@ab.command(epilog="Example: mezan ab status spring --json")
def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One test; default: all.")] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show how A/B tests stand."""
    from ..experiments import status as body

    run_async(body, db, name, as_json=as_json)


@ab.command(epilog="Example: mezan ab stop spring")
def stop(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The test to end.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """End an A/B test now."""
    from ..experiments import stop as body

    run_async(body, db, name, as_json=as_json)
