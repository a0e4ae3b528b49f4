"""Problems as files: the body is the file, the query says the rest."""

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from mezan.api.accounts.scopes import Scope
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem

from ..access import Router, needs
from ..asking import OPTION_SCHEMAS, asked_by_file, wait_in
from .solve import submit

router = Router(tags=["solve"])


def _about(option: str) -> str:
    text: str = OPTION_SCHEMAS[option]["description"]
    return text


class FileProblem(BaseModel):
    """What the query says of the file."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field("", max_length=200, description="The file's name: its ending tells the format, its stem names the instance.", examples=["tai25a.dat"])  # fmt: skip
    family: str | None = Field(None, max_length=80, description="The problem's family, where its name and content do not tell.")  # fmt: skip
    best_known: float | None = Field(None, description="The best known objective, for gaps.")
    mode: str | None = Field(None, max_length=40, description="For families that have modes.")

    def complete(self, problem: Problem) -> Problem:
        """The problem with what the query says of it; raises BadInput for a mode that it cannot have."""
        fields = dict(problem)
        if self.mode is not None and "mode" not in fields and self.mode != "auto":
            msg = f"mode must be left out for problems without modes; a {problem.family} problem has none"
            raise BadInput(msg)
        given = {"best_known": self.best_known} | ({"mode": self.mode} if "mode" in fields else {})
        changed = {name: value for name, value in given.items() if value is not None}
        return type(problem)(**fields | changed) if changed else problem


class FileRequest(FileProblem):
    """The same and the options of a run."""

    time_limit: float | None = Field(None, description=_about("time_limit"))
    iterations: int | None = Field(None, description=_about("iterations"))
    target: float | None = Field(None, description=_about("target"))
    gap: float | None = Field(None, description=_about("gap"))
    seed: int | None = Field(None, description=_about("seed"))
    policy: str | None = Field(None, max_length=200, description=_about("policy"))
    solver: str | None = Field(None, max_length=200, description=_about("solver"))
    priority: int | None = Field(None, description=_about("priority"))
    deadline: float | None = Field(None, description=_about("deadline"))
    fresh: bool | None = Field(None, description=_about("fresh"))
    pans: list[str] | None = Field(None, max_length=2, description=_about("pans"))

    def options(self) -> dict[str, Any]:
        """The options that are given."""
        return self.model_dump(include=set(OPTION_SCHEMAS), exclude_none=True)


@router.post("/solve/file", summary="Solve a problem given as a file", status_code=202)
@needs(Scope.RUNS_WRITE)
async def solve_file(request: Request, given: Annotated[FileRequest, Query()]) -> Response:
    """The body is the file as it is: QAPLIB `.dat`, `.npz` with `A` and `B`, a knapsack file, JSON. Otherwise as `POST /solve`.

    For example `curl --data-binary @tai25a.dat -H 'content-type: text/plain' '.../solve/file?name=tai25a.dat&time_limit=5'`.
    """
    wait = wait_in(request)
    problem = given.complete(await asked_by_file(request, given.name, given.family))
    return await submit(request, problem, given.options(), wait)
