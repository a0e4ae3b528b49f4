"""The commands and their options. Bodies import what they need when they run, so that `--help` and reading stay quick."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from .bench import bench
from .options import DEFAULT_DB, Db, Distances, Flows, Json, RunId

app = typer.Typer(
    name="mezan",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mezan solve tai25a.dat --time-limit 5 --seed 7, then: mezan why last --verify",
)
log = typer.Typer(no_args_is_help=True, help="The event log: look at it, check it, copy it.")
projections = typer.Typer(no_args_is_help=True, help="The read models folded from the log.")
db_app = typer.Typer(no_args_is_help=True, help="The database file.")
app.add_typer(log, name="log")
app.add_typer(projections, name="projections")
app.add_typer(db_app, name="db")
app.add_typer(bench, name="bench")

Verbose = Annotated[bool, typer.Option("--verbose", help="Show the engine's log lines on stderr.")]
AsOf = Annotated[str | None, typer.Option(metavar="POSITION|TIME", help="As of a log position or an ISO 8601 time.")]


def _run(body: Callable[..., Coroutine[Any, Any, int]], *arguments: Any, **options: Any) -> None:
    """Run an async body and leave with its exit code."""
    import anyio

    from .process import listen

    listen()

    async def call() -> int:
        return await body(*arguments, **options)

    raise typer.Exit(anyio.run(call))


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"mezan {version('mezan')}")
        except PackageNotFoundError:
            typer.echo("mezan, run from a source tree that is not installed")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Choose a solver, run it, remember everything.

    Exit codes: 0 done, 1 a check failed, 2 bad input, 3 the run failed, 130 interrupted.
    """


