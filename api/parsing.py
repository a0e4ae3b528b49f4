"""From the content of a file to a problem, for every door. Sizes are bounded before anything is parsed."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput, BadProblem
from mezan.solvers.problem import Problem

MAX_TEXT = 256 * 2**20
MAX_JSON = 64 * 2**20
"""Decoded JSON takes about ten times its size; larger instances are given in their family's format."""


def read_problem(
    opened: BinaryIO, filename: str, family: str | None, catalog: Catalog, *, called: str = "", option: str = "`family`"
) -> Problem:
    """Read a problem from an open file; its name tells the format where its content does not.

    Args:
        opened: the content; seekable if it may be of a format that is not text.
        filename: its name without folders; empty if it has none.
        family: the family that the user named, if any.
        catalog: the families that there are.
        called: what messages call it; default: its name.
        option: how the user names the family at this door.

    Raises:
        BadInput: it is too large, not text, of no known format, or breaks a rule of its family.
    """
    if family is not None:
        catalog.family(family)
    named = PurePosixPath(filename)
    called = called or named.name or "what was given"
    if (problem := _loaded(opened, named, family, catalog)) is not None:
        return problem
    text = text_of(opened, called)
    if text.lstrip()[:1] in {"{", "["} or named.suffix == ".json":
        return _from_json(text, named.stem, family, catalog, option)
    kind = family or _told_by(named, catalog, called if not filename else named.name, option)
    read: Problem = catalog.family(kind).read(text, named.stem)
    return read


def text_of(opened: BinaryIO, called: str) -> str:
    """The text of a file; raises BadProblem when it is too long, empty, or not text."""
    content = opened.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise BadProblem(f"a problem must be at most {MAX_TEXT} bytes long; {called} is longer")
    if not content.strip():
        raise BadProblem(f"a problem must not be empty; {called} holds nothing")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadProblem(
            f"a problem must be plain text (UTF-8); {called} has a byte at {error.start} that is not"
        ) from None
    if "\0" in text[:1024]:
        raise BadProblem(f"a problem must be plain text; {called} is a binary file")
    return text


def _loaded(opened: BinaryIO, named: PurePosixPath, family: str | None, catalog: Catalog) -> Problem | None:
    """The problem in a file that is not text; None where its ending is not that of one."""
    loaders = [f.loaders.get(named.suffix.lower()) for f in catalog if family in {None, f.name}]
    fitting = [load for load in loaders if load is not None]
    if len(fitting) != 1:
        return None
    problem: Problem = fitting[0](opened, named.name)
    return problem


def _told_by(named: PurePosixPath, catalog: Catalog, what: str, option: str) -> str:
    fitting = [f for f in catalog if named.suffix.lower() in f.suffixes]
    if len(fitting) == 1:
        return fitting[0].name
    endings = ", ".join(f"{' '.join((*f.suffixes, *f.loaders))} ({f.name})" for f in catalog if f.suffixes)
    raise BadInput(
        f"the family of a problem must be told by its file name ({endings}), by JSON with a `type`, or by {option};"
        f" {what} does not say it: add {option} {'|'.join(f.name for f in catalog)}"
    )


def _from_json(text: str, name: str, family: str | None, catalog: Catalog, option: str) -> Problem:
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
        raise BadProblem(f"a problem in JSON must have a `type` ({names}), or {option} must name it")
    if family is not None and kind != family:
        raise BadInput(f"{option} and the `type` of a problem must agree; got {family} and {kind[:40]}")
    chosen = catalog.family(kind[:80])
    built: Problem = chosen.from_json({"name": name, **fields})
    return built
