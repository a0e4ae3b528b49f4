"""Steps performed over httpx: blocking and awaited."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx

from .steps import Answer, Clock, Open, Read, Request, Send, Sleep, Step

CONNECT = 5.0
"""Seconds to reach the server in."""


class Wire:
    """Blocks."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._open: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def perform(self, step: Step) -> Any:
        """The step's outcome; raises httpx.TransportError."""
        match step:
            case Send(request):
                return _answer(self._http.send(_built(self._http, request)))
            case Open(request):
                self.close()
                self._open = response = self._http.send(_built(self._http, request), stream=True)
                if response.status_code != 200:
                    response.read()
                self._chunks = response.iter_bytes()
                return _answer(response)
            case Read():
                return next(self._chunks, None)
            case Sleep(seconds):
                time.sleep(seconds)
                return None
            case Clock():
                return time.monotonic()

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()


class AsyncWire:
    """Awaits."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._open: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def perform(self, step: Step) -> Any:
        """The step's outcome; raises httpx.TransportError."""
        match step:
            case Send(request):
                return _answer(await self._http.send(_built(self._http, request)))
            case Open(request):
                await self.close()
                self._open = response = await self._http.send(_built(self._http, request), stream=True)
                if response.status_code != 200:
                    await response.aread()
                self._chunks = response.aiter_bytes()
                return _answer(response)
            case Read():
                return None if self._chunks is None else await anext(self._chunks, None)
            case Sleep(seconds):
                await anyio.sleep(seconds)
                return None
            case Clock():
                return time.monotonic()

    async def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            await self._open.aclose()


def _built(http: httpx.Client | httpx.AsyncClient, request: Request) -> httpx.Request:
    query = {name: value for name, value in request.query.items() if value is not None}
    return http.build_request(
        request.method,
        request.path,
        params=query or None,
        content=request.content,
        headers=dict(request.headers),
        timeout=httpx.Timeout(CONNECT, read=request.read, write=request.read),
    )


def _answer(response: httpx.Response) -> Answer:
    content = response.content if response.is_closed else b""
    return Answer(response.status_code, response.headers, content, response.links.get("next", {}).get("url"))