@app.command(
    epilog="Examples: mezan solve tai25a.dat --time-limit 5 --seed 7 | cat items.txt | mezan solve - --family knapsack --json"
)
def solve(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...|-", help="Problem files, or - for JSON or text on standard input."),
    ] = None,
    flows: Flows = None,
    distances: Distances = None,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds of solving, compilation included.")
    ] = 10.0,
    iterations: Annotated[
        int | None, typer.Option(help="Kernel iterations: a result that does not depend on speed.")
    ] = None,
    target: Annotated[float | None, typer.Option(help="Stop at an objective at least this good.")] = None,
    gap: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Stop within so many percent of the proved bound.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="All randomness derives from it; drawn and recorded if absent.")
    ] = None,
    solver: Annotated[str | None, typer.Option(help="Use this solver and no other (see `mezan solvers`).")] = None,
    pans: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Two solvers that race and tell each other what they find: tabu,enhanced."),
    ] = None,
    mode: Annotated[str | None, typer.Option(help="How to search, where the kind of problem has modes.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start from nothing, not from the best result known for this instance.")
    ] = False,
    policy: Annotated[str | None, typer.Option(help="The selection policy (see `mezan solvers`).")] = None,
    family: Annotated[
        str | None, typer.Option(help="The kind of problem, where the file name does not say it.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Higher runs first.")] = 0,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The same request under the same key is solved once.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    verbose: Verbose = False,
) -> None:
    """Solve a problem: a policy chooses the solver, and every step is recorded.

    A solution file or a best_known.csv beside the problem gives the gap. Ctrl-C cancels the run, records that, and prints the
    best solution so far. Runs that a dead process left unfinished are finished too. Several files are one run each, of which
    those of one shape are solved together; with --json they are one array.
    """
    from .process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from .solving import Request
    from .solving import solve as body

    request = Request(
        sources=tuple(files or ()),
        flows=flows,
        distances=distances,
        db=db,
        family=family,
        time_limit=time_limit,
        iterations=iterations,
        target=target,
        gap=gap,
        mode=mode,
        fresh=fresh,
        seed=seed,
        solver=solver,
        pans=pans,
        policy=policy,
        priority=priority,
        idempotency_key=idempotency_key,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(body(request))


@app.command(epilog="Example: mezan runs --status failed --limit 5")
def runs(
    status: Annotated[str | None, typer.Option(help="requested, running, completed, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List runs, the newest first."""
    from .runs import list_runs

    _run(list_runs, db, status, limit, as_json=as_json)


@app.command(epilog="Example: mezan show last --assignment --top 5 --flows flows.csv --distances distances.csv")
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
        from .assignment import View, show_assignment

        view = View(table=assignment, top=top, heatmap=heatmap, flows=flows, distances=distances)
        _run(show_assignment, db, run, view, as_json=as_json)
    from .runs import show as body

    _run(body, db, run, as_json=as_json)


@app.command()
def watch(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Follow a run of any process until it ends; exits with 3 unless it completed."""
    from .runs import watch as body

    _run(body, db, run, as_json=as_json)


@app.command(epilog="Example: mezan why last --verify")
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
    from .why import why as body

    _run(body, db, run, task, verify=verify, as_json=as_json)


@app.command(epilog="Example: mezan predict tai25a.dat --policy thompson")
def predict(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A problem file, or - for standard input.")],
    policy: Annotated[str | None, typer.Option(help="The selection policy (see `mezan solvers`).")] = None,
    family: Annotated[
        str | None, typer.Option(help="The kind of problem, where the file name does not say it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of a policy that draws lots.")] = 0,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Say what would be chosen, and what to expect of every solver, before anything is spent or recorded."""
    from .predict import predict as body

    _run(body, db, file, family, policy, seed, as_json=as_json)


@app.command()
def replay(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Execute a run again; exits with 1 and names the first event that differs."""
    from .why import replay as body

    _run(body, db, run, as_json=as_json)


@app.command(epilog="Example: mezan leaderboard --family qap --as-of 1000")
def leaderboard(
    family: Annotated[str | None, typer.Option(help="This family only.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Ratings inside this cluster of instances.")] = None,
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Rank solvers by their Elo ratings."""
    from .leaderboard import leaderboard as body

    _run(body, db, family, cluster, as_of, as_json=as_json)


@app.command()
def solvers(
    family: Annotated[str | None, typer.Option(help="This family only.")] = None, as_json: Json = False
) -> None:
    """List the portfolio: families, solvers, policies."""
    from .upkeep import solvers as body

    raise typer.Exit(body(family, as_json=as_json))


@app.command()
def doctor(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Look at the hardware, the installation and the database; exits with 1 if something is broken."""
    from .upkeep import doctor as body

    _run(body, db, as_json=as_json)


@log.command()
def tail(
    count: Annotated[int, typer.Option("-n", "--lines", help="The last so many events.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Then each new event, until Ctrl-C.")] = False,
    db: Db = DEFAULT_DB,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array; with --follow, one object a line.")] = False,
) -> None:
    """Print the last events."""
    from .logs import tail as body

    _run(body, db, count, follow=follow, as_json=as_json)


@log.command(epilog="Example: mezan log head > head.json; later: mezan log verify --head head.json")
def verify(
    head: Annotated[
        str | None, typer.Option(metavar="FILE", help="A head exported earlier: shows a cut-off tail.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Recompute every digest and the hash chain; exits with 1 at the first broken event."""
    from .logs import verify as body

    _run(body, db, head, as_json=as_json)


@log.command("head")
def log_head(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Print the last position and hash as JSON. Keep it outside the database."""
    from .logs import head as body

    _run(body, db)


@log.command()
def export(
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to; default: standard output.")] = "-",
    db: Db = DEFAULT_DB,
) -> None:
    """Write the whole log with its artifacts as JSON lines."""
    from .logs import export as body

    _run(body, db, file)


@log.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What `mezan log export` wrote.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Read an export into an empty database: same positions, same hashes; all of it, or nothing."""
    from .logs import import_ as body

    _run(body, db, file, as_json=as_json)


@log.command()
def stats(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Count events, runs and bytes."""
    from .logs import stats as body

    _run(body, db, as_json=as_json)


@projections.command("list")
def list_projections(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List the read models and how far they are."""
    from .upkeep import list_projections as body

    _run(body, db, as_json=as_json)


@projections.command()
def rebuild(
    name: Annotated[str | None, typer.Argument(help="One projection; default: all.")] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Fold the log again from its first event, beside the live read models, and put the result in their place."""
    from .upkeep import rebuild as body

    _run(body, db, name, as_json=as_json)


@db_app.command()
def upgrade(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Bring a database of an earlier version to this one. Keep a copy first."""
    from .upkeep import upgrade as body

    raise typer.Exit(body(db, as_json=as_json))
