"""Events on the wire, and their fan-out: one subscription to the log serves every listener, each event encoded once."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any

import anyio
import orjson

from mezan.api.views.times import when
from mezan.engine.events import TERMINAL
from mezan.engine.log import EventLog, Recorded

PAGE = 500
PENDING = 4_096
"""Frames that wait for a slow listener; beyond, it reads from the log again."""
BEAT = 15.0
"""Seconds between signs of life on a quiet stream."""


def wire(recorded: Recorded) -> dict[str, Any]:
    """An event as the API gives it; ``data`` in the current schema of its type."""
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "type": recorded.type,
        "schema": recorded.schema,
        "data": recorded.data,
        "causation": recorded.causation,
        "correlation": recorded.correlation,
        "actor": recorded.actor,
        "recorded_at": when(recorded.recorded_at),
        "digest": recorded.digest.hex(),
        "hash": recorded.hash.hex(),
    }


class Frame:
    """One event, encoded at most once per transport."""

    __slots__ = ("_json", "_sse", "position", "recorded", "terminal")

    def __init__(self, recorded: Recorded) -> None:
        self.recorded, self.position = recorded, recorded.position
        self.terminal = recorded.type in TERMINAL
        self._json: bytes | None = None
        self._sse: bytes | None = None

    @property
    def json(self) -> bytes:
        """As one JSON object."""
        if self._json is None:
            self._json = orjson.dumps(wire(self.recorded))
        return self._json

    @property
    def sse(self) -> bytes:
        """As a server-sent event whose id is the position."""
        if self._sse is None:
            kind = self.recorded.type.encode()
            self._sse = b"id: %d\nevent: %b\ndata: %b\n\n" % (self.position, kind, self.json)
        return self._sse


class _Listener:
    __slots__ = ("missed", "pending", "woken")

    def __init__(self) -> None:
        self.pending: deque[Frame] = deque()
        self.woken = anyio.Event()
        self.missed = False


class Broadcast:
    """Delivers commits, of this and other processes, to any number of listeners of one stream or of all."""

    def __init__(self, log: EventLog, position: int) -> None:
        self._log, self.position = log, position
        self._listeners: defaultdict[str | None, set[_Listener]] = defaultdict(set)
        self._closed, self._moved = False, anyio.Event()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        async for recorded in self._log.subscribe(after=self.position):
            self.position = recorded.position
            self._moved.set()
            mine, every = self._listeners.get(recorded.stream), self._listeners.get(None)
            if not mine and not every:
                continue
            frame = Frame(recorded)
            for listener in (*(mine or ()), *(every or ())):
                if len(listener.pending) >= PENDING:
                    listener.pending.clear()
                    listener.missed = True
                elif not listener.missed:
                    listener.pending.append(frame)
                listener.woken.set()

    def close(self) -> None:
        """End every listener's stream: the server is going down, and they will come back with their position."""
        self._closed = True
        self._moved.set()
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.woken.set()

    async def positions(self) -> AsyncIterator[int | None]:
        """The last position, and again whenever there are later ones; None is a sign of life."""
        told = -1
        while not self._closed:
            if self.position != told:
                told = self.position
                yield told
                continue
            self._moved = anyio.Event() if self._moved.is_set() else self._moved
            with anyio.move_on_after(BEAT) as waited:
                await self._moved.wait()
            if waited.cancelled_caught:
                yield None

    async def frames(self, stream: str | None, after: int) -> AsyncIterator[list[Frame]]:
        """Every event after a position, in order and each once: those recorded first, then live; empty lists are signs of life."""
        listener = _Listener()
        self._listeners[stream].add(listener)
        try:
            while not self._closed:
                listener.missed = False
                upto = self.position  # whatever is beyond goes to the listener
                while after < upto:
                    page = await self._log.read(after=after, upto=upto, stream=stream, limit=PAGE)
                    if page:
                        yield [Frame(recorded) for recorded in page]
                    after = page[-1].position if len(page) == PAGE else upto
                while not listener.missed and not self._closed:
                    batch = [frame for frame in listener.pending if frame.position > after]
                    listener.pending.clear()
                    if batch:
                        after = batch[-1].position
                        yield batch
                        continue
                    listener.woken = anyio.Event()
                    with anyio.move_on_after(BEAT) as waited:
                        await listener.woken.wait()
                    if waited.cancelled_caught:
                        yield []
        finally:
            listeners = self._listeners[stream]
            listeners.discard(listener)
            if not listeners:
                del self._listeners[stream]
