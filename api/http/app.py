"""The application: every route, over one engine."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from mezan.api.accounts.door import Door
from mezan.api.dashboard import accounts as account_pages
from mezan.api.dashboard import login
from mezan.api.dashboard.reference import router as reference
from mezan.api.dashboard.routes import compile_templates, static_files
from mezan.api.dashboard.routes import router as pages
from mezan.api.limits.quotas import USUAL, Quota, Quotas
from mezan.engine.engine import Engine
from mezan.engine.environment import version_of
from mezan.projections import Usage

from . import problems
from .access import Everybody, declarations
from .apart import Apart
from .asking import portable
from .document import document
from .events import Broadcast
from .express import Express
from .given import Answers
from .guard import Guard, Limits
from .lab_desk import LabDesk
from .rebuilding import Audits
from .routes import accounts as administration
from .routes import (
    artifacts,
    catalogue,
    errors,
    examples,
    families,
    files,
    health,
    lab,
    log,
    me,
    metrics,
    openapi,
    predict,
    projections,
    ratings,
    runs,
    solve,
    tokens,
)
from .routes import request as requests

DESCRIPTION = """\
Mezan chooses a solver for a problem, runs it, and appends every request, choice and result to one event log.

Every read takes `as_of`, a log position or a time, and is answered as it was then. Answers carry the position that they
are the fold of in `Mezan-Position`, and an `ETag`. Errors are problem details (RFC 9457) with a stable `type`.

Security: a server without accounts is bound to its own machine. With accounts everybody shows an API key, a token or a session,
and sees one project. Requests are taken for the server's own host names; writes from pages of other origins are refused.
Bodies are bounded before they are parsed, and must be sent uncompressed.
"""
ROUTES = (
    solve,
    runs,
    artifacts,
    ratings,
    errors,
    health,
    catalogue,
    lab,
    log,
    projections,
    files,
    predict,
    examples,
    requests,
    metrics,
    openapi,
)
REPLAYS = 2
"""Replays and verifications at the same time; others wait."""


def create_app(engine: Engine, limits: Limits | None = None) -> FastAPI:
    """The ASGI application of an open engine, without accounts: whoever reaches it may do everything.

    Args:
        engine: from `mezan.api.open_engine`; it must stay open as long as the application is served.
        limits: how much may be sent, and the host names that are answered.
    """
    app = project_app(engine)
    app.add_middleware(Express, of=app)
    app.add_middleware(Everybody)
    app.add_middleware(Guard, limits=limits or Limits())
    return app


def project_app(engine: Engine, door: Door | None = None, quotas: Mapping[str, Quota] | None = None) -> FastAPI:
    """The application over one engine, to be put behind what says who asks and how much.

    Args:
        engine: as for :func:`create_app`.
        door: of a server with accounts; with it there are routes to log in and to administer accounts.
        quotas: of each ``actor`` and of the ``project``, with accounts.

    Raises:
        Undeclared: a route does not say who may use it.
    """
    broadcast = Broadcast(engine.log, engine.follower.position)
    desk = LabDesk(engine)
    apart = Apart() if portable(engine.catalog) else None

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(broadcast.run)
            tasks.start_soon(desk.run)
            tasks.start_soon(anyio.to_thread.run_sync, compile_templates)
            yield
            broadcast.close()
            if apart is not None:
                await apart.close()
            tasks.cancel_scope.cancel()

    app = FastAPI(
        title="Mezan",
        version=version_of("mezan") or "0",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,  # routes.openapi
        docs_url=None,
        redoc_url=None,
    )
    app.state.document = app.state.reference = None
    app.state.engine, app.state.broadcast, app.state.apart = engine, broadcast, apart
    app.state.answers = Answers()
    app.state.replays = anyio.CapacityLimiter(REPLAYS)
    app.state.lab, app.state.audits = desk, Audits(engine)
    app.state.door = door
    given = {**USUAL, **(quotas or {})}
    counted = partial(engine.follower.state, Usage.name)
    app.state.quotas = None if door is None else Quotas(counted, actor=given["actor"], project=given["project"])
    problems.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    if door is not None:
        app.include_router(administration.router)
        app.include_router(me.router)
        app.include_router(tokens.router)
        app.include_router(login.router)
        app.include_router(account_pages.router)
        login.install(app)
    app.include_router(families.router_for(engine.catalog))
    app.include_router(pages)
    app.include_router(reference)
    app.mount("/static", static_files())
    app.openapi = cache(lambda: document(app, engine.catalog))  # type: ignore[method-assign]
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)
    app.state.declared = tuple(declarations(app))
    return app
