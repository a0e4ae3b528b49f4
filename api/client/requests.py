"""From what a caller has to a request's body and query."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, TypedDict
from urllib.parse import quote

import orjson

from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem as Instance

from .steps import Request

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


def asking(
    problem: Instance | Mapping[str, Any],
    options: Options,
    key: str | None,
    *,
    path: str = "/solve",
    wait: int | None = None,
) -> Request:
    """A request to solve. It always carries an idempotency key, so that it may be sent again."""
    headers = {"content-type": JSON, "idempotency-key": key or token_hex(16)}
    if wait is not None:
        headers["prefer"] = f"wait={wait}"
    body = {**_members(problem), **options}
    try:
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY, default=_plain)
    except TypeError as error:
        msg = f"a problem must be a Problem, or a mapping of JSON values and arrays: {error}"
        raise BadInput(msg) from None
    return Request("POST", path, content=content, headers=headers, read=30.0 + (wait or 0))


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
