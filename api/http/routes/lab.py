"""Policies tried on the log, and A/B tests."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.dashboard.rendering import thinned
from mezan.api.views.experiments import course, document, settled
from mezan.projections.experiments import Experiment, State
from mezan.solvers.catalog import unknown
from mezan.solvers.errors import BadInput

from ..access import Router, needs
from ..lab_desk import LabDesk, Question
from ..moments import At, Moment, known_reply, moment_at, read_reply

router = Router(tags=["lab"])
MOST = 20
POINTS = 400


def question_of(moment: Moment, policies: str, family: str | None, since: int) -> Question:
    """A checked question; raises UnknownName or BadInput."""
    engine = moment.engine
    names = tuple(dict.fromkeys(name.strip() for name in policies.split(",") if name.strip()))
    if not 1 <= len(names) <= MOST:
        msg = f"policies must name 1 to {MOST} policies, separated by commas; got {len(names)}"
        raise BadInput(msg)
    for name in names:
        engine.policies.policy(name[:80])
    if family:
        engine.catalog.family(family[:80])
    return Question(names, family or None, since)


@router.get("/lab", summary="What other policies would have chosen, and lost")
@needs(Scope.LAB_RUN)
async def lab(
    request: Request,
    moment: At,
    policies: Annotated[
        str, Query(max_length=1_000, description="Policies, separated by commas.", examples=["elo_ucb,thompson"])
    ],
    family: Annotated[str | None, Query(max_length=80, description="Decisions of this family only.")] = None,
    since: Annotated[
        str | None, Query(max_length=64, description="A log position or a time: what came later only.")
    ] = None,
) -> Response:
    """Every decision of a user's run is made again by each policy, with what was known then; estimates of its mean loss have
    95 % intervals, and warnings where the log says little. The same question at the same position is computed once.
    """
    begin = (await moment_at(moment.engine, since)).position if since else 0
    question = question_of(moment, policies, family, begin)
    if (known := known_reply(request, moment)) is not None:
        return known
    desk: LabDesk = request.app.state.lab
    return read_reply(request, moment, await desk.report(question, moment.position))


@router.get("/ab", summary="Every A/B test")
@needs(Scope.RUNS_READ)
async def tests(request: Request, moment: At) -> Response:
    """In the order of their starts, each with its arms, its difference, and the course of its p-value by matched blocks."""
    if (known := known_reply(request, moment)) is not None:
        return known
    return read_reply(request, moment, await documents(moment))


@router.get("/ab/{name}", summary="One A/B test")
@needs(Scope.RUNS_READ)
async def one(request: Request, moment: At, name: str) -> Response:
    """As in the list."""
    return read_reply(request, moment, (await documents(moment, name))[0])


async def documents(moment: Moment, only: str | None = None) -> list[dict[str, Any]]:
    """The A/B tests as of a moment, or one of them; each with its p-value's course, ``course[i]`` after ``blocks[i]`` matched blocks.

    Raises:
        UnknownName: there was none of that name.
    """
    state: State = (await moment.states("experiments"))["experiments"]
    if only is not None and only not in state.tests:
        raise unknown("experiment", only[:80], state.tests)
    kept = [settled(test) for name, test in state.tests.items() if only in {None, name}]
    return await anyio.to_thread.run_sync(lambda: [_with_course(test) for test in kept])


def _with_course(test: Experiment) -> dict[str, Any]:
    values = course(test.test.differences)
    places = thinned(list(range(1, len(values) + 1)), POINTS)
    return {**document(test), "course": {"blocks": places, "p_value": [values[i - 1] for i in places]}}
