"""From what a caller has to a request's body and query."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, TypedDict
from urllib.parse import quote

import orjson

from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem as Instance

JSON = "application/json"
Moment = int | str | datetime | None
"""A log position, or a time with its zone; None for now."""


class Options(TypedDict, total=False):
    """What can be said of a run beside its problem; see `Engine.submit`."""

    time_limit: float
    iterations: int
    target: float
    gap: float
    seed: int
    policy: str
    solver: str
    priority: int
    deadline: float
    fresh: bool
    pans: Sequence[str]


def key_of(given: str | None) -> str:
    """An idempotency key: the caller's, or one that is drawn."""
    return token_hex(16) if given is None else given


def body_of(problem: Instance | Mapping[str, Any], options: Options) -> bytes:
    """The JSON of a request; raises BadInput for what is neither JSON nor an array."""
    try:
        return orjson.dumps({**_members(problem), **options}, option=orjson.OPT_SERIALIZE_NUMPY, default=_plain)
    except TypeError as error:
        msg = f"a problem must be a Problem, or a mapping of JSON values and arrays: {error}"
        raise BadInput(msg) from None


def _members(problem: Instance | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(problem, Instance):
        return problem
    return {"type": problem.family, **problem.model_dump(exclude_defaults=True)}


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    msg = f"{type(value).__name__} is neither"
    raise TypeError(msg)


def address(*parts: str) -> str:
    """A path whose parts may hold anything."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def as_of(moment: Moment) -> str | None:
    """A moment as the API takes it."""
    return moment.isoformat() if isinstance(moment, datetime) else None if moment is None else str(moment)
