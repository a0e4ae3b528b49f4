"""What rates solvers and policies: `mezan leaderboard`, `profile`, `clusters`, `tournament` and `import`."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, AsOf, Db, Json
from .running import run_async

rating = typer.Typer()
PANEL = "Rate solvers and policies"


@rating.command(
    epilog="Examples: mezan leaderboard --family qap --as-of 1000 | mezan leaderboard --by bt", rich_help_panel=PANEL
)
def leaderboard(
    family: Annotated[str | None, typer.Option(help="This family only.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Ratings inside this cluster of instances.")] = None,
    by: Annotated[
        str, typer.Option(metavar="elo|bt", help="Rank by Elo, or by Bradley-Terry: it does not depend on the order.")
    ] = "elo",
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Rank solvers by their ratings: Elo and Bradley-Terry, with 95 % intervals."""
    from ..leaderboard import leaderboard as body

    run_async(body, db, family, cluster, by, as_of, as_json=as_json)


@rating.command(epilog="Example: mezan profile qap", rich_help_panel=PANEL)
def profile(
    family: Annotated[str, typer.Argument(help="The kind of problem.")],
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show how good each solver is after how many seconds."""
    from ..profiles import profile as body

    run_async(body, db, family, as_of, as_json=as_json)


@rating.command(epilog="Example: mezan clusters qap", rich_help_panel=PANEL)
def clusters(
    family: Annotated[str | None, typer.Argument(help="The kind of problem; default: all.")] = None,
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show the clusters of instances: what tells them apart, and who is best there."""
    from ..profiles import clusters as body

    run_async(body, db, family, as_of, as_json=as_json)


@rating.command(
    epilog="Examples: mezan tournament *.dat --solvers tabu,memetic,annealing --time-limit 5 | mezan tournament --resume last",
    rich_help_panel=PANEL,
)
def tournament(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE...", help="Problem files of one family.")] = None,
    solvers: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="These; default: all that take every instance.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Default: ceil(log2 solvers) + 2.")] = None,
    block: Annotated[int | None, typer.Option(help="Games in a match; default: one per instance, at most 4.")] = None,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds of solving for each side of a game.")
    ] = 10.0,
    iterations: Annotated[
        int | None, typer.Option(help="Kernel iterations: a result that does not depend on speed.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the games' instances and seeds.")] = 0,
    jobs: Annotated[int, typer.Option(help="Matches at a time; several share the machine, and so their seconds.")] = 1,
    family: Annotated[str | None, typer.Option(help="The kind of problem, where file names do not say it.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID|last", help="Go on with a tournament that was stopped.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Let solvers play a Swiss tournament; every game is recorded and rated.

    A match is a block of games: both sides solve the same instances with the same seeds. A win gives 1 point, a draw half.
    Equal points are ranked by Buchholz, Buchholz without the weakest opponent, Sonneborn-Berger and mean loss. The same call
    again goes on where it was stopped.
    """
    from ..process import keep_programs

    keep_programs()
    from ..tournament import Wanted
    from ..tournament import run as body

    wanted = Wanted(
        files=tuple(files or ()),
        family=family,
        solvers=solvers,
        rounds=rounds,
        block=block,
        time_limit=time_limit,
        iterations=iterations,
        seed=seed,
        jobs=jobs,
        resume=resume,
        quiet=quiet,
    )
    run_async(body, db, wanted, as_json=as_json)


@rating.command(
    "import",
    epilog="Examples: mezan import runs.csv --family qap | mezan import CPMP-2015 --dry-run",
    rich_help_panel=PANEL,
)
def import_results(
    path: Annotated[str, typer.Argument(metavar="FILE.csv|DIR", help="A table of results, or an ASlib scenario.")],
    family: Annotated[
        str | None, typer.Option(help="Whose solvers these are; default: the file's name, aslib/NAME of a scenario.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Where they are from; default: the file's name.")
    ] = None,
    sense: Annotated[
        str | None, typer.Option(metavar="min|max", help="Of objectives; default: the family's, else min.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="What solvers were allowed, where rows do not say it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count; record nothing.")] = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Record past results: ratings, clusters and learned policies count them like results of here.

    A CSV file has the columns instance and solver; objective, or seconds with budget (or cutoff); and if known status (ok,
    timeout, failed), version, seed, and feature:NAME. Losses: with objectives, the distance to the best of the file on the
    instance; without, PAR10. Importing again adds only what is new, also after an interruption.
    """
    from ..importing import Import
    from ..importing import import_results as body

    wanted = Import(path=path, family=family, source=source, sense=sense, budget=budget, dry_run=dry_run)
    run_async(body, db, wanted, as_json=as_json)
