"""A square matrix in a CSV file, with or without the names of what its rows and columns stand for."""

import csv
import io
import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import BadProblem
from ..pack import Array
from .matrices import MAX_SIZE
from .qaplib import read_text

DELIMITERS = "\t;,"
"""In the order in which they are looked for: a comma may stand in a name, a tab hardly."""

Rows = list[list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """``values`` float64[n, n], and the n names of a header row or column; None where the file has neither."""

    values: Array
    names: tuple[str, ...] | None = None


def read_table(path: str | Path) -> Table:
    """Read a CSV file as for :func:`parse_table`; its size is bounded before it is read."""
    path = Path(path)
    return parse_table(read_text(path, "a CSV file"), path.name)


def parse_table(text: str, source: str = "the table") -> Table:
    """A matrix from rows of plain numbers separated by commas, semicolons or tabs.

    A first row and a first column of names are optional. They are told from numbers by the shape: beside n x n numbers
    there is one row more, one column more, or both (then with an empty or worded corner, or a first row that is not all
    numbers). Where both are given they must be the same names in the same order.

    Raises:
        BadProblem: a row is longer or shorter than the first, a cell is not a number, or the numbers are not square;
            the message names row and column as counted in the file, from 1.
    """
    rows = _cells(text.lstrip("\ufeff"), source)
    wide, high = len(rows[0]), len(rows)
    worded = not all(map(_is_number, rows[0]))
    header = high == wide + 1 or (high == wide and worded)
    column = wide == high + 1 or (high == wide and header)
    if header and not worded:
        raise BadProblem(
            f"{source} must be square, and {high} rows of {wide} numbers are not: "
            "remove a row, or let the first one hold names that are not all numbers"
        )
    if high - header != wide - column:
        raise BadProblem(f"{source} must be square, names aside; got {high} rows of {wide} cells")
    above = tuple(cell.strip() for cell in rows[0][column:]) if header else None
    beside = tuple(row[0].strip() for row in rows[header:]) if column else None
    if above is not None and beside is not None and above != beside:
        k = next(k for k, (a, b) in enumerate(zip(above, beside, strict=True)) if a != b)
        raise BadProblem(
            f"{source} must name its rows and its columns alike, in the same order; "
            f"row {k + 2} is named {beside[k][:40]!r} and column {k + 2} {above[k][:40]!r}"
        )
    return Table(_numbers(rows, int(header), int(column), source), above or beside)


def _cells(text: str, source: str) -> Rows:
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    delimiter = next((d for d in DELIMITERS if d in first), ",")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t"
    )
    filled = (row for row in reader if any(cell.strip() for cell in row))
    try:
        rows = list(islice(filled, MAX_SIZE + 2))
    except csv.Error as error:
        raise BadProblem(f"{source} must be a CSV file; line {reader.line_num}: {error}") from error
    if not rows:
        raise BadProblem(f"{source} must hold a matrix; it is empty")
    wide = len(rows[0])
    if max(len(rows), wide) > MAX_SIZE + 1:
        raise BadProblem(f"{source} must have at most {MAX_SIZE} rows and columns of numbers; it has more")
    for number, row in enumerate(rows, 1):
        if len(row) != wide:
            raise BadProblem(
                f"{source} must have rows of one length; row 1 has {wide} cells and row {number} {len(row)}"
            )
    return rows


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def _numbers(rows: Rows, top: int, left: int, source: str) -> Array:
    n = len(rows) - top
    values = np.empty((n, n))
    for i, row in enumerate(rows[top:]):
        cells = row[left:]
        try:
            values[i] = list(map(float, cells))
        except ValueError:
            values[i] = np.nan
        if not np.isfinite(values[i]).all() or "_" in "".join(cells):
            j = next(j for j, cell in enumerate(cells) if not _is_number(cell))
            raise BadProblem(_wrong(cells[j], f"row {i + 1 + top}, column {j + 1 + left} of {source}"))
    return values


def _wrong(cell: str, where: str) -> str:
    if not cell.strip():
        return f"{where} must be a number; it is empty"
    point = "; write decimals with a point" if "," in cell and _is_number(cell.replace(",", ".", 1)) else ""
    return f"{where} must be a finite number; got {cell.strip()[:40]!r}{point}"
