"""Server-sent events and their WebSocket twin: resumable by position."""

from collections.abc import AsyncIterator

import anyio
from fastapi import Request, WebSocket
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocketDisconnect

from .events import Broadcast
from .problems import Refused

ALIVE = b": alive\n\n"
RETRY = b"retry: 1000\n\n"
"""What a stream begins with: where it breaks, browsers come back after a second."""
EVENT_STREAM = "text/event-stream"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Nobody in between may keep a stream, or hold it up."""


def position_from(request: Request | WebSocket, given: int | None) -> int:
    """Where a reader goes on: after its ``Last-Event-ID``, else after the position in the query."""
    last = request.headers.get("last-event-id")
    if last is None:
        return given or 0
    if not last.isdecimal() or len(last) > 18:
        raise Refused("bad-parameters", f"Last-Event-ID must be a log position; got {last[:40]!r}")
    return int(last)


def event_stream(content: AsyncIterator[bytes]) -> Response:
    """Server-sent events as they are made; the first of them is :data:`RETRY`."""
    return StreamingResponse(content, headers=HEADERS, media_type=EVENT_STREAM)


def sse(broadcast: Broadcast, stream: str | None, after: int, *, ended_at: int | None = None) -> Response:
    """Events as they happen. A run that is over and was read to its end answers 204, which tells browsers to stop."""
    if ended_at is not None and after >= ended_at:
        return Response(status_code=204)
    return event_stream(_sse(broadcast, stream, after))


async def _sse(broadcast: Broadcast, stream: str | None, after: int) -> AsyncIterator[bytes]:
    yield RETRY
    async for frames in broadcast.frames(stream, after):
        if not frames:
            yield ALIVE
            continue
        yield b"".join([frame.sse for frame in frames])
        if stream is not None and any(frame.terminal for frame in frames):
            return


async def websocket(socket: WebSocket, broadcast: Broadcast, stream: str | None, after: int) -> None:
    """One JSON text per event; the socket closes normally after a run's last."""
    await socket.accept()
    async with anyio.create_task_group() as tasks:

        async def leave() -> None:
            while (await socket.receive())["type"] != "websocket.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(leave)
        try:
            async for frames in broadcast.frames(stream, after):
                for frame in frames:
                    await socket.send_text(frame.json.decode())
                if stream is not None and any(frame.terminal for frame in frames):
                    break
            await socket.close()
        except WebSocketDisconnect:
            pass
        tasks.cancel_scope.cancel()
