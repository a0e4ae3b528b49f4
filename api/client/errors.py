"""Problem details become the exceptions that the same mistake raises in-process."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson

from mezan.engine import errors as of_engine
from mezan.solvers import errors as of_solvers
from mezan.solvers.errors import BadInput, MezanError

BUILT_OTHERWISE = frozenset({"wrong-expected-version", "run-failed"})
"""Codes whose classes are made from more than a message."""


class Unreachable(MezanError, ConnectionError):
    """Raised when the server did not answer for as long as the client is patient."""

    code = "unreachable"


class RequestRefused(BadInput):
    """Raised for a refusal that only a server makes (too large, not found, wrong host); ``code`` says which, ``status`` is HTTP's."""

    status = 400


class ServerFailed(MezanError):
    """Raised when the server broke, or answered what this version does not understand."""

    code = "internal"
    status = 500


class NotFinished(MezanError, TimeoutError):
    """Raised when a run has not ended within the time that its caller would wait; it goes on. ``run`` is its id."""

    code = "not-finished"

    def __init__(self, run: str, seconds: float) -> None:
        self.run = run
        super().__init__(
            f"run {run} has not ended within {seconds:g} s; it goes on: ask for its result again, or cancel it"
        )


@cache
def _classes() -> Mapping[str, type[MezanError]]:
    found: dict[str, type[MezanError]] = {}
    for module in (of_solvers, of_engine):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, MezanError) and value.code not in BUILT_OTHERWISE:
                found.setdefault(value.code, value)
    return found


def error_of(status: int, content: bytes) -> MezanError:
    """The exception that an answer other than success stands for."""
    try:
        told: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        told = {"detail": f"HTTP {status} without problem details: {content[:200]!r}"}
    code = str(told.get("type", "")).rpartition("/")[2]
    detail = str(told.get("detail", ""))
    kind = _classes().get(code)
    if kind is not None:
        return kind(detail)
    made: RequestRefused | ServerFailed = RequestRefused(detail) if status < 500 else ServerFailed(detail)
    made.status = status
    made.code = code or made.code
    return made
