"""A dry run: what would be chosen, and what to expect of every solver, before anything is spent."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.api.views.prediction import prediction
from mezan.engine.pans import pans_of
from mezan.engine.submitting import Options, check_solver
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Problem

from ..access import Router, needs
from ..asking import asked, asked_by_file
from ..moments import At, Moment, engine_of, moment_at, reply
from .files import FileRequest

router = Router(tags=["solve"])


class FilePrediction(FileRequest):
    """What the query of a dry run says of a file."""

    as_of: str | None = Field(None, max_length=64, description="A log position or an ISO 8601 time: what would have been chosen then.")  # fmt: skip


@router.post("/predict", summary="What would be chosen, and what to expect")
@needs(Scope.RUNS_WRITE)
async def predict(request: Request, moment: At) -> Response:
    """Takes what `POST /solve` takes, and refuses what it refuses; `policy` and `seed` have a say. Nothing is recorded.

    With `as_of` the answer is what it would have been then.
    """
    problem, options = await asked(request)
    return await _predicted(moment, problem, options)


@router.post("/predict/file", summary="The same for a problem given as a file")
@needs(Scope.RUNS_WRITE)
async def predict_file(request: Request, given: Annotated[FilePrediction, Query()]) -> Response:
    """Takes what `POST /solve/file` takes."""
    moment = await moment_at(engine_of(request), given.as_of)
    problem = given.complete(await asked_by_file(request, given.name, given.family))
    return await _predicted(moment, problem, given.options())


async def _predicted(moment: Moment, problem: Problem, options: dict[str, Any]) -> Response:
    """``solver`` is the policy's choice; ``forced`` the one that would run instead, because the request asks for it."""
    engine = moment.engine
    Options(**options).check(engine.policies)
    forced = options.get("solver") or problem.preferred
    await anyio.to_thread.run_sync(_check_named, engine.catalog, problem, forced, options.get("pans"))
    found = await engine.predict(problem, policy=options.get("policy"), seed=options.get("seed", 0), at=moment.at)
    headers = {"mezan-position": str(found.as_of), "cache-control": "no-store"}
    return reply(prediction(found) | {"forced": forced}, headers=headers)


def _check_named(catalog: Catalog, problem: Problem, solver: str | None, pans: list[str] | None) -> None:
    """Raise BadInput for solvers that a request may not name for its problem, as it would be refused."""
    if pans is not None:
        pans_of(catalog, problem, pans)
    elif solver is not None:
        check_solver(catalog, solver, problem)
