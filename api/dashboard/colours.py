"""One colour and one mark per solver, the same on every page and for colour-blind eyes.

The palette is Okabe and Ito's ("Color Universal Design", 2008) with three more tones; the eleventh solver gets the
first colour again with another mark. Colours live in the style sheet (``.c0`` to ``.c9``), so that both themes have theirs.
"""

import zlib
from functools import cache

from mezan.solvers.catalog import Catalog

PALETTE = 10
MARKS = ("circle", "square", "diamond", "triangle", "cross")


@cache
def _known() -> dict[str, int]:
    return {solver.name: i for family in Catalog.default() for i, solver in enumerate(family.solvers)}


def index_of(solver: str | None) -> int:
    """A solver's number: its place in its family's portfolio; of one that is not installed, a hash of its name."""
    if not solver:
        return 0
    place = _known().get(solver)
    return zlib.crc32(solver.encode()) % (PALETTE * len(MARKS)) if place is None else place


def colour(solver: str | None) -> str:
    """The class that paints it."""
    return f"c{index_of(solver) % PALETTE}" if solver else "none"


def mark(solver: str | None) -> str:
    """The shape that stands for it in plots."""
    return MARKS[index_of(solver) // PALETTE % len(MARKS)]
