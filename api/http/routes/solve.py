"""Asking for something to be solved."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
from fastapi import Request
from starlette.responses import Response

from mezan.api.accounts.redaction import without_credentials
from mezan.api.accounts.scopes import Scope
from mezan.api.limits.quotas import Quotas
from mezan.engine.clock import micros
from mezan.engine.handle import Run
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import MezanError
from mezan.solvers.problem import Problem

from ..access import Router, caller, header_of, needs
from ..asking import OPTION_SCHEMAS, asked, wait_in
from ..moments import engine_of, reply
from ..problems import Refused
from .runs import about

router = Router(tags=["solve"])
SECONDS = 10.0
"""What a run may take where nothing is said."""
EXAMPLES: dict[str, Any] = {
    "qap": {
        "summary": "A quadratic assignment problem of three facilities",
        "value": {
            "type": "qap",
            "A": [[0, 5, 2], [5, 0, 3], [2, 3, 0]],
            "B": [[0, 8, 15], [8, 0, 13], [15, 13, 0]],
            "mode": "auto",
            "time_limit": 2,
        },
    },
    "knapsack": {
        "summary": "A knapsack of three items",
        "value": {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 2},
    },
}


def request_schema(catalog: Catalog, family: str | None = None) -> dict[str, Any]:
    """The JSON schema of a request: the problem of one family, or of any by its ``type``, with the options beside it."""
    kinds = [catalog.family(family)] if family is not None else list(catalog)
    made = []
    for kind in kinds:
        problem = kind.problem.model_json_schema()
        fields = {"type": {"const": kind.name}, **problem["properties"], **OPTION_SCHEMAS}
        required = [*([] if family else ["type"]), *problem["required"]]
        made.append(
            {
                "title": kind.name,
                "description": problem.get("description", ""),
                "type": "object",
                "properties": fields,
                "required": required,
                "additionalProperties": False,
                **({"$defs": problem["$defs"]} if "$defs" in problem else {}),
            }
        )
    return made[0] if family is not None else {"oneOf": made}


@router.post("/solve", summary="Solve a problem of any family", status_code=202)
@needs(Scope.RUNS_WRITE)
async def solve(request: Request) -> Response:
    """Record a request; it runs at once. Returns when it is durable, or with `Prefer: wait=SECONDS` when it has ended.

    The same `Idempotency-Key` with the same body names the same run.
    """
    return await submitted(request, None)


async def submitted(request: Request, family: str | None) -> Response:
    """Submit what a request asks for."""
    wait = wait_in(request)
    problem, options = await asked(request, family)
    return await submit(request, problem, options, wait)


async def submit(request: Request, problem: Problem, options: dict[str, Any], wait: float | None) -> Response:
    """Record a request for a problem, and answer as the caller prefers."""
    key = header_of(request.scope, b"idempotency-key")
    if key is not None and without_credentials(key) != key:
        raise Refused(
            "bad-input",
            "an Idempotency-Key must not be a secret: this looks like an API key or token, and would be stored",
        )
    with within_quota(request, float(options.get("time_limit", SECONDS))):
        run = await engine_of(request).submit(problem, idempotency_key=key, **options)
    return await accepted(request, run, wait)


@contextmanager
def within_quota(request: Request, seconds: float) -> Iterator[None]:
    """Count a run of at most so many seconds while it is submitted; raises Refused where a quota is used up."""
    quotas: Quotas | None = request.app.state.quotas
    if quotas is None:
        yield
        return
    actor = caller(request).actor
    exceeded = quotas.exceeded(actor, seconds=seconds, now=micros())
    if exceeded is not None:
        again = {} if exceeded.wait is None else {"Retry-After": str(-(-exceeded.wait // 1_000_000))}
        raise Refused("quota-exceeded", str(exceeded), headers=again)
    with quotas.promised(actor, seconds=seconds):
        yield


async def accepted(request: Request, run: Run, wait: float | None) -> Response:
    """202 with where the run is; 200 with the whole of it when it ended within the wait."""
    where = {"location": f"/runs/{run.id}"}
    if wait is not None:
        with anyio.move_on_after(wait) as waited:
            with suppress(MezanError):  # how it ended is in the answer
                await run.result()
        if not waited.cancelled_caught:
            shown = await about(request, run.id, None)
            return reply(shown, 200, where | {"preference-applied": f"wait={wait:g}"})
    return reply({"run": run.id, "status": "requested", "links": links(run.id)}, 202, where)


def links(run: str) -> dict[str, str]:
    """Where everything about a run is."""
    parts = ("events", "why", "replay", "cancel", "artifacts")
    return {"self": f"/runs/{run}", **{part: f"/runs/{run}/{part}" for part in parts}, "page": f"/ui/runs/{run}"}
