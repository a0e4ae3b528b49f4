"""Options that several commands share."""

from typing import Annotated

import typer

Db = Annotated[
    str,
    typer.Option("--db", envvar="MEZAN_DB", metavar="URL", help="The database: a file, or sqlite:///file."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run id, the beginning of one, or `last`.")]
Flows = Annotated[
    str | None, typer.Option("--flows", metavar="CSV", help="A QAP's flows between facilities; with --distances.")
]
Distances = Annotated[
    str | None, typer.Option("--distances", metavar="CSV", help="A QAP's distances between locations; with --flows.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the engine's log lines on stderr.")]
AsOf = Annotated[str | None, typer.Option(metavar="POSITION|TIME", help="As of a log position or an ISO 8601 time.")]
DEFAULT_DB = "sqlite:///mezan.db"


def database(given: str) -> str:
    """A database URL from what a user gave: a URL, or the path of a file."""
    given = given or DEFAULT_DB
    return given if "://" in given else f"sqlite:///{given}"
