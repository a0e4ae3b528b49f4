"""`mezan bench`: measure solvers and policies."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .running import run_async

bench = typer.Typer(no_args_is_help=True, help="Measure solvers and policies.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A benchmark's name, or `last`.")]


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
    from ..aslib import aslib as body

    raise typer.Exit(body(directory, policy, seed=seed, as_json=as_json))


@bench.command(
    epilog="Example: mezan bench run qaplib/*.dat --solvers qap.tabu,qap.hybrid --seeds 5 --time-limit 2 --name nightly"
)
def run(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Problem files of one family; none to go on with --name."),
    ] = None,
    solvers: Annotated[
        str, typer.Option(metavar="A,B|all", help="Solvers of that family (see `mezan solvers`).")
    ] = "all",
    seeds: Annotated[int, typer.Option(metavar="N", help="Each cell with the seeds 1 to N.")] = 1,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds of solving per cell, compilation included.")
    ] = 10.0,
    iterations: Annotated[
        int | None, typer.Option(help="Kernel iterations per cell: results that do not depend on speed.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call it; made of the family and the time if absent.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="The kind of problem, where the file names do not say it.")] = None,
    jobs: Annotated[int, typer.Option(help="Cells at a time; more than one, and they share the machine.")] = 1,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
) -> None:
    """Run a grid of solvers, instances and seeds, every cell recorded as a run of its own.

    Ctrl-C, or a crash, leaves a benchmark that goes on under its --name: cells that have an outcome are not repeated.
    """
    from ..process import keep_programs, listen

    keep_programs()
    listen()
    from ..grids import Asked
    from ..grids import run as body

    asked = Asked(
        sources=tuple(files or ()),
        solvers=solvers,
        seeds=seeds,
        time_limit=time_limit,
        iterations=iterations,
        name=name,
        family=family,
        jobs=jobs,
        db=db,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(body(asked))


@bench.command("list", epilog="Example: mezan bench list")
def list_(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List benchmarks, the newest first."""
    from ..benchmarks import list_benchmarks

    run_async(list_benchmarks, db, as_json)


@bench.command(epilog="Example: mezan bench report last --html report.html --csv cells.csv")
def report(
    name: Name,
    target: Annotated[float, typer.Option(metavar="PERCENT", help="The gap at which an instance is solved.")] = 0.0,
    html: Annotated[str | None, typer.Option(metavar="FILE", help="Write one self-contained page with charts.")] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write the cells as CSV.")] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write the cells as Parquet.")] = None,
    aslib: Annotated[str | None, typer.Option(metavar="DIR", help="Write an ASlib scenario.")] = None,
    measure: Annotated[str, typer.Option(help="Of that scenario: gap, or time to the target.")] = "gap",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Compare the solvers of a benchmark: gaps, ranks, tests, profiles.

    The document of --json holds every cell; keep it, and `mezan bench compare --baseline` finds what has changed since.
    """
    from ..benchmarks import Wanted
    from ..benchmarks import report as body

    wanted = Wanted(name=name, target=target, html=html, csv=csv, parquet=parquet, aslib=aslib, measure=measure)
    run_async(body, db, wanted, as_json)


@bench.command(epilog="Example: mezan bench compare last nightly, or: mezan bench compare last --baseline nightly.json")
def compare(
    name: Name,
    earlier: Annotated[str | None, typer.Argument(metavar="[EARLIER]", help="The benchmark to compare with.")] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Compare with what `bench report --json` printed.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="The chance of a false alarm, over all tests together.")] = 0.05,
    objective: Annotated[float, typer.Option(metavar="PERCENT", help="Smaller mean changes do not count.")] = 0.1,
    time: Annotated[float, typer.Option(metavar="RATIO", help="Smaller median ratios of times do not count.")] = 1.25,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Find what changed since an earlier benchmark of the same cells; exits with 1 if a solver got worse.

    Cells that were limited by iterations must agree to the bit: any difference is named.
    """
    from ..benchmarks import compare as body

    run_async(body, db, name, earlier, baseline, (alpha, objective, time), as_json)
