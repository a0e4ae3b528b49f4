"""From a request's JSON to a problem and what is asked of it. Sizes are bounded before anything is parsed."""

from collections.abc import Mapping
from typing import Any

import anyio.to_thread
import orjson
from fastapi import Request

from mezan.solvers.budget import MAX_ITERATIONS, MAX_SECONDS
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem

from .problems import Refused

LONGEST_WAIT = 300.0
"""Seconds that ``Prefer: wait`` may ask for."""
LARGE = 100_000
"""Bytes above which a body is turned into arrays on a thread."""
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


def wait_in(request: Request) -> float | None:
    """The seconds of a ``Prefer: wait`` (RFC 7240), None without; raises Refused when they are too many or none."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "wait":
            if not (value.isdecimal() and len(value) < 5 and int(value) <= LONGEST_WAIT):
                rule = f"Prefer: wait must be 0 to {LONGEST_WAIT:g} whole seconds; got {value[:20]!r}"
                raise Refused("bad-parameters", rule)
            return float(value)
    return None


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; raises Refused for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("unsupported-media-type", f"a request must be application/json; got {kind[:80] or 'no type'!r}")
    content = await request.body()
    try:
        given = orjson.loads(content) if len(content) < LARGE else await anyio.to_thread.run_sync(orjson.loads, content)
    except orjson.JSONDecodeError as error:
        raise Refused("malformed", f"the body must be JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refused("malformed", f"the body must be a JSON object; got {type(given).__name__}")
    return given


def options_in(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options out of a request; raises Refused for one of another type."""
    options: dict[str, Any] = {}
    for name, types in OPTIONS.items():
        value = given.pop(name, None)
        if value is None:
            continue
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise Refused("bad-input", f"{name} must be {wanted}; got {type(value).__name__}")
        options[name] = value
    return options


async def problem_in(given: dict[str, Any], catalog: Catalog, family: str | None = None) -> Problem:
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
    built: Problem = await anyio.to_thread.run_sync(kind.from_json, given) if _large(given) else kind.from_json(given)
    return built


def _large(given: Mapping[str, Any]) -> bool:
    """Whether building the arrays may take milliseconds."""
    return sum(len(value) * (len(value) if value and isinstance(value[0], list) else 1) for value in given.values() if isinstance(value, list)) > 4_096  # fmt: skip
