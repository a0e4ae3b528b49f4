"""A server of its own: an engine, the application over it, and uvicorn."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from ipaddress import ip_address
from socket import IPPROTO_TCP, TCP_NODELAY
from socket import socket as Socket  # noqa: N812
from typing import Any

import anyio
import uvicorn

from mezan.api.open import open_engine
from mezan.solvers.errors import BadInput

from .app import create_app
from .guard import Limits

GRACE = 5
"""Seconds that open answers get to finish when the server closes."""


class _Server(uvicorn.Server):
    """Leaves signals to :func:`serve`, and tells when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[Socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def loop_options() -> dict[str, Any]:
    """For ``anyio.run``: uvloop where it is installed, which takes a quarter of the time off every answer."""
    return {"use_uvloop": find_spec("uvloop") is not None}


def lift_file_limit() -> None:
    """Let this process hold as many connections as the system allows: each is a file, and shells often allow 1,024."""
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_host(host: str) -> None:
    """Raise BadInput for an address that others can reach: there are no accounts yet."""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        msg = f"the server has no accounts, so it must be bound to this machine only (127.0.0.1, ::1, localhost); got {host[:80]!r}"
        raise BadInput(msg)


async def serve(
    url: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_body: int = Limits().max_body,
    started: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> None:
    """Serve a database until SIGINT or SIGTERM; the second one leaves at once.

    Args:
        url: as for `mezan.api.open_engine`.
        host: a loopback address.
        port: 0 takes a free one.
        max_body: bytes that a request may send.
        started: called with the server's address once it takes requests.
        options: more of `open_engine`'s.

    Raises:
        BadInput: the host is reachable from elsewhere, or the port is taken.
        StoreError: the database cannot be used.
    """
    check_host(host)
    async with open_engine(url, hand_over=True, **options) as engine:
        app = create_app(engine, Limits(max_body=max_body))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GRACE,
            ws_max_size=2**16,
        )
        try:
            bound = config.bind_socket()
        except (OSError, SystemExit) as error:
            msg = f"the port must be free; {host}:{port} is not ({error}): choose another with --port"
            raise BadInput(msg) from None
        # uvicorn's sockets do not name their protocol, and asyncio then leaves Nagle's algorithm on: 40 ms an answer
        bound.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        address = f"http://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
        server = _Server(config, lambda: started(address))
        config.load()
        async with anyio.create_task_group() as tasks:

            async def close() -> None:
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
                    async for _ in received:
                        server.force_exit = server.should_exit
                        server.should_exit = True
                        app.state.broadcast.close()

            tasks.start_soon(close)
            await server.serve(sockets=[bound])
            tasks.cancel_scope.cancel()
