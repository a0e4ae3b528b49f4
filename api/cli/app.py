"""The commands and their options. Bodies import what they need when they run, so that `--help` and reading stay quick."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from . import accounts, tokens
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
ab_app = typer.Typer(no_args_is_help=True, help="A/B tests between two policies, or two solvers.")
lab_app = typer.Typer(no_args_is_help=True, help="What other policies would have done, from the log alone.")
SOLVE, LOOK, RATE, KEEP, MAY = "Solve", "Look at runs", "Rate solvers and policies", "Look after", "Who may do what"
app.add_typer(ab_app, name="ab", rich_help_panel=RATE)
app.add_typer(lab_app, name="lab", rich_help_panel=RATE)
app.add_typer(bench, name="bench", rich_help_panel=RATE)
app.add_typer(log, name="log", rich_help_panel=KEEP)
app.add_typer(projections, name="projections", rich_help_panel=KEEP)
app.add_typer(db_app, name="db", rich_help_panel=KEEP)
app.add_typer(accounts.users, name="users", rich_help_panel=MAY)
app.add_typer(accounts.keys, name="keys", rich_help_panel=MAY)
app.add_typer(tokens.tokens, name="tokens", rich_help_panel=MAY)
app.add_typer(accounts.roles, name="roles", rich_help_panel=MAY)
app.add_typer(accounts.projects, name="projects", rich_help_panel=MAY)

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
    epilog="Examples: mezan solve tai25a.dat --time-limit 5 --seed 7 | cat items.txt | mezan solve - --family knapsack --json",
    rich_help_panel=SOLVE,
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
    shadow: Annotated[
        float, typer.Option(metavar="SHARE", help="Chance that the other solvers solve it too, afterwards, to learn.")
    ] = 0.0,
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
        shadow=shadow,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(body(request))


@app.command(epilog="Example: mezan serve --db sqlite:///mezan.db --port 8000 --open", rich_help_panel=SOLVE)
def serve(
    host: Annotated[
        str, typer.Option(help="An address of this machine; without accounts a loopback one.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    host_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name that the server answers to; may be repeated."),
    ] = None,
    accounts: Annotated[
        bool | None,
        typer.Option(
            "--accounts/--no-accounts",
            help="Whether everybody must say who they are; default: if there is any account.",
        ),
    ] = None,
    tls_cert: Annotated[str | None, typer.Option(metavar="FILE", help="Serve HTTPS with this PEM certificate.")] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help="The certificate's PEM key.")] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LIMIT",
            help="With accounts: a limit on requests, as in 'requests=600/min for=key'; `off` lifts it.",
        ),
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHOSE=QUOTA", help="With accounts, of each actor or of a project: 'actor=runs=100 seconds=36000'."
        ),
    ] = None,
    max_body: Annotated[int, typer.Option(metavar="BYTES", min=1024, max=2**28, help="Longest request.")] = 16 * 2**20,
    shadow: Annotated[
        float, typer.Option(metavar="SHARE", help="Chance that the other solvers solve a request too, in idle time.")
    ] = 0.0,
    shared_limits: Annotated[
        bool, typer.Option("--shared-limits", help="Count requests together with the other servers of the database.")
    ] = False,
    browser: Annotated[bool, typer.Option("--open", help="Open the dashboard in a browser.")] = False,
    db: Db = DEFAULT_DB,
    verbose: Verbose = False,
) -> None:
    """Serve the HTTP API and the dashboard of a database, until Ctrl-C."""
    from .process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from .serving import run as body

    raise typer.Exit(
        body(
            db,
            host=host,
            port=port,
            host_names=host_name or [],
            accounts=accounts,
            tls_cert=tls_cert,
            tls_key=tls_key,
            limits=limit or [],
            shared_limits=shared_limits,
            quotas=quota or [],
            max_body=max_body,
            shadow=shadow,
            browser=browser,
        )
    )


@app.command(
    epilog="Examples: mezan mcp --db /home/me/mezan.db | mezan mcp --server https://host", rich_help_panel=SOLVE
)
def mcp(
    context: typer.Context,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this Mezan server; MEZAN_API_KEY in the environment is its key."),
    ] = None,
    longest: Annotated[
        float, typer.Option("--max-time", metavar="SECONDS", help="Longest time limit that may be asked for.")
    ] = 300.0,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long a call waits for a result before it names the run.")
    ] = 50.0,
    files: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Problem files in this folder may be named; default: none.")
    ] = None,
    max_message: Annotated[int, typer.Option(metavar="BYTES", min=1024, max=2**28, help="Longest message.")] = 16
    * 2**20,
    db: Db = DEFAULT_DB,
    verbose: Verbose = False,
) -> None:
    """Serve the Model Context Protocol on standard input and output, so that IDEs and assistants can use the engine.

    It works on a database, or on a running server. The client that starts it ends it by closing its input.
    """
    from .process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from .mcp import Wanted
    from .mcp import run as body

    if server is not None and str(getattr(context.get_parameter_source("db"), "name", "")) == "COMMANDLINE":
        raise typer.BadParameter("--server and --db exclude each other; give one of them")
    wanted = Wanted(db=db, server=server, longest=longest, wait=wait, max_message=max_message, files=files)
    raise typer.Exit(body(wanted))


@app.command(epilog="Example: mezan runs --status failed --limit 5", rich_help_panel=LOOK)
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
    from .runs import list_runs

    wanted = {"family": family, "solver": solver, "policy": policy, "label": label, "error": error}
    _run(list_runs, db, status, purpose, limit, as_of, every=every, as_json=as_json, **wanted)


@app.command(
    epilog="Example: mezan show last --assignment --top 5 --flows flows.csv --distances distances.csv",
    rich_help_panel=LOOK,
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
        from .assignment import View, show_assignment

        view = View(table=assignment, top=top, heatmap=heatmap, flows=flows, distances=distances)
        _run(show_assignment, db, run, view, as_json=as_json)
    from .runs import show as body

    _run(body, db, run, as_json=as_json)


@app.command(rich_help_panel=LOOK)
def watch(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Follow a run of any process until it ends; exits with 3 unless it completed."""
    from .runs import watch as body

    _run(body, db, run, as_json=as_json)


