"""Who is how good: ratings with their courses, clusters of instances, anytime profiles."""

from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import Query, Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views import clusters as cluster_view
from mezan.api.views.leaderboard import check, rated
from mezan.api.views.profiles import profiles
from mezan.api.views.rating_history import families_of, matches, points
from mezan.projections.courses import Course
from mezan.solvers.errors import BadInput

from ..access import Router, needs
from ..moments import At, known_reply, read_reply
from ..problems import Refused

router = Router(tags=["ratings"])
Family = Annotated[str | None, Query(max_length=200, description="A kind of problem; default: all.", examples=["qap"])]
Cluster = Annotated[
    str | None, Query(max_length=200, description="A cluster of instances; see `/clusters`.", examples=["qap/0"])
]


@router.get("/leaderboard", summary="Solvers by rating")
@needs(Scope.RUNS_READ)
async def leaderboard(
    request: Request,
    moment: At,
    family: Family = None,
    cluster: Cluster = None,
    by: Annotated[Literal["elo", "bt"], Query(description="Ranked by Elo, or by Bradley-Terry.")] = "elo",
) -> Response:
    """Elo and Bradley-Terry ratings with 95 % intervals, the best first, per family or inside one cluster.

    `rank` is null where there are not enough matches.
    """
    if (same := known_reply(request, moment)) is not None:
        return same
    states = await moment.states("elo", "bradley_terry")
    check(states["elo"], family, cluster)
    return read_reply(request, moment, rated(states["elo"], states["bradley_terry"], family, cluster, by))


@router.get("/leaderboard/{solver}/history", summary="The course of one solver's rating, and the matches that moved it")
@needs(Scope.RUNS_READ)
async def history(
    request: Request,
    solver: str,
    moment: At,
    family: Family = None,
    cluster: Cluster = None,
    before: Annotated[int | None, Query(ge=0, le=2**53, description="Only matches before this position.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """`points` are the thinned course of the Elo rating. `matches`, the newest first, are paged by position.

    One page looks at a bounded part of the log, so it may hold fewer than `limit` matches and still have a next one.
    """
    if (same := known_reply(request, moment)) is not None:
        return same
    state = (await moment.states("courses"))["courses"]
    known = families_of(state, solver)
    if not known or (family is not None and family not in known):
        raise Refused("not-found", f"no solver {solver[:80]!r} has been rated{f' in {family[:80]}' if family else ''} by then")  # fmt: skip
    if family is None and len(known) > 1:
        raise BadInput(f"family must be named for a solver of several; {solver[:80]} has played in {', '.join(known)}")
    family = family or known[0]
    course = state.of(family, cluster).get(solver, Course())
    shown = points(course)
    upto = moment.position if before is None else min(before - 1, moment.position)
    found, reached = await matches(moment.engine, family, solver, cluster, after=0, upto=upto, limit=limit)
    links = []
    if reached > 0 and shown and shown[0]["position"] <= reached:
        query = {k: v for k, v in request.query_params.items() if k != "before"} | {
            "family": family,
            "before": reached + 1,
        }
        links.append(("next", f"/leaderboard/{quote(solver, safe='')}/history?{urlencode(query)}"))
    document = {"solver": solver, "family": family, "cluster": cluster, "moves": course.moves, "points": shown, "matches": found, "more": bool(links)}  # fmt: skip
    return read_reply(request, moment, document, links)


@router.get("/clusters", summary="The clusters of instances")
@needs(Scope.RUNS_READ)
async def clusters(request: Request, moment: At, family: Family = None) -> Response:
    """Size, centre, what stands out, and the best solver of each cluster of the latest generation."""
    if (same := known_reply(request, moment)) is not None:
        return same
    states = await moment.states("clusters", "elo", "bradley_terry")
    return read_reply(
        request, moment, cluster_view.clusters(states["clusters"], states["elo"], states["bradley_terry"], family)
    )


@router.get("/profiles", summary="Anytime profiles")
@needs(Scope.RUNS_READ)
async def anytime(
    request: Request,
    moment: At,
    family: Annotated[str, Query(max_length=200, description="A kind of problem.", examples=["qap"])],
) -> Response:
    """The mean loss of each solver of a family after fixed numbers of seconds: 0 is the bound or the best known, 1 no solution."""
    if (same := known_reply(request, moment)) is not None:
        return same
    return read_reply(request, moment, profiles((await moment.states("anytime"))["anytime"], family))
