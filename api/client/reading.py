"""JSON to the dataclasses of `mezan.api.http.schemas`."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from .errors import ServerFailed

T = TypeVar("T")


def read_json(kind: Callable[..., T], content: bytes) -> T:
    """The value that some JSON stands for; raises ServerFailed for what does not fit."""
    try:
        value: T = _adapter(kind).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        msg = f"the server must answer a {getattr(kind, '__name__', kind)}; {where}: {first['msg']}: it may be of another version"
        raise ServerFailed(msg) from None
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
