"""A reader of dense ARFF tables, tolerant of what is found in the wild: spaces, both quotes, `?`, empty cells, any case."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import BadInput

MOST_BYTES = 2**28
MOST_COLUMNS = 20_000
CELL = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,]*?))\s*(?:,|$)""")
ATTRIBUTE = re.compile(r"""@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\S+))""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arff:
    """Column names and rows of text; None where a value is missing (`?` or nothing)."""

    path: Path
    columns: tuple[str, ...]
    rows: list[list[str | None]]

    def column(self, name: str) -> int:
        """The number of the column of that name, whatever its case; raises BadInput."""
        for number, column in enumerate(self.columns):
            if column.lower() == name.lower():
                return number
        msg = f"{self.path.name} must have an attribute {name}; it has {', '.join(self.columns[:8])}"
        raise BadInput(msg)


def read_text(path: Path) -> str:
    """A text file of bounded size; raises BadInput when it is missing or larger."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            msg = f"{path.name} must be at most {MOST_BYTES} bytes; it has {size}"
            raise BadInput(msg)
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"{path} must be a readable file: {error.strerror}"
        raise BadInput(msg) from None


def read_arff(path: Path) -> Arff:
    """The table of a dense ARFF file.

    Raises:
        BadInput: the file is missing or too large, it has no data, is sparse, or a row is not as wide as the header.
    """
    columns: list[str] = []
    lines = enumerate(read_text(path).splitlines(), 1)
    for _, line in lines:
        text = line.strip()
        if text.lower().startswith("@attribute"):
            columns.append(_name(path, text))
            if len(columns) > MOST_COLUMNS:
                msg = f"{path.name} must have at most {MOST_COLUMNS} attributes"
                raise BadInput(msg)
        elif text.lower().startswith("@data"):
            return Arff(path, tuple(columns), list(_rows(path, lines, len(columns))))
    msg = f"{path.name} must be an ARFF file with a line @DATA; it has none"
    raise BadInput(msg)


def number(arff: Arff, cell: str | None) -> float:
    """A cell as a number; NaN where it is missing; raises BadInput for a word."""
    if cell is None:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        msg = f"{arff.path.name} must have a number or ? here; got {cell[:40]!r}"
        raise BadInput(msg) from None


def _name(path: Path, text: str) -> str:
    found = ATTRIBUTE.match(text)
    if found is None:
        msg = f"{path.name} must name each attribute; got {text[:60]!r}"
        raise BadInput(msg)
    return next(group for group in found.groups() if group is not None).strip()


def _rows(path: Path, lines: Iterator[tuple[int, str]], width: int) -> Iterator[list[str | None]]:
    for at, line in lines:
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.startswith("{"):
            msg = f"{path.name}, line {at}: sparse rows are not read; write the file in dense form"
            raise BadInput(msg)
        cells: list[str] = _quoted(text) if "'" in text or '"' in text else text.split(",")
        if len(cells) != width:
            msg = f"{path.name}, line {at}: a row must have a value for each of {width} attributes; it has {len(cells)}"
            raise BadInput(msg)
        yield [None if (cell := raw.strip()) in {"", "?"} else cell for raw in cells]


def _quoted(text: str) -> list[str]:
    cells, at = [], 0
    while at < len(text):
        found = CELL.match(text, at)
        if found is None:  # an unbalanced quote: the plain reading is the best there is
            return text.split(",")
        single, double, plain = found.groups()
        quoted = single if single is not None else double
        cells.append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        at = found.end()
    return [*cells, ""] if text.endswith(",") else cells
