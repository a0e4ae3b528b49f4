"""Server-sent events (WHATWG HTML, section 9.2) that go on where they broke."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import httpx

from .reading import read_json
from .steps import Flow, Give, Open, Read, Request, Sleep

T = TypeVar("T")
SILENCE = 45.0
"""Seconds without a sign of life (the server gives one each 15) after which the connection is taken for dead."""
PAUSE = 0.2
"""Seconds before a stream that told nothing is opened again."""


class Decoder:
    """Bytes to (id, data) pairs; keeps what is not complete yet."""

    def __init__(self) -> None:
        self._rest = b""
        self._id, self._data = "", []  # type: ignore[var-annotated]

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that are complete by now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if name == b"id":
                self._id = value.decode()
            elif name == b"data":
                self._data.append(value)
            elif not name and not value and self._data:
                yield self._id, b"\n".join(self._data)
                self._data = []


def followed(kind: type[T], path: str, query: Mapping[str, str | float | None], after: int) -> Flow[T]:
    """What a live stream tells after a position, until it ends for good: 204, which says that nothing will follow."""
    last = str(after)
    while True:
        headers = {"accept": "text/event-stream", "last-event-id": last}
        answer = yield Open(Request("GET", path, query, headers=headers, read=SILENCE))
        if answer.status == 204:
            return
        decoder, moved = Decoder(), False
        while True:
            try:
                chunk = yield Read()
            except httpx.TransportError:
                chunk = None
            if chunk is None:
                break
            for name, data in decoder.feed(chunk):
                yield Give(read_json(kind, data))
                last, moved = name, True
        if not moved:
            yield Sleep(PAUSE)
