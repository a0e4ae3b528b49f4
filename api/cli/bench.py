"""`mezan bench`: measure solvers and policies."""

from typing import Annotated

import typer

from .options import Json

bench = typer.Typer(no_args_is_help=True, help="Measure solvers and policies.")


@bench.command(
    epilog="Examples: mezan bench aslib aslib_data/SAT11-RAND | mezan bench aslib aslib_data --policy pairwise --json"
)
def aslib(
    directory: Annotated[str, typer.Argument(metavar="DIR", help="A scenario's folder, or a folder of them.")],
    policy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="default, schedule, forest_kernel, pairwise, knn, elo_cluster, single_best; or `all`.",
        ),
    ] = "default",
    seed: Annotated[int, typer.Option(min=0, help="Of the models; another one shows how much is luck.")] = 0,
    as_json: Json = False,
) -> None:
    """Cross-validate a policy on ASlib scenarios: their folds, PAR10, feature costs charged, share of the gap closed.

    With --json one JSON object per line and scenario.
    """
    from .aslib import aslib as body

    raise typer.Exit(body(directory, policy, seed=seed, as_json=as_json))
