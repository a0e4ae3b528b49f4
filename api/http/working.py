"""Answers that take a while: with their progress if the caller listens to events, and stopped when it leaves."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import orjson
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mezan.solvers.errors import MezanError

from .moments import reply
from .problems import KINDS, Refused, code_of, details
from .streams import EVENT_STREAM, HEADERS

Progress = Callable[[int, int], None]
Work = Callable[[Progress], Awaitable[dict[str, Any]]]
TELL = 0.1
"""Seconds between two signs of progress, at least."""


class Working(Response):
    """Does the work while it answers: one JSON document, or ``progress`` events and at last ``result`` or ``problem``."""

    def __init__(self, request: Request, work: Work) -> None:
        super().__init__()
        self._work, self._listening = work, EVENT_STREAM in request.headers.get("accept", "")
        self._done, self._of = 0, 0
        self._moved = anyio.Event()
        self._result: dict[str, Any] | None = None
        self._error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; raises what the work raised, where nothing has been sent yet."""
        async with anyio.create_task_group() as tasks:

            async def left() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(left)
            tasks.start_soon(self._run)
            if self._listening:
                await self._tell(send)
            else:
                while self._result is None and self._error is None:
                    await self._moved.wait()
                    self._moved = anyio.Event()
            tasks.cancel_scope.cancel()
        if self._listening:
            return
        if self._error is not None:
            raise self._error
        if self._result is not None:
            await reply(self._result)(scope, receive, send)

    async def _run(self) -> None:
        def progress(done: int, of: int) -> None:
            self._done, self._of = done, of
            self._moved.set()

        try:
            self._result = await self._work(progress)
        except Exception as error:  # noqa: BLE001 - it is answered, or raised where the framework sees it
            self._error = error
        self._moved.set()

    async def _tell(self, send: Send) -> None:
        given = {"content-type": EVENT_STREAM, **HEADERS}
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            await self._moved.wait()
            self._moved = anyio.Event()
            over = self._result is not None or self._error is not None
            if over:
                kind, document = ("result", self._result) if self._error is None else ("problem", _problem(self._error))
            else:
                kind, document = "progress", {"done": self._done, "of": self._of}
            body = b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(document, default=str))
            await send({"type": "http.response.body", "body": body, "more_body": not over})
            if over:
                return
            await anyio.sleep(TELL)


def _problem(error: Exception) -> dict[str, Any]:
    code = error.code if isinstance(error, Refused) else code_of(error) if isinstance(error, MezanError) else "internal"
    detail = str(error) if isinstance(error, (Refused, MezanError)) else KINDS[code].title
    return details(code, detail)
