"""Instance files: Pisinger's and Jooken's formats, and JSON; solution files.

Pisinger (2005), Where are the hard knapsack problems?, Computers & Operations Research 32(9): ``n`` and the capacity,
then a line ``value weight`` for each item, then optionally an optimal 0/1 row. Jooken, Leyman & De Causmaecker (2022),
A new class of hard problem instances for the 0-1 knapsack problem, European Journal of Operational Research 301(3):
``n``, then a line ``id value weight`` for each item, then the capacity.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from ..errors import BadProblem
from .evaluate import evaluate
from .problem import MAX_ITEMS, Knapsack

MAX_CHARACTERS = 8_000_000
"""The longest text that ``MAX_ITEMS`` items need, with room to spare."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")

Line = tuple[int, list[int]]


def read(text: str, name: str) -> Knapsack:
    """An instance from the text of a file in either format, or from a JSON object.

    An optimal row that stands in the file becomes ``best_known``.

    Raises:
        BadProblem: the text is none of these; the message names the line.
    """
    if len(text) > MAX_CHARACTERS:
        msg = f"a knapsack file must have at most {MAX_CHARACTERS} characters; got {len(text)}"
        raise BadProblem(msg)
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _json(text.lstrip("\ufeff"), name)
    lines = _lines(text)
    if not lines or len(lines[0][1]) > 2:
        msg = "a knapsack file must start with a line that holds the number of items, or that and the capacity"
        raise BadProblem(msg)
    n = lines[0][1][0]
    if not 1 <= n <= MAX_ITEMS:
        msg = f"line {lines[0][0]}: a knapsack problem must have between 1 and {MAX_ITEMS} items; got {n}"
        raise BadProblem(msg)
    if len(lines[0][1]) == 2:
        return _pisinger(n, lines[0][1][1], lines[1:], name)
    if len(lines) > 1 and len(lines[1][1]) == 1:
        return _pisinger(n, lines[1][1][0], lines[2:], name)
    return _jooken(n, lines[1:], name)


def write(problem: Knapsack) -> str:
    """The instance in Pisinger's format, without an optimal row."""
    rows = (f"{v} {w}\n" for v, w in zip(problem.values.tolist(), problem.weights.tolist(), strict=True))
    return f"{problem.size}\n{problem.capacity}\n{''.join(rows)}"


def from_json(fields: Mapping[str, Any]) -> Knapsack:
    """An instance from a decoded JSON object; raises BadProblem."""
    if not isinstance(fields, Mapping) or not all(isinstance(key, str) for key in fields):
        msg = f"a knapsack problem in JSON must be an object; got {type(fields).__name__}"
        raise BadProblem(msg)
    return Knapsack(**fields)


def best_known(problem: Knapsack, text: str) -> float:
    """The best known value from a solution file: the value, or a 0/1 row of n entries, or both (the value first).

    Raises:
        BadProblem: the file is neither, the row is infeasible, or value and row disagree.
    """
    if len(text) > MAX_CHARACTERS:
        msg = f"a knapsack solution file must have at most {MAX_CHARACTERS} characters; got {len(text)}"
        raise BadProblem(msg)
    numbers = [number for _, line in _lines(text) for number in line]
    if len(numbers) == 1:
        return float(_within(problem, numbers[0]))
    if len(numbers) not in {problem.size, problem.size + 1}:
        msg = f"a knapsack solution file must hold a value, {problem.size} zeros and ones, or both; got {len(numbers)} numbers"
        raise BadProblem(msg)
    objective = _row(problem, numbers[-problem.size :])
    if len(numbers) > problem.size and numbers[0] != objective:
        msg = f"a knapsack solution file's value must be that of its row; got {numbers[0]} and {objective:.0f}"
        raise BadProblem(msg)
    return objective


def _within(problem: Knapsack, value: int) -> int:
    if not 0 <= value <= (most := int(problem.values.sum())):
        msg = f"a best known value must be between 0 and the total of the values, {most}; got {value}"
        raise BadProblem(msg)
    return value


def _json(text: str, name: str) -> Knapsack:
    try:
        fields = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        msg = f"a knapsack file that starts with a brace must be JSON; {error}"
        raise BadProblem(msg) from error
    return from_json({"name": name} | fields)


def _lines(text: str) -> list[Line]:
    found: list[Line] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        tokens = line.split()
        for token in tokens:
            if not _WHOLE.fullmatch(token):
                msg = f"line {number}: a knapsack file must hold whole numbers separated by spaces; got {token[:40]!r}"
                raise BadProblem(msg)
        if tokens:
            found.append((number, [int(token) for token in tokens]))
    return found


def _pisinger(n: int, capacity: int, lines: list[Line], name: str) -> Knapsack:
    values, weights = _columns(n, lines, ("value", "weight"))
    problem = Knapsack(values=values, weights=weights, capacity=capacity, name=name)
    row = [number for _, line in lines[n:] for number in line]
    if not row:
        return problem
    if len(row) != n:
        msg = f"after its {n} items a knapsack file may hold one row of {n} zeros and ones; got {len(row)} numbers"
        raise BadProblem(msg)
    return problem.model_copy(update={"best_known": _row(problem, row)})


def _jooken(n: int, lines: list[Line], name: str) -> Knapsack:
    ids, values, weights = _columns(n, lines, ("id", "value", "weight"))
    if ids not in (list(range(n)), list(range(1, n + 1))):
        msg = "the items of a knapsack file with three columns must be numbered in order from 0 or 1"
        raise BadProblem(msg)
    if [len(line) for _, line in lines[n:]] != [1]:
        msg = f"after its {n} items a knapsack file with three columns must hold the capacity and nothing else"
        raise BadProblem(msg)
    return Knapsack(values=values, weights=weights, capacity=lines[n][1][0], name=name)


def _columns(n: int, lines: list[Line], names: tuple[str, ...]) -> tuple[list[int], ...]:
    for number, line in lines[:n]:
        if len(line) != len(names):
            msg = f"line {number}: an item must be given as {' '.join(names)}; got {len(line)} numbers"
            raise BadProblem(msg)
    if len(lines) < n:
        msg = f"the first line of a knapsack file states its items; it says {n}, and {len(lines)} follow"
        raise BadProblem(msg)
    return tuple(list(column) for column in zip(*(line for _, line in lines[:n]), strict=True))


def _row(problem: Knapsack, row: list[int]) -> float:
    checked = evaluate(problem, np.array(row, np.int64))
    if not checked.feasible:
        msg = f"the 0/1 row of a knapsack file must be a solution: {checked.why}"
        raise BadProblem(msg)
    return checked.objective
