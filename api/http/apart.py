"""Large bodies are decoded in a process of its own: decoders hold the GIL for as long as they work, and with it the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple

import anyio

from mezan.engine.child import Child, Died, packed
from mezan.solvers.catalog import Catalog
from mezan.solvers.pack import Array, unpack
from mezan.solvers.problem import Problem

from .problems import Refused

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
        self._child: Child | None = None

    async def call(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Call a module's function there.

        Raises:
            Refused: the process died.
            Exception: what the function raised.
        """
        request = packed(function, *arguments)
        async with self._turn:
            if self._child is None or not self._child.ready:
                await self.close()
                self._child = await Child.start()
            try:
                answer: T = await self._child.call(request)
            except Died:
                raise Refused("internal", "the process that reads large bodies died; send the request again") from None
        return answer

    async def close(self) -> None:
        """End it."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()
