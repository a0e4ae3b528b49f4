"""What can be read by address: runs in full, and what each family takes."""

from typing import Any
from urllib.parse import unquote

from mcp import types

from mezan.api.views.plain import encoded
from mezan.engine.errors import RunNotFound
from mezan.solvers.errors import BadInput

from . import arguments as a
from .tools import Session, list_families

JSON = "application/json"
RUNS, FAMILIES = "mezan://runs/", "mezan://families/"
LISTED = 20
"""Runs in the list, the newest."""
LONGEST = 400
"""Characters of an address."""
TEMPLATES = (
    types.ResourceTemplate(
        uri_template=RUNS + "{run}",
        name="run",
        title="A run",
        description="What was asked, what came out and how it went, with the whole solution; `last` is the latest run.",
        mime_type=JSON,
    ),
    types.ResourceTemplate(
        uri_template=FAMILIES + "{family}",
        name="family",
        title="A kind of problem",
        description="The JSON schema of its problems, its solvers, and examples.",
        mime_type=JSON,
    ),
)


async def listed(session: Session) -> list[types.Resource]:
    """Every family and the latest runs."""
    families = [
        types.Resource(
            uri=FAMILIES + one["family"], name=one["family"], title=f"Problems of {one['family']}", mime_type=JSON
        )
        for one in await session.backend.families()
    ]
    page = await session.backend.runs({}, LISTED, None)
    runs = [
        types.Resource(
            uri=RUNS + row["run"],
            name=row["run"],
            title=f"{row['label'] or row['family']}: {row['status']}",
            mime_type=JSON,
        )
        for row in page["runs"]
    ]
    return [*families, *runs]


async def read(session: Session, uri: str) -> str:
    """The JSON document at an address; raises BadInput for an address of nothing, MezanError for what cannot be read."""
    if len(uri) <= LONGEST:
        for start, document in ((RUNS, _run), (FAMILIES, _family)):
            if uri.startswith(start) and (name := unquote(uri.removeprefix(start))):
                return encoded(await document(session, name[:LONGEST])).decode()
    raise BadInput(f"an address must be {RUNS}ID or {FAMILIES}NAME; got {uri[:80]!r}")


async def _run(session: Session, name: str) -> Any:
    if name == "last":
        newest = (await session.backend.runs({}, 1, None))["runs"]
        if not newest:
            raise RunNotFound("`last` must name the latest run; there is none: solve something first")
        name = newest[0]["run"]
    return await session.backend.run(name, None)


async def _family(session: Session, name: str) -> Any:
    async def silent(_progress: float, _total: float | None, _message: str) -> None:
        """Nobody asked for progress."""

    found, _ = await list_families(session, a.ListFamilies(family=name[:200]), silent)
    return found["families"][0]
