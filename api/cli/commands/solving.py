"""`mezan solve`, `predict`, `serve` and `mcp`."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Distances, Flows, Json, Verbose
from .running import run_async

solving = typer.Typer()
PANEL = "Solve"


@solving.command(
    epilog="Examples: mezan solve tai25a.dat --time-limit 5 --seed 7 | cat items.txt | mezan solve - --family knapsack --json",
    rich_help_panel=PANEL,
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
    from ..process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from ..solving import Request
    from ..solving import solve as body

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


@solving.command(epilog="Example: mezan serve --db sqlite:///mezan.db --port 8000 --open", rich_help_panel=PANEL)
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
    from ..process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from ..serving import run as body

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


@solving.command(
    epilog="Examples: mezan mcp --db /home/me/mezan.db | mezan mcp --server https://host", rich_help_panel=PANEL
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
    from ..process import keep_programs, listen

    keep_programs()
    listen(verbose=verbose)
    from ..mcp import Wanted
    from ..mcp import run as body

    if server is not None and str(getattr(context.get_parameter_source("db"), "name", "")) == "COMMANDLINE":
        raise typer.BadParameter("--server and --db exclude each other; give one of them")
    wanted = Wanted(db=db, server=server, longest=longest, wait=wait, max_message=max_message, files=files)
    raise typer.Exit(body(wanted))


@solving.command(epilog="Example: mezan predict tai25a.dat --policy thompson", rich_help_panel=PANEL)
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
    from ..predict import predict as body

    run_async(body, db, file, family, policy, seed, as_json=as_json)
