"""What a family shows of a solution: figures, tables, pictures. Plain values, which any door can draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .pack import Array


@dataclass(frozen=True, slots=True)
class Figures:
    """Named values; a third entry is a remark."""

    pairs: Sequence[tuple[str, Any, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts and numbers under column names; ``note`` says what was left out."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """The text of an SVG document that names all its colours and loads nothing; ``says`` describes it in words."""

    title: str
    svg: str
    says: str


Section = Figures | Table | Picture
ENTRIES = 400


def raw(solution: Array) -> tuple[Section, ...]:
    """An array as it is: what is shown for a family that shows nothing itself."""
    flat = solution.reshape(-1)
    rows = [(i, value) for i, value in enumerate(flat[:ENTRIES].tolist())]
    note = f"the first {ENTRIES} of {flat.size} entries" if flat.size > ENTRIES else ""
    about = Figures([("shape", " x ".join(map(str, solution.shape)) or "a number", solution.dtype.name)])
    return about, Table("Entries", ("index", "value"), rows, note)
