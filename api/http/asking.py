"""From a request's JSON to a problem and what is asked of it. Sizes are bounded before anything is parsed."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, TypeVarTuple

import anyio.to_thread
import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from mezan.api.parsing import read_problem
from mezan.solvers.budget import MAX_ITERATIONS, MAX_SECONDS
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem

from .access import header_of
from .apart import Parcel, opened, parcel
from .problems import Refused

LARGE = 20_000
"""Bytes from which a body is decoded on a thread."""
HUGE = 400_000
"""Bytes from which it is decoded in another process: one call of a decoder would hold the GIL for milliseconds."""
FILES = ("application/octet-stream", "text/plain")
LONGEST_WAIT = 300.0
"""Seconds that ``Prefer: wait`` may ask for."""
Ts = TypeVarTuple("Ts")
OPTIONS: Mapping[str, tuple[type, ...]] = {
    "time_limit": (int, float),
    "iterations": (int,),
    "target": (int, float),
    "gap": (int, float),
    "seed": (int,),
    "policy": (str,),
    "solver": (str,),
    "priority": (int,),
    "deadline": (int, float),
    "fresh": (bool,),
    "pans": (list,),
}
"""Members of a request beside its problem, with their types; see `Engine.submit`."""
OPTION_SCHEMAS: Mapping[str, Any] = {
    "time_limit": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": MAX_SECONDS, "default": 10.0, "description": "Seconds of solving, compilation included."},
    "iterations": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_ITERATIONS, "description": "Kernel iterations: a result that does not depend on speed."},
    "target": {"type": ["number", "null"], "description": "Stop at an objective at least this good."},
    "gap": {"type": ["number", "null"], "minimum": 0, "description": "Stop within so many percent of the proved bound."},
    "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53 - 1, "description": "All randomness derives from it; drawn and recorded if absent."},
    "policy": {"type": ["string", "null"], "description": "The selection policy; see /policies."},
    "solver": {"type": ["string", "null"], "description": "Use this solver and no other; see /solvers."},
    "priority": {"type": ["integer", "null"], "default": 0, "minimum": 1 - 2**53, "maximum": 2**53 - 1, "description": "Higher runs first."},
    "deadline": {"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 10**9, "description": "Seconds from now by which the run must have ended."},
    "fresh": {"type": ["boolean", "null"], "default": False, "description": "Start from nothing, not from the best result known."},
    "pans": {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 2, "maxItems": 2, "description": "Two solvers that race."},
}  # fmt: skip


Options = dict[str, Any]


async def asked(request: Request, family: str | None = None) -> tuple[Problem, Options]:
    """The problem that a request's JSON holds, and the options beside it.

    Raises:
        Refused: the body is no JSON object, or an option is of another type.
        BadInput: the family is not registered, or the instance breaks one of its rules.
    """
    must_be_json(request)
    return await decoded(request, read_request, sent_request, await body_of(request), family)


async def asked_by_file(request: Request, filename: str, family: str | None) -> Problem:
    """The problem in a file that is the body of a request; its name is a name only, never a path of this machine.

    Raises:
        BadInput: as `read_problem`.
    """
    kind = media_type(request)
    if kind not in FILES:
        raise Refused("unsupported-media-type", f"a file must be sent as {' or '.join(FILES)}; got {kind[:80] or 'no type'!r}")  # fmt: skip
    problem, _ = await decoded(request, read_file, sent_file, await body_of(request), filename, family)
    return problem


def must_be_json(request: Request) -> None:
    """Raise Refused for a body of another type."""
    if (kind := media_type(request)) != "application/json":
        raise Refused("unsupported-media-type", f"a request must be application/json; got {kind[:80] or 'no type'!r}")


def media_type(request: Request) -> str:
    """What a request says that its body is, without parameters."""
    return (header_of(request.scope, b"content-type") or "").partition(";")[0].strip().lower()


async def body_of(request: Request) -> bytes:
    """The whole body, mostly one message; the framework's generator of its parts costs more than the request's own JSON.

    Raises:
        ClientDisconnect: the client left before its end.
    """
    parts: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def decoded(
    request: Request,
    read: Callable[[bytes, *Ts, Catalog], tuple[Problem, Options]],
    sent: Callable[[bytes, *Ts], tuple[Parcel, Options]],
    content: bytes,
    *arguments: *Ts,
) -> tuple[Problem, Options]:
    """Decode a body here, on a thread or in the process for large ones, by its size."""
    catalog: Catalog = request.app.state.engine.catalog
    if len(content) < LARGE:
        return read(content, *arguments, catalog)
    if len(content) < HUGE or request.app.state.apart is None:
        return await anyio.to_thread.run_sync(read, content, *arguments, catalog)
    parcel_, options = await request.app.state.apart.call(sent, content, *arguments)
    return await anyio.to_thread.run_sync(opened, parcel_, catalog), options


def read_request(content: bytes, family: str | None, catalog: Catalog) -> tuple[Problem, Options]:
    """See :func:`asked`."""
    given = object_in(content)
    options = options_in(given)
    return problem_in(given, catalog, family), options


def sent_request(content: bytes, family: str | None) -> tuple[Parcel, Options]:
    """The same in the process for large bodies."""
    problem, options = read_request(content, family, Catalog.default())
    return parcel(problem), options


def read_file(content: bytes, filename: str, family: str | None, catalog: Catalog) -> tuple[Problem, Options]:
    """See :func:`asked_by_file`."""
    return read_problem(BytesIO(content), filename, family, catalog), {}


def sent_file(content: bytes, filename: str, family: str | None) -> tuple[Parcel, Options]:
    """The same in the process for large bodies."""
    return parcel(read_file(content, filename, family, Catalog.default())[0]), {}


def portable(catalog: Catalog) -> bool:
    """Whether another process has the same families: those that are installed."""
    return {family.name: family.problem for family in catalog} == {f.name: f.problem for f in Catalog.default()}


def object_in(content: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises Refused for anything else."""
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Refused("malformed", f"the body must be JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refused("malformed", f"the body must be a JSON object; got {type(given).__name__}")
    return given


def options_in(given: dict[str, Any]) -> Options:
    """Take the options out of a request; raises Refused for one of another type."""
    options: Options = {}
    for name, types in OPTIONS.items():
        value = given.pop(name, None)
        if value is None:
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise Refused("bad-input", f"{name} must be {wanted}; got {type(value).__name__}")
        options[name] = value
    return options


def problem_in(given: dict[str, Any], catalog: Catalog, family: str | None = None) -> Problem:
    """The problem in a request without its options, of the family that ``type`` names.

    Raises:
        BadInput: the family is not registered, or the instance breaks one of its rules.
    """
    named = given.pop("type", family)
    if family is not None and named != family:
        raise Refused("bad-input", f"this door takes {family} problems; got type {str(named)[:40]!r}: use /solve")
    if not isinstance(named, str):
        known = ", ".join(f.name for f in catalog)
        raise Refused("bad-input", f"`type` must name a family, one of {known}; got {str(named)[:40]!r}")
    kind = catalog.family(named)
    if given.get("mode") == "auto" and "mode" not in kind.problem.model_fields:
        del given["mode"]  # the same request for every family
    built: Problem = kind.from_json(given)
    return built


def wait_in(request: Request) -> float | None:
    """The seconds of a ``Prefer: wait`` (RFC 7240), None without; raises Refused when they are too many or none."""
    for part in (header_of(request.scope, b"prefer") or "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait":
            if not (value.isdecimal() and len(value) < 5 and int(value) <= LONGEST_WAIT):
                rule = f"Prefer: wait must be 0 to {LONGEST_WAIT:g} whole seconds; got {value[:20]!r}"
                raise Refused("bad-parameters", rule)
            return float(value)
    return None
