"""The command line: its groups of commands, in the order of `mezan --help`."""

from typing import Annotated

import typer

from .commands import ab, accounts, bench, keeping, lab, log, looking, rating, solving, tokens

app = typer.Typer(
    name="mezan",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mezan solve tai25a.dat --time-limit 5 --seed 7, then: mezan why last --verify",
)
MAY = "Who may do what"
app.add_typer(solving.solving)
app.add_typer(looking.looking)
app.add_typer(rating.rating)
app.add_typer(ab.ab, name="ab", rich_help_panel=rating.PANEL)
app.add_typer(lab.lab, name="lab", rich_help_panel=rating.PANEL)
app.add_typer(bench.bench, name="bench", rich_help_panel=rating.PANEL)
app.add_typer(keeping.keeping)
app.add_typer(log.log, name="log", rich_help_panel=keeping.PANEL)
app.add_typer(keeping.projections, name="projections", rich_help_panel=keeping.PANEL)
app.add_typer(keeping.database, name="db", rich_help_panel=keeping.PANEL)
app.add_typer(accounts.users, name="users", rich_help_panel=MAY)
app.add_typer(accounts.keys, name="keys", rich_help_panel=MAY)
app.add_typer(tokens.tokens, name="tokens", rich_help_panel=MAY)
app.add_typer(accounts.roles, name="roles", rich_help_panel=MAY)
app.add_typer(accounts.projects, name="projects", rich_help_panel=MAY)


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
