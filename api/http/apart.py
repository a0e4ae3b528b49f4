"""Large bodies are decoded in a process of its own: decoders hold the GIL for as long as they work, and with it the event loop.

``python -m mezan.api.http.apart`` answers one call after the other, as pickles on its pipes. The caller's script is never
imported, so it needs no ``__main__`` guard.
"""

import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, TypeVarTuple

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from mezan.solvers.catalog import Catalog
from mezan.solvers.pack import Array, unpack
from mezan.solvers.problem import Problem

from .problems import Refused

LENGTH = struct.Struct("<Q")
CHUNK = 2**18
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A problem between two processes: its packed content, and the fields that are no content."""

    family: str
    content: bytes
    about: dict[str, Any]


def parcel(problem: Problem) -> Parcel:
    """Wrap a problem up."""
    content: dict[str, Array] = problem.content()
    about = {name: value for name, value in problem if name not in content}
    return Parcel(problem.family, problem.packed()[0], about)


def opened(sent: Parcel, catalog: Catalog) -> Problem:
    """Unwrap it; the rules of its family are checked again."""
    built: Problem = catalog.family(sent.family).problem.from_content(unpack(sent.content))
    return built.model_copy(update=sent.about)


class Apart:
    """The process; it is started when it is first needed, and serves one call at a time."""

    def __init__(self) -> None:
        self._turn = anyio.Lock()
        self._process: Process | None = None
        self._answers: BufferedByteReceiveStream | None = None

    async def call(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Call a module's function there.

        Raises:
            Refused: the process died.
            Exception: what the function raised.
        """
        request = pickle.dumps((function, arguments))
        async with self._turn:
            try:
                worked, result = await self._exchange(request)
            except BaseException as error:
                await self._kill()  # else the next call would get this one's answer
                if isinstance(error, anyio.BrokenResourceError | anyio.IncompleteRead | anyio.EndOfStream):
                    raise Refused("internal", "the process that reads large bodies died; send the request again") from None  # fmt: skip
                raise
        if not worked:
            raise result
        answer: T = result
        return answer

    async def close(self) -> None:
        """End it."""
        with anyio.CancelScope(shield=True):
            await self._kill()

    async def _exchange(self, request: bytes) -> tuple[bool, Any]:
        process, answers = await self._started()
        if process.stdin is None:  # pragma: no cover - it was asked for
            raise anyio.BrokenResourceError
        await process.stdin.send(LENGTH.pack(len(request)))
        for at in range(0, len(request), CHUNK):
            await process.stdin.send(request[at : at + CHUNK])
        (length,) = LENGTH.unpack(await answers.receive_exactly(LENGTH.size))
        result: tuple[bool, Any] = pickle.loads(await answers.receive_exactly(length))  # noqa: S301 - our own child wrote it
        return result

    async def _started(self) -> tuple[Process, BufferedByteReceiveStream]:
        if self._process is None or self._answers is None or self._process.returncode is not None:
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            command = [sys.executable, "-P", "-m", "mezan.api.http.apart"]
            self._process = await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None, env=environment)
            if self._process.stdout is None:  # pragma: no cover - it was asked for
                raise anyio.BrokenResourceError
            self._answers = BufferedByteReceiveStream(self._process.stdout)
        return self._process, self._answers

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.aclose()


def main() -> None:
    """Answer calls until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while header := sys.stdin.buffer.read(LENGTH.size):
        (length,) = LENGTH.unpack(header)
        _answer(answers, sys.stdin.buffer.read(length))


def _answer(answers: BinaryIO, request: bytes) -> None:
    result: tuple[bool, object]
    try:
        function, arguments = pickle.loads(request)  # noqa: S301 - our own parent wrote it
        result = True, function(*arguments)
    except Exception as error:  # noqa: BLE001 - the parent raises it
        result = False, error
    content = pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)
    answers.write(LENGTH.pack(len(content)))
    answers.write(content)
    answers.flush()


if __name__ == "__main__":
    main()
