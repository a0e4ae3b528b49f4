"""A process that calls functions for this one: for what holds the GIL, or can be stopped only by being killed.

It runs `mezan.solvers.process`, and waits for the next call after each, for starting one and importing libraries takes longer than
most calls do. The caller's script is never imported there, so it needs no ``__main__`` guard; functions must live in modules.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from mezan.solvers.process import LENGTH

CHUNK = 2**18
ENDING = 0.5
"""Seconds that a process is left to end by itself."""
LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead, anyio.EndOfStream)


class Died(Exception):
    """The process ended in the middle of a call; the message is its exit code."""


class Child:
    """One process, for one call at a time."""

    def __init__(self, process: Process, answers: BufferedByteReceiveStream, environment: Mapping[str, str]) -> None:
        self._process, self._answers, self._environment = process, answers, environment
        self.calls = 0

    @classmethod
    async def start(cls) -> "Child":
        """A new one; what it prints goes to this process's standard error."""
        environment = _environment()
        command = [sys.executable, "-P", "-m", "mezan.solvers.process"]
        process = await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None, env=environment)
        if process.stdout is None:  # pragma: no cover - it was asked for
            raise anyio.BrokenResourceError
        return cls(process, BufferedByteReceiveStream(process.stdout), environment)

    @property
    def ready(self) -> bool:
        """Whether it lives, and finds the modules that a new one would find."""
        return self._process.returncode is None and self._environment == _environment()

    async def call(self, request: bytes) -> Any:
        """What a function returned. A call that ends in any other way than by an answer kills the process.

        Args:
            request: from :func:`packed`.

        Raises:
            Died: the process did.
            Exception: what the function raised.
        """
        self.calls += 1
        try:
            worked, result = await self._exchange(request)
        except LOST:
            await self.end()
            raise Died(f"exit code {self._process.returncode}") from None
        except BaseException:
            await self.kill()  # else the next call would get this one's answer
            raise
        if not worked:
            raise result
        return result

    async def end(self) -> None:
        """Let it end by itself, which it does when nobody can call it, and kill it if it does not."""
        with anyio.move_on_after(ENDING, shield=True):
            if self._process.stdin is not None:
                await self._process.stdin.aclose()
            await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Stop it at once."""
        with anyio.CancelScope(shield=True):
            if self._process.returncode is None:
                self._process.kill()
            await self._process.aclose()

    async def _exchange(self, request: bytes) -> tuple[bool, Any]:
        if self._process.stdin is None:  # pragma: no cover - it was asked for
            raise anyio.BrokenResourceError
        await self._process.stdin.send(LENGTH.pack(len(request)))
        for at in range(0, len(request), CHUNK):
            await self._process.stdin.send(request[at : at + CHUNK])
        (length,) = LENGTH.unpack(await self._answers.receive_exactly(LENGTH.size))
        result: tuple[bool, Any] = pickle.loads(await self._answers.receive_exactly(length))  # noqa: S301 - our own child wrote it
        return result


def packed(function: Callable[..., Any], *arguments: Any) -> bytes:
    """A request to call a module's function; raises what pickle raises for what cannot be sent."""
    return pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)


def _environment() -> Mapping[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
