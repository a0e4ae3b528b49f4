"""Answers read as the dataclasses of `mezan.api.http.schemas`: one, or page after page."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from .errors import ServerFailed
from .requests import Moment, as_of
from .steps import Flow, Give, Plan, Request, Send

T = TypeVar("T")
U = TypeVar("U")
Query = Mapping[str, str | float | None]


def got(kind: type[T], path: str, moment: Moment = None, query: Query | None = None, *, read: float = 30.0) -> Plan[T]:
    """What a GET answers, now or as of a moment."""
    answer = yield Send(Request("GET", path, {"as_of": as_of(moment), **(query or {})}, read=read))
    return read_json(kind, answer.content)


def pages(path: str, query: Query, moment: Moment, kind: type[T], items: Callable[[T], Iterable[U]]) -> Flow[U]:
    """The items of a page and of those that follow it (RFC 8288, ``next``); a page is asked for when its items are."""
    asked: Request | None = Request("GET", path, {"as_of": as_of(moment), **query})
    while asked is not None:
        answer = yield Send(asked)
        for item in items(read_json(kind, answer.content)):
            yield Give(item)
        asked = None if answer.next is None else Request("GET", answer.next)


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
