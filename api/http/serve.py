"""A server of its own: engines, the applications over them, and uvicorn."""

import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from socket import IPPROTO_TCP, TCP_NODELAY
from socket import socket as Socket  # noqa: N812
from typing import Any

import anyio
import uvicorn
from starlette.types import ASGIApp

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import accounts_exist, open_accounts
from mezan.api.limits.desk import Limits as Rates
from mezan.api.limits.logins import Logins
from mezan.api.limits.policy import policies
from mezan.api.limits.quotas import Quota
from mezan.api.limits.shared import Shared
from mezan.api.open import open_engine, slots
from mezan.solvers.errors import BadInput

from .app import project_app
from .gate import Gate
from .guard import Guard, Limits
from .projects import Alone, Application, open_projects

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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def names_of(host: str, given: Sequence[str], *, accounts: bool) -> frozenset[str]:
    """The host names that are answered: this machine's, the address that is bound, and those that are given.

    Raises:
        BadInput: others can reach the address, and there are no accounts; or every address is bound and no name is given.
    """
    if is_loopback(host):
        return Limits().hosts | set(given)
    if not accounts:
        msg = (
            "without accounts the server must be bound to this machine only (127.0.0.1, ::1, localhost); "
            f"got {host[:80]!r}: make the first account with `mezan users add NAME --role admin`, or leave --no-accounts out"
        )
        raise BadInput(msg)
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        if not given:
            msg = f"a server that is bound to every address ({host}) must know its names: give each with --host-name"
            raise BadInput(msg)
        return Limits().hosts | set(given)
    return Limits().hosts | {host} | set(given)


@dataclass(frozen=True, slots=True)
class TLS:
    """A certificate chain and its private key, as PEM files."""

    certificate: str
    key: str

    def check(self) -> None:
        """Raise BadInput unless they can be served."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, lambda: "")
        except (OSError, ssl.SSLError) as error:
            msg = f"--tls-cert and --tls-key must be a certificate and its unencrypted key as PEM files; got {self.certificate!r} and {self.key!r} ({error})"
            raise BadInput(msg) from None


@dataclass(frozen=True, slots=True)
class Started:
    """A server that takes requests."""

    address: str
    accounts: bool
    anybody: bool


async def serve(
    url: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    host_names: Sequence[str] = (),
    accounts: bool | None = None,
    tls: TLS | None = None,
    rates: Mapping[str, str] | None = None,
    shared_limits: bool = False,
    quotas: Mapping[str, Quota] | None = None,
    max_body: int = Limits().max_body,
    started: Callable[[Started], None] = lambda _: None,
    **options: Any,
) -> None:
    """Serve a database until SIGINT or SIGTERM; the second one leaves at once.

    Args:
        url: as for `mezan.api.open_engine`.
        host: an address of this machine; without accounts a loopback one.
        port: 0 takes a free one.
        host_names: more names that the server answers to.
        accounts: whether everybody must say who they are; default: if there is any account.
        tls: serve HTTPS.
        rates: limits on rates by name, with accounts; see `mezan.api.limits.policy.policies`.
        shared_limits: count requests in a file, together with the other servers of the database, not in this process.
        quotas: of each ``actor`` and of a ``project``, with accounts.
        max_body: bytes that a request may send.
        started: called once it takes requests.
        options: more of `open_engine`'s.

    Raises:
        BadInput: the host is reachable from elsewhere and there are no accounts, or the port is taken, or TLS cannot be had.
        StoreError: the database cannot be used.
    """
    if tls is not None:
        tls.check()
    async with _door(url, wanted=accounts) as (door, shelf):
        limits = Limits(max_body, names_of(host, host_names, accounts=door is not None))
        async with _application(url, door, quotas or {}, options) as app:
            gate = None
            if door is not None:
                gate = Gate(app, door, Rates(policies(rates or {}), shelf=shelf if shared_limits else None))
            await _serve(app, Guard(gate or app, limits, gate), host, port, tls, partial(_tell, started, door))


@asynccontextmanager
async def _door(url: str, *, wanted: bool | None) -> AsyncIterator[tuple[Door | None, Shared | None]]:
    """The way in to the accounts, if there are any or they are wanted, and the file that counts its attempts."""
    if wanted is False or (wanted is None and not accounts_exist(url)):
        yield None, None
        return
    async with open_accounts(url) as accounts:
        if not (wanted or accounts.on):
            yield None, None
            return
        # failed logins are counted in a file: a crash does not forgive them
        with closing(Shared(accounts.files.limits)) as shelf:
            yield Door(accounts, Logins(shelf=shelf)), shelf


@asynccontextmanager
async def _application(
    url: str, door: Door | None, quotas: Mapping[str, Quota], options: dict[str, Any]
) -> AsyncIterator[Application]:
    if door is not None:
        make = partial(project_app, door=door, quotas=quotas)
        async with open_projects(
            door.accounts.files, make, shared=slots(options.get("capacity")), hand_over=True, **options
        ) as projects:
            known = door.accounts.principals.projects.values()
            projects.resume([p.name for p in known if not p.disabled and door.accounts.files.project(p.name).exists()])
            yield projects
        return
    async with open_engine(url, hand_over=True, **options) as engine:
        app = project_app(engine)
        async with app.router.lifespan_context(app):
            yield Alone(app)


def _tell(started: Callable[[Started], None], door: Door | None, address: str) -> None:
    started(Started(address, door is not None, door is None or door.accounts.on))


async def _serve(
    app: Application, whole: ASGIApp, host: str, port: int, tls: TLS | None, started: Callable[[str], None]
) -> None:
    config = uvicorn.Config(
        whole,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # an address that the caller makes up would get it past limits per address
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
        ws_max_size=2**16,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    try:
        bound = config.bind_socket()
    except (OSError, SystemExit) as error:
        msg = f"the port must be free; {host}:{port} is not ({error}): choose another with --port"
        raise BadInput(msg) from None
    # uvicorn's sockets do not name their protocol, and asyncio then leaves Nagle's algorithm on: 40 ms an answer
    bound.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    scheme = "http" if tls is None else "https"
    address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
    server = _Server(config, lambda: started(address))
    config.load()
    async with anyio.create_task_group() as tasks:

        async def close() -> None:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
                async for _ in received:
                    server.force_exit = server.should_exit
                    server.should_exit = True
                    app.hush()

        tasks.start_soon(close)
        await server.serve(sockets=[bound])
        tasks.cancel_scope.cancel()
