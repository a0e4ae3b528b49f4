"""From what a user gave (a file, standard input) to a problem. Sizes are bounded before anything is parsed."""

import csv
import io
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, BadProblem
from mezan.solvers.problem import Family, Problem

from .output import notice

MAX_TEXT = 256 * 2**20
MAX_JSON = 64 * 2**20
"""Decoded JSON takes about ten times its size; larger instances are given in their family's format."""
REGISTRY = "best_known.csv"
VALUES = ("best_known", "best")
"""Columns of a registry that may hold the value."""


def problem_from(source: str, family: str | None, catalog: Catalog) -> Problem:
    """Read a problem from a file, or from standard input for ``-``.

    Raises:
        BadInput: it is missing, too large, not text, of no known format, or breaks a rule of its family.
    """
    if family is not None:
        catalog.family(family)
    if source == "-":
        return _parse(_text(sys.stdin.buffer, "standard input"), "", family, catalog, Path("stdin"))
    path = Path(source)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadProblem(f"a problem must be a file; {source} is a directory: name a file inside it")
        if stat.S_ISREG(mode) and path.stat().st_size > MAX_TEXT:
            raise BadProblem(f"a problem file must be at most {MAX_TEXT} bytes long; {source} is longer")
        if (problem := _loaded(path, family, catalog)) is not None:
            return _with_best_known(problem, catalog, path)
        with path.open("rb") as opened:
            text = _text(opened, source)
    except OSError as error:
        raise BadProblem(f"a problem file must be readable; {source}: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, BadInput):
            raise
        raise BadProblem(f"a problem must be given as the path of a file; got {source!r}: {error}") from error
    return _with_best_known(_parse(text, path.stem, family, catalog, path), catalog, path)


def _loaded(path: Path, family: str | None, catalog: Catalog) -> Problem | None:
    """The problem in a file that is not text; None where its ending is not that of one."""
    loaders = [f.loaders.get(path.suffix.lower()) for f in catalog if family in {None, f.name}]
    fitting = [load for load in loaders if load is not None]
    if len(fitting) != 1:
        return None
    problem: Problem = fitting[0](path)
    return problem


def _with_best_known(problem: Problem, catalog: Catalog, path: Path) -> Problem:
    known = _best_known(problem, catalog.family_of(problem), path)
    return problem if known is None else problem.model_copy(update={"best_known": known})


def in_mode(problem: Problem, mode: str) -> Problem:
    """The same problem asked for in a mode; raises BadInput where its family has none of that name, or none at all."""
    fields = dict(problem)
    if "mode" not in fields:
        raise BadInput(f"--mode is for problems that have modes; a {problem.family} problem has none")
    return type(problem)(**fields | {"mode": mode})


def _text(opened: BinaryIO, name: str) -> str:
    content = opened.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise BadProblem(f"a problem must be at most {MAX_TEXT} bytes long; {name} is longer")
    if not content.strip():
        raise BadProblem(f"a problem must not be empty; {name} holds nothing")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadProblem(
            f"a problem must be plain text (UTF-8); {name} has a byte at {error.start} that is not"
        ) from None
    if "\0" in text[:1024]:
        raise BadProblem(f"a problem must be plain text; {name} is a binary file")
    return text


def _parse(text: str, name: str, family: str | None, catalog: Catalog, path: Path) -> Problem:
    if text.lstrip()[:1] in {"{", "["} or path.suffix == ".json":
        return _from_json(text, name, family, catalog)
    if family is None:
        fitting = [f for f in catalog if path.suffix.lower() in f.suffixes]
        if len(fitting) != 1:
            endings = ", ".join(f"{' '.join((*f.suffixes, *f.loaders))} ({f.name})" for f in catalog if f.suffixes)
            what = "standard input" if path.name == "stdin" else path.name
            raise BadInput(
                f"the family of a problem must be told by its file name ({endings}), by JSON with a `type`, or by --family;"
                f" {what} does not say it: add --family {'|'.join(f.name for f in catalog)}"
            )
        family = fitting[0].name
    read: Problem = catalog.family(family).read(text, name)
    return read


def _from_json(text: str, name: str, family: str | None, catalog: Catalog) -> Problem:
    import orjson

    if len(text) > MAX_JSON:
        raise BadProblem(f"a problem in JSON must be at most {MAX_JSON} characters long; this one has {len(text)}")
    try:
        request = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise BadProblem(f"a problem in JSON must be valid JSON: {error}") from None
    if not isinstance(request, Mapping):
        raise BadProblem(f"a problem in JSON must be an object with a `type`; got a {type(request).__name__}")
    fields: dict[str, Any] = dict(request)
    kind = fields.pop("type", family)
    if not isinstance(kind, str):
        names = ", ".join(f.name for f in catalog)
        raise BadProblem(f"a problem in JSON must have a `type` ({names}), or --family must name it")
    if family is not None and kind != family:
        raise BadInput(f"--family and the `type` of a problem must agree; got {family} and {kind[:40]}")
    chosen = catalog.family(kind[:80])
    built: Problem = chosen.from_json({"name": name, **fields})
    return built


def _best_known(problem: Problem, family: Family[Any], path: Path) -> float | None:
    """The best of what the instance says itself, the solution file beside it and the registry of its folder."""
    known = [] if problem.best_known is None else [problem.best_known]
    if family.best_known is not None and family.solution_suffix is not None:
        beside = path.with_suffix(family.solution_suffix)
        if beside != path and beside.is_file():
            try:
                with beside.open("rb") as opened:
                    value = family.best_known(problem, _text(opened, beside.name))
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
