"""Every project of a server: an engine and an application each, which see nothing of the others."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

import anyio
import anyio.abc
import structlog
from fastapi import FastAPI
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from mezan.api.accounts.files import Files
from mezan.api.accounts.principal import Principal
from mezan.api.open import open_engine
from mezan.engine.context import acting
from mezan.engine.engine import Engine
from mezan.projections.principals import DEFAULT_PROJECT
from mezan.solvers.errors import MezanError

from .access import PRINCIPAL, Everybody
from .express import Express
from .problems import code_of, problem

_log = structlog.get_logger(__name__)
Make = Callable[[Engine], FastAPI]


class Closing(MezanError):
    """Raised when a project is asked for while the server ends."""

    code = "closing"


class Application(Protocol):
    """What is served: an ASGI application that can end its live streams."""

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None: ...

    def hush(self) -> None:
        """End what would go on for ever: the server is going down."""


class Alone(Everybody):
    """The one application of a server without accounts."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(Express(app, of=app))
        self._broadcast = app.state.broadcast

    def hush(self) -> None:
        """End every stream of events."""
        self._broadcast.close()


class _Project:
    """One that is being opened, or is open, or has failed."""

    def __init__(self) -> None:
        self.settled = anyio.Event()
        self.app: Express | None = None
        self.error: Exception | None = None


class Projects:
    """Answers each request by the application of its principal's project; whoever is unknown gets the default project's.

    A project is opened when somebody of it first asks, or by :meth:`resume`, and kept. One that breaks is opened again at the next request.
    """

    def __init__(self, tasks: anyio.abc.TaskGroup, files: Files, make: Make, options: dict[str, Any]) -> None:
        self._tasks, self._files, self._make, self._options = tasks, files, make, options
        self._projects: dict[str, _Project] = {}
        self._ending = anyio.Event()

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        principal: Principal | None = scope.get(PRINCIPAL)
        try:
            app = await self._opened(DEFAULT_PROJECT if principal is None else principal.project)
        except MezanError as error:
            _log.error("project cannot be opened", project=principal and principal.project, error=str(error))
            await problem(code_of(error), "the project cannot be opened; the server's log says why")(
                scope, receive, send
            )
            return
        await app(scope, receive, send)

    async def app(self, name: str) -> FastAPI:
        """The application of a project; it must exist.

        Raises:
            MezanError: it cannot be opened.
        """
        return (await self._opened(name)).of

    async def _opened(self, name: str) -> Express:
        project = self._projects.get(name)
        if project is None:
            if self._ending.is_set():
                raise Closing("the server ends; ask again in a moment")
            project = self._projects[name] = _Project()
            with acting(as_actor="local"):  # its background work is not done in the name of whoever asked first
                self._tasks.start_soon(self._keep, name, project)
        if not project.settled.is_set():
            await project.settled.wait()
        if project.app is None:
            raise project.error or Closing("the server ends; ask again in a moment")
        return project.app

    def resume(self, names: Sequence[str]) -> None:
        """Open projects one after the other, so that runs which a server before has left go on though nobody asks."""
        self._tasks.start_soon(self._resume, names)

    async def _resume(self, names: Sequence[str]) -> None:
        for name in names:
            with suppress(MezanError):  # told to whoever asks
                await self.app(name)

    async def _keep(self, name: str, project: _Project) -> None:
        try:
            path = self._files.project(name)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            async with open_engine(self._files.project_url(name), **self._options) as engine:
                app = self._make(engine)
                async with app.router.lifespan_context(app):
                    project.app = Express(app, of=app)
                    project.settled.set()
                    await self._ending.wait()
        except Exception as error:  # noqa: BLE001 - told to whoever asked; the other projects go on
            project.error = error
            if project.settled.is_set():
                _log.exception("project broke", project=name, exc_info=error)
        finally:
            self._projects.pop(name, None)
            project.app = None
            project.settled.set()

    def hush(self) -> None:
        """End every stream of events, of every project."""
        for project in self._projects.values():
            if project.app is not None:
                project.app.of.state.broadcast.close()

    def end(self) -> None:
        """Let every project close."""
        self._ending.set()


@asynccontextmanager
async def open_projects(files: Files, make: Make, **options: Any) -> AsyncIterator[Projects]:
    """The projects of a server, the default one opened already; all are closed when the block ends.

    Args:
        files: where their databases are.
        make: the application over an engine.
        options: of `open_engine`, for each.

    Raises:
        StoreError: the default project cannot be opened.
    """
    async with anyio.create_task_group() as tasks:
        projects = Projects(tasks, files, make, options)
        try:
            await projects.app(DEFAULT_PROJECT)
            yield projects
        finally:
            projects.end()
