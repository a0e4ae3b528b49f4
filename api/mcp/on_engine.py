"""The tools' backend over an engine in this process."""

from collections.abc import AsyncGenerator, Mapping
from io import BytesIO
from typing import Any

import anyio
import anyio.to_thread

from mezan.api.cli.reading import moment
from mezan.api.http import schemas
from mezan.api.http.events import wire
from mezan.api.parsing import read_problem
from mezan.api.views import catalogue
from mezan.api.views.gallery import gallery
from mezan.api.views.history import history_at
from mezan.api.views.leaderboard import check, rated
from mezan.api.views.outcome import kept_solutions, outcome
from mezan.api.views.runs import Wanted as WantedRuns
from mezan.api.views.runs import listed, purpose_of
from mezan.api.views.why import explained, explanation_at, reported
from mezan.engine.context import acting
from mezan.engine.engine import Engine
from mezan.engine.events import TERMINAL
from mezan.engine.stores.searching import Wanted, search
from mezan.engine.travel import position_of
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem
from mezan.solvers.selection.registry import DEFAULT_POLICY

from .backend import Asked, Happening, Json, Ranking, Sought
from .shapes import shaped

ACTOR = "mcp"
"""In whose name requests are recorded."""
REPLAYS = 2
"""Replays and verifications at the same time; others wait."""


class EngineBackend:
    """Answers from an open engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._replays = anyio.CapacityLimiter(REPLAYS)

    async def families(self) -> list[Json]:
        return [shaped(schemas.FamilyEntry, one) for one in catalogue.families(self._engine.catalog)]

    async def schema(self, family: str) -> Json:
        kind = self._engine.catalog.family(family)
        made: Json = kind.problem.model_json_schema()
        fields = {"type": {"const": kind.name}, **made["properties"]}
        required = ["type", *made.get("required", ())]
        described = {"title": kind.name, "description": made.get("description", "")}
        return {**made, **described, "properties": fields, "required": required}

    async def examples(self, family: str | None) -> list[Json]:
        catalog = self._engine.catalog
        names = None if family is None else [catalog.family(family).name]
        return await anyio.to_thread.run_sync(gallery, catalog, names)

    async def policies(self) -> list[Json]:
        return [shaped(schemas.PolicyEntry, one) for one in catalogue.policies(self._engine.policies, DEFAULT_POLICY)]

    async def submit(self, asked: Asked) -> str:
        problem = await anyio.to_thread.run_sync(built, asked, self._engine.catalog)
        with acting(as_actor=ACTOR):
            return (await self._engine.submit(problem, **asked.options)).id

    async def events(self, run: str) -> AsyncGenerator[Happening, None]:
        async for recorded in (await self._engine.run(run)).events():
            yield recorded

    async def run(self, run: str, as_of: str | None) -> Json:
        return await self._about(run, (await self._moment(as_of))[0])

    async def _about(self, run: str, at: int | None) -> Json:
        history = await history_at(self._engine, run, at)
        document = outcome(history, await kept_solutions(self._engine.store, history))
        return shaped(schemas.RunReport, {**document, "position": history[-1].position})  # type: ignore[no-any-return]

    async def runs(self, wanted: Mapping[str, str | None], limit: int, as_of: str | None) -> Json:
        purpose = purpose_of(wanted.get("purpose"))
        kept = WantedRuns(
            **{name: value or None for name, value in wanted.items() if name != "purpose"}, purpose=purpose
        )
        at, _ = await self._moment(as_of)
        follower = self._engine.follower
        if at is None:
            rows = await follower.rows("runs", tag=kept.status, keep=kept.keep, limit=limit)
        else:
            rows = await follower.rows_as_of("runs", at, tag=kept.status, keep=kept.keep, limit=limit)
        found = [listed(row.data) | {"position": row.position} for row in rows]
        document = {"runs": found, "more": rows.before is not None, "before": rows.before}
        return shaped(schemas.RunPage, document)  # type: ignore[no-any-return]

    async def cancel(self, run: str) -> Json:
        full = await self._engine.find(run)
        await self._engine.cancel(full, "cancelled over MCP")
        return await self._about(full, None)

    async def why(self, run: str, task: str | None, verify: bool, as_of: str | None) -> Json:
        at, _ = await self._moment(as_of)
        history = await history_at(self._engine, run, at)
        full = history[0].stream
        explanation = await explanation_at(self._engine, full, task, at)
        report = None
        if verify:
            async with self._replays:
                report = reported(await self._engine.verify_choice(full))
        return shaped(schemas.Why, explained(explanation, history, task) | {"verification": report})  # type: ignore[no-any-return]

    async def replay(self, run: str) -> Json:
        full = await self._engine.find(run)
        last = (await self._engine.log.read(stream=full, limit=1, backwards=True))[0]
        if last.type not in TERMINAL:
            raise BadInput(f"a run must have ended to be replayed; {full} has not: wait for it with `status`")
        async with self._replays:
            return shaped(schemas.ReplayReport, reported(await self._engine.replay(full)))  # type: ignore[no-any-return]

    async def leaderboard(self, family: str | None, cluster: str | None, by: Ranking, as_of: str | None) -> list[Json]:
        at, _ = await self._moment(as_of)
        follower = self._engine.follower
        states = follower.states if at is None else await follower.as_of_many(("elo", "bradley_terry"), at)
        check(states["elo"], family, cluster)
        return [
            shaped(schemas.Rated, one) for one in rated(states["elo"], states["bradley_terry"], family, cluster, by)
        ]

    async def search(self, sought: Sought, as_of: str | None) -> Json:
        at, head = await self._moment(as_of)
        end = head if at is None else at
        after = sought.after if sought.after >= 0 else max(0, end + sought.after)
        wanted = Wanted(sought.types, sought.stream, sought.actor, None, sought.text)
        found = await search(self._engine.store.fetch, wanted, after=after, upto=end, limit=sought.limit)
        document = {"events": [wire(one) for one in found.events], "reached": found.reached, "more": not found.done}
        return shaped(schemas.LogPage, document)  # type: ignore[no-any-return]

    async def _moment(self, as_of: str | None) -> tuple[int | None, int]:
        """The position that is asked about (None: now), and the last one; what is answered next has seen that."""
        follower = self._engine.follower
        await follower.settle()
        head = follower.position
        if as_of is None:
            return None, head
        return min(await position_of(self._engine.log, moment(as_of, "as_of")), head), head


def built(asked: Asked, catalog: Catalog) -> Problem:
    """The problem that a request holds; raises BadInput."""
    if asked.content is not None:
        return read_problem(BytesIO(asked.content), asked.name, asked.family, catalog)
    fields = dict(asked.problem or {})
    named: Any = fields.pop("type", None)
    if not isinstance(named, str):
        known = ", ".join(family.name for family in catalog)
        raise BadInput(f"the `type` of a problem must name a family, one of {known}; got {str(named)[:40]!r}")
    made: Problem = catalog.family(named[:80]).from_json(fields)
    return made
