"""The protocol over standard input and output: one JSON-RPC message a line.

The SDK's own transport holds lines of any length, and leaves a thread reading that keeps an interrupted process alive; this
one bounds what it holds, answers what it cannot read, and ends at once.
"""

import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from .backend import Backend
from .limits import Limits
from .lines import EDGE, TooLong, bounded_lines, id_in
from .server import server_for
from .tools import Session

Messages = MemoryObjectReceiveStream[SessionMessage | Exception]
Answers = MemoryObjectSendStream[SessionMessage]
GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


async def serve(backend: Backend, limits: Limits) -> None:
    """Serve one client on standard input and output until it closes the input."""
    server = server_for(Session(backend, limits))
    async with stdio(limits.message) as (messages, answers):
        await server.run(messages, answers, server.create_initialization_options())


@asynccontextmanager
async def stdio(limit: int) -> AsyncIterator[tuple[Messages, Answers]]:
    """The process's standard streams as messages of at most ``limit`` bytes. Whatever else is printed meanwhile goes to stderr."""
    into, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, outof = anyio.create_memory_object_stream[SessionMessage](0)
    complaints = answers.clone()
    with _claimed() as (source, sink):
        async with BlockingPortal() as portal, anyio.create_task_group() as tasks:
            reader = threading.Thread(
                target=_read, args=(portal, source, limit, into, complaints), name="mezan-mcp-stdin", daemon=True
            )
            tasks.start_soon(_write, sink, outof, into)
            reader.start()
            try:
                yield messages, answers
            finally:
                # the server has closed `answers`; what it wrote last still goes out
                complaints.close()
                answers.close()
                messages.close()
                with anyio.CancelScope(shield=True):
                    await portal.stop(cancel_remaining=True)


def _read(
    portal: BlockingPortal,
    source: int,
    limit: int,
    into: MemoryObjectSendStream[SessionMessage | Exception],
    complaints: Answers,
) -> None:
    """Read messages until the input ends; a thread of its own, which nobody waits for when the process ends."""
    # the portal is stopped, or a stream is closed: nobody listens any more
    with suppress(RuntimeError, CancelledError, *GONE):
        try:
            for line in bounded_lines(source, limit):
                if isinstance(line, TooLong):
                    msg = f"a message must be at most {limit} bytes long; got {line.length}: send less, or use --max-message"
                    portal.call(complaints.send, _error(line.id, types.INVALID_REQUEST, msg))
                elif line.strip():
                    try:
                        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValidationError:
                        msg = (
                            f"a message must be one JSON-RPC 2.0 object a line, not nested too deep; got {line[:40]!r}"
                        )
                        portal.call(complaints.send, _error(id_in(line[:EDGE], line[-EDGE:]), types.PARSE_ERROR, msg))
                    else:
                        portal.call(into.send, SessionMessage(message))
        finally:
            portal.call(into.aclose)


async def _write(sink: int, outof: MemoryObjectReceiveStream[SessionMessage], into: Any) -> None:
    async with outof:
        async for answer in outof:
            content = answer.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
            try:
                await anyio.to_thread.run_sync(_write_all, sink, content, abandon_on_cancel=True)
            except OSError:  # the client is gone
                into.close()
                return


def _write_all(sink: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(sink, view) :]


def _error(id_: int | str | None, code: int, message: str) -> SessionMessage:
    error = types.ErrorData(code=code, message=message)
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=id_, error=error))


@contextmanager
def _claimed() -> Iterator[tuple[int, int]]:
    """Standard input and output for the protocol alone: meanwhile, others read nothing and print to standard error."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        yield source, sink
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(source, 0)
        os.dup2(sink, 1)
        os.close(nothing)
        os.close(sink)  # the reader may still wait on the other one
