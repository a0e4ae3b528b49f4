"""Answers that were given already: a read is a function of its URL and of the position that it is the fold of."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

MOST: Final = 32 * 2**20
"""Bytes that are kept."""
LARGEST: Final = 2**18
"""Bytes of an answer that is kept."""
Key = tuple[str, str, int]


class Answers:
    """The latest answers by URL and position, the least recently used forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._size = most, 0
        self._kept: OrderedDict[Key, tuple[bytes, Mapping[str, str]]] = OrderedDict()

    def get(self, request: Request, position: int) -> tuple[bytes, Mapping[str, str]] | None:
        """Body and headers, if the same was asked at this position."""
        key = _key(request, position)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, request: Request, position: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Remember an answer, unless it is large."""
        key = _key(request, position)
        if len(body) > LARGEST or key in self._kept:
            return
        self._kept[key] = body, headers
        self._size += len(body)
        while self._size > self._most:
            _, (old, _) = self._kept.popitem(last=False)
            self._size -= len(old)


def _key(request: Request, position: int) -> Key:
    return request.url.path, request.url.query, position
