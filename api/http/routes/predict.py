"""A dry run: what would be chosen, and what to expect of every solver, before anything is spent."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from mezan.api.views.prediction import prediction
from mezan.engine.pans import pans_of
from mezan.engine.submitting import Options
from mezan.solvers.problem import Problem

from ..asking import asked, asked_by_file
from ..moments import At, Moment, engine_of, moment_at, reply
from .files import FileRequest

router = APIRouter(tags=["solve"])


class FilePrediction(FileRequest):
    """What the query of a dry run says of a file."""

    as_of: str | None = Field(None, max_length=64, description="A log position or an ISO 8601 time: what would have been chosen then.")  # fmt: skip


@router.post("/predict", summary="What would be chosen, and what to expect")
async def predict(request: Request, moment: At) -> Response:
    """Takes what `POST /solve` takes; `policy` and `seed` have a say, `solver` is told beside the choice. Nothing is recorded.

    With `as_of` the answer is what it would have been then.
    """
    problem, options = await asked(request)
    return await _predicted(moment, problem, options)


@router.post("/predict/file", summary="The same for a problem given as a file")
async def predict_file(request: Request, given: Annotated[FilePrediction, Query()]) -> Response:
    """Takes what `POST /solve/file` takes."""
    moment = await moment_at(engine_of(request), given.as_of)
    problem = given.complete(await asked_by_file(request, given.name, given.family))
    return await _predicted(moment, problem, given.options())


async def _predicted(moment: Moment, problem: Problem, options: dict[str, Any]) -> Response:
    """``solver`` is the policy's choice; ``forced`` the one that would run instead, because the request asks for it."""
    catalog = moment.engine.catalog
    Options(**options).check(moment.engine.policies)
    if options.get("pans") is not None:
        pans_of(catalog, problem, options["pans"])
    forced = options.get("solver") or problem.preferred
    if forced is not None:
        catalog.solver(forced)
    found = await moment.engine.predict(
        problem, policy=options.get("policy"), seed=options.get("seed", 0), at=moment.at
    )
    return reply(prediction(found) | {"forced": forced}, headers={"mezan-position": str(found.as_of), "cache-control": "no-store"})  # fmt: skip
