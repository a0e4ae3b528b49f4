"""From what a user gave (a file, standard input) to a problem."""

import csv
import io
import stat
import sys
from pathlib import Path
from typing import Any

from mezan.api.parsing import MAX_JSON, MAX_TEXT, read_problem, text_of
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, BadProblem
from mezan.solvers.problem import Family, Problem

from .output import notice

REGISTRY = "best_known.csv"
VALUES = ("best_known", "best")
"""Columns of a registry that may hold the value."""


def problem_from(source: str, family: str | None, catalog: Catalog) -> Problem:
    """Read a problem from a file, or from standard input for ``-``.

    Raises:
        BadInput: it is missing, too large, not text, of no known format, or breaks a rule of its family.
    """
    if source == "-":
        return read_problem(sys.stdin.buffer, "", family, catalog, called="standard input", option="--family")
    if family is not None:
        catalog.family(family)
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadProblem(f"a problem must be a file; {source} is a directory: name a file inside it")
        if stat.S_ISREG(mode) and path.stat().st_size > MAX_TEXT:
            raise BadProblem(f"a problem file must be at most {MAX_TEXT} bytes long; {source} is longer")
        with path.open("rb") as opened:
            problem = read_problem(opened, path.name, family, catalog, called=source, option="--family")
    except OSError as error:
        raise BadProblem(f"a problem file must be readable; {source}: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadProblem(f"a problem must be given as the path of a file; got {source!r}: {error}") from error
    return _with_best_known(problem, catalog, path)


def _with_best_known(problem: Problem, catalog: Catalog, path: Path) -> Problem:
    known = _best_known(problem, catalog.family_of(problem), path)
    return problem if known is None else problem.model_copy(update={"best_known": known})


def in_mode(problem: Problem, mode: str) -> Problem:
    """The same problem asked for in a mode; raises BadInput where its family has none of that name, or none at all."""
    fields = dict(problem)
    if "mode" not in fields:
        raise BadInput(f"--mode is for problems that have modes; a {problem.family} problem has none")
    return type(problem)(**fields | {"mode": mode})


def _best_known(problem: Problem, family: Family[Any], path: Path) -> float | None:
    """The best of what the instance says itself, the solution file beside it and the registry of its folder."""
    known = [] if problem.best_known is None else [problem.best_known]
    if family.best_known is not None and family.solution_suffix is not None:
        beside = path.with_suffix(family.solution_suffix)
        if beside != path and beside.is_file():
            try:
                with beside.open("rb") as opened:
                    value = family.best_known(problem, text_of(opened, beside.name))
                known += [] if value is None else [value]
            except (BadInput, OSError) as error:
                notice(f"{beside.name} is not used: {error}")
    known += _registered(path)
    if not known:
        return None
    return min(known) if family.sense == "min" else max(known)


def _registered(path: Path) -> list[float]:
    registry = path.with_name(REGISTRY)
    if not registry.is_file() or registry.stat().st_size > MAX_JSON:
        return []
    try:
        rows = csv.DictReader(io.StringIO(registry.read_text("utf-8-sig")))
        cells = [
            next((row[name] for name in VALUES if row.get(name)), None)
            for row in rows
            if row.get("instance") == path.stem
        ]
        values = [float(cell) for cell in cells if cell]
    except (OSError, ValueError, csv.Error) as error:
        notice(f"{REGISTRY} is not used: {error}")
        return []
    return [value for value in values if abs(value) < float("inf")]
