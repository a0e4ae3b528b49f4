"""The two clients. Each carries plans out in its own way; what the plans are is in `calls`."""

from collections.abc import AsyncGenerator, Generator
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx

from mezan.solvers.errors import BadInput

from . import calls
from .machine import Machine
from .operation import Iteration, Operation
from .steps import Flow, Give, Plan
from .wires import AsyncWire, Wire

T = TypeVar("T")
PATIENCE = 30.0


class _Bearer(httpx.Auth):
    """Says with each request to one server who sends it; other hosts, whatever links lead there, are told nothing."""

    def __init__(self, url: str, key: str | None) -> None:
        if key is not None and not (key.isascii() and key.isprintable() and key and " " not in key):
            msg = "an API key or token must be printable ASCII without blanks; the one that was given is not"
            raise BadInput(msg)
        self._header = None if key is None else f"Bearer {key}"
        self._origin = _origin(httpx.URL(url))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        if self._header is not None and _origin(request.url) == self._origin:
            request.headers["Authorization"] = self._header
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


class _Calls:
    """What both can do."""

    submit = Operation(calls.submit)
    submit_file = Operation(calls.submit_file)
    solve = Operation(calls.solve)
    predict = Operation(calls.predict)
    run = Operation(calls.run)
    runs = Iteration(calls.runs)
    result = Operation(calls.result)
    cancel = Operation(calls.cancel)
    events = Iteration(calls.events)
    why = Operation(calls.why)
    replay = Operation(calls.replay)
    artifact = Operation(calls.artifact)
    leaderboard = Operation(calls.leaderboard)
    rating_history = Operation(calls.rating_history)
    clusters = Operation(calls.clusters)
    profiles = Operation(calls.profiles)
    solvers = Operation(calls.solvers)
    solver = Operation(calls.solver)
    policies = Operation(calls.policies)
    lab = Operation(calls.lab)
    experiments = Operation(calls.experiments)
    log = Iteration(calls.log)
    follow_log = Iteration(calls.follow_log)
    head = Operation(calls.head)
    verify_log = Operation(calls.verify_log)
    projections = Operation(calls.projections)
    rebuild = Operation(calls.rebuild)
    health = Operation(calls.health)

    def __init__(self, url: str, patience: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"a server's address must be like http://127.0.0.1:8000; got {url[:80]!r}"
            raise BadInput(msg)
        self.url, self.patience = url.rstrip("/"), patience

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


class Client(_Calls):
    """Calls a server, and blocks. Use it in a ``with`` block, or close it.

    Args:
        url: the server's address.
        api_key: of a server with accounts: an API key or an access token.
        patience: seconds for which requests are repeated while the server is away; 0 never repeats.
        transport: another way to reach it; see httpx.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        patience: float = PATIENCE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, patience)
        self._http = httpx.Client(base_url=self.url, transport=transport, auth=_Bearer(self.url, api_key))

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def drive(self, plan: Plan[T]) -> T:
        """Carry a plan out, and return its result."""
        machine = Machine(plan, self.patience)
        for _ in self._carry(machine):
            raise AssertionError  # pragma: no cover - a plan gives nothing
        value: T = machine.value
        return value

    def iterate(self, flow: Flow[T]) -> Generator[T, None, None]:
        """Carry a flow out as far as its items are asked for."""
        return self._carry(Machine(flow, self.patience))

    def _carry(self, machine: Machine) -> Generator[Any, None, None]:
        wire = Wire(self._http)
        try:
            for step in machine:
                if isinstance(step, Give):
                    yield step.item
                    continue
                try:
                    machine.outcome = wire.perform(step)
                except httpx.TransportError as error:
                    machine.failure = error
        finally:
            machine.close()
            wire.close()


class AsyncClient(_Calls):
    """The same, awaited: what returns a value on :class:`Client` is awaited here, and what iterates is an ``async for``.

    What iterates is an asynchronous generator: close one that is left early by `contextlib.aclosing`.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        patience: float = PATIENCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, patience)
        self._http = httpx.AsyncClient(base_url=self.url, transport=transport, auth=_Bearer(self.url, api_key))

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def drive(self, plan: Plan[T]) -> T:
        """Carry a plan out, and return its result."""
        machine = Machine(plan, self.patience)
        async for _ in self._carry(machine):
            raise AssertionError  # pragma: no cover - a plan gives nothing
        value: T = machine.value
        return value

    def iterate(self, flow: Flow[T]) -> AsyncGenerator[T, None]:
        """Carry a flow out as far as its items are asked for."""
        return self._carry(Machine(flow, self.patience))

    async def _carry(self, machine: Machine) -> AsyncGenerator[Any, None]:
        wire = AsyncWire(self._http)
        try:
            for step in machine:
                if isinstance(step, Give):
                    yield step.item
                    continue
                try:
                    machine.outcome = await wire.perform(step)
                except httpx.TransportError as error:
                    machine.failure = error
        finally:
            machine.close()
            with anyio.CancelScope(shield=True):
                await wire.close()
