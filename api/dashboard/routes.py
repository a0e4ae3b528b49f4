"""The pages' routes: the whole page, or only what changes with the moment."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Protocol

import anyio
import orjson
from fastapi import Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from mezan.api.accounts.scopes import Scope
from mezan.api.http.access import Router, needs, public
from mezan.api.http.denials import record
from mezan.api.http.events import Broadcast
from mezan.api.http.moments import engine_of, moment_at
from mezan.api.http.problems import KINDS, Refused, code_of
from mezan.api.http.streams import ALIVE, RETRY, event_stream
from mezan.api.views.artifacts import referred
from mezan.api.views.history import history_at
from mezan.api.views.solution import sections
from mezan.engine.events import RunRequested
from mezan.solvers.errors import MezanError
from mezan.solvers.showing import Picture

from .navigation import navigation
from .pages import audit, clusters, compare, diff, lab, leaderboard, overview, run, runs, submit, why
from .rendering import FOLDER, environment
from .view import FRAGMENT, View

router = Router(include_in_schema=False)
HEADS_PER_SECOND = 5


class Page(Protocol):
    """What a module of `pages` offers."""

    PATH: str
    TITLE: str
    TEMPLATE: str
    NEEDS: Scope

    context: Callable[[View], Awaitable[Mapping[str, Any]]]


PAGES: tuple[Page, ...] = (overview, runs, run, why, leaderboard, clusters, compare, lab, audit, diff, submit)  # type: ignore[assignment]
_templates = environment()


def compile_templates() -> None:
    """Once, on a thread: a template takes up to 60 ms, which its first reader and the event loop would wait for."""
    for name in ("base.html", "head.html", "macros.html", "error.html", *(page.TEMPLATE for page in PAGES)):
        _templates.get_template(name)


def _serve(page: Page) -> None:
    @needs(page.NEEDS)
    async def answer(request: Request) -> Response:
        fragment = FRAGMENT in request.headers
        try:
            moment = await moment_at(engine_of(request), request.query_params.get("at"))
            view = View(request, moment, {k: str(v) for k, v in request.path_params.items()})
            known = await page.context(view)
        except (MezanError, Refused) as error:
            return await _failed(request, error, fragment=fragment)
        title = known.get("title", page.TITLE)
        made = _html(page.TEMPLATE, view, {**known, "title": title}, fragment=fragment)
        moment.over()
        return made

    router.add_api_route(page.PATH, answer, methods=["GET"], name=page.TITLE)


def _html(template: str, view: View, known: Mapping[str, Any], *, fragment: bool, status: int = 200) -> Response:
    moment = view.moment
    path = view.request.url.path
    context = {
        "view": view,
        "url": view.url,
        "here": view.here,
        "moment": moment,
        "fragment": fragment,
        "navigation": navigation(view.request),
        "path": path,
        "stream": None,
        **known,
    }
    html = _templates.get_template(template).render(context)
    headers = {"mezan-position": str(moment.position), "mezan-head": str(moment.head), "cache-control": "no-store", "vary": FRAGMENT}  # fmt: skip
    return HTMLResponse(html, status, headers)


async def _failed(request: Request, error: MezanError | Refused, *, fragment: bool) -> Response:
    """A page that says what was wrong, at the present."""
    code = code_of(error)
    record(request.scope, code, error)
    view = View(request, await moment_at(engine_of(request), None), {})
    known = {"title": KINDS[code].title, "kind": KINDS[code], "detail": str(error)}
    return _html("error.html", view, known, fragment=fragment, status=KINDS[code].status)


@router.get("/")
@public
async def home() -> Response:
    """To the dashboard."""
    return RedirectResponse("/ui", 307)


@router.get("/ui/head")
@needs(Scope.RUNS_READ)
async def head(request: Request) -> Response:
    """The end of the log as it grows, at most five times a second: pages ask for what changed themselves."""
    broadcast: Broadcast = request.app.state.broadcast

    async def positions() -> Any:
        yield RETRY
        async for position in broadcast.positions():
            yield ALIVE if position is None else b"id: %d\ndata: %d\n\n" % (position, position)
            await anyio.sleep(1 / HEADS_PER_SECOND)

    return event_stream(positions())


@router.get("/ui/jump")
@needs(Scope.RUNS_READ)
async def jump(
    request: Request,
    position: Annotated[int, Query(alias="from", ge=0, le=2**53)],
    to: Annotated[str, Query(pattern="^(next|previous)$")] = "next",
    types: Annotated[str, Query(max_length=400)] = "",
    stream: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """The nearest event after or before a position, of some types and one stream if named: where the slider steps to."""
    log = engine_of(request).log
    wanted = [name for name in types.split(",") if name] or None
    if to == "next":
        found = await log.read(after=position, types=wanted, stream=stream or None, limit=1)
    else:
        found = await log.read(upto=position - 1, types=wanted, stream=stream or None, limit=1, backwards=True)
    body = {"position": found[0].position if found else None}
    return Response(orjson.dumps(body), media_type="application/json")


@router.get("/ui/runs/{run}/pictures/{digest}/{index}.svg")
@needs(Scope.RUNS_READ)
async def picture(request: Request, run: str, digest: str, index: int) -> Response:
    """A picture of a solution by its digest, as the family draws it."""
    engine = engine_of(request)
    history = await history_at(engine, run, None)
    event = history[0].event
    for named in referred(history):
        if named["digest"] == digest and isinstance(event, RunRequested):
            spec = next(spec for spec in event.tasks if spec.task == named["task"])
            found = await sections(engine, history[0].stream, spec, digest) or ()
            drawn = found[index] if 0 <= index < len(found) else None
            if isinstance(drawn, Picture):
                headers = {"cache-control": "private, max-age=86400"}
                return Response(drawn.svg, headers=headers, media_type="image/svg+xml")
    raise Refused(
        "artifact-not-found", f"a picture is of a solution that its run names and keeps; {digest[:64]!r} has none"
    )


def static_files() -> StaticFiles:
    """Style sheet and scripts, ours and vendored."""
    return public(StaticFiles(directory=FOLDER / "static"))


for _page in PAGES:
    _serve(_page)