@app.command(epilog="Example: mezan why last --verify", rich_help_panel=LOOK)
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


@app.command(epilog="Example: mezan predict tai25a.dat --policy thompson", rich_help_panel=SOLVE)
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


@app.command(rich_help_panel=LOOK)
def replay(run: RunId, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Execute a run again; exits with 1 and names the first event that differs."""
    from .why import replay as body

    _run(body, db, run, as_json=as_json)


@app.command(
    epilog="Examples: mezan leaderboard --family qap --as-of 1000 | mezan leaderboard --by bt", rich_help_panel=RATE
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
    from .leaderboard import leaderboard as body

    _run(body, db, family, cluster, by, as_of, as_json=as_json)


@app.command(epilog="Example: mezan profile qap", rich_help_panel=RATE)
def profile(
    family: Annotated[str, typer.Argument(help="The kind of problem.")],
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show how good each solver is after how many seconds."""
    from .profiles import profile as body

    _run(body, db, family, as_of, as_json=as_json)


@app.command(epilog="Example: mezan clusters qap", rich_help_panel=RATE)
def clusters(
    family: Annotated[str | None, typer.Argument(help="The kind of problem; default: all.")] = None,
    as_of: AsOf = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show the clusters of instances: what tells them apart, and who is best there."""
    from .profiles import clusters as body

    _run(body, db, family, as_of, as_json=as_json)


@app.command(
    epilog="Examples: mezan tournament *.dat --solvers tabu,memetic,annealing --time-limit 5 | mezan tournament --resume last",
    rich_help_panel=RATE,
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
    from .process import keep_programs

    keep_programs()
    from .tournament import Wanted
    from .tournament import run as body

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
    _run(body, db, wanted, as_json=as_json)


@app.command(
    "import",
    epilog="Examples: mezan import runs.csv --family qap | mezan import CPMP-2015 --dry-run",
    rich_help_panel=RATE,
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
    from .importing import Import
    from .importing import import_results as body

    wanted = Import(path=path, family=family, source=source, sense=sense, budget=budget, dry_run=dry_run)
    _run(body, db, wanted, as_json=as_json)


@app.command(rich_help_panel=KEEP)
def solvers(
    family: Annotated[str | None, typer.Option(help="This family only.")] = None, as_json: Json = False
) -> None:
    """List the portfolio: families, solvers, policies."""
    from .upkeep import solvers as body

    raise typer.Exit(body(family, as_json=as_json))


@app.command(rich_help_panel=KEEP)
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


@ab_app.command("start", epilog="Example: mezan ab start spring --arms elo_ucb,thompson --family qap --max 500")
def ab_start(
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
    from .experiments import Plan
    from .experiments import start as body

    plan = Plan(name, arms, family, shares, alpha, maximum, least_difference, seed)
    _run(body, db, plan, as_json=as_json)


@ab_app.command("status", epilog="Example: mezan ab status spring --json")
def ab_status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One test; default: all.")] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Show how A/B tests stand."""
    from .experiments import status as body

    _run(body, db, name, as_json=as_json)


@ab_app.command("stop", epilog="Example: mezan ab stop spring")
def ab_stop(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The test to end.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """End an A/B test now."""
    from .experiments import stop as body

    _run(body, db, name, as_json=as_json)


@lab_app.command("compare", epilog="Example: mezan lab compare elo_ucb thompson single_best --family qap --since 1000")
def lab_compare(
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
    from .lab import compare as body

    _run(body, db, policies, family, since, as_of, plot, as_json=as_json)
