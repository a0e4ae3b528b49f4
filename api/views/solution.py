"""What a run's task has found, as its family shows it."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import anyio.to_thread

from mezan.engine.artifacts import digest_of
from mezan.engine.engine import Engine
from mezan.engine.events import TaskSpec
from mezan.solvers.showing import Section, raw

Json = dict[str, Any]
KEPT: Final = 32
_shown: OrderedDict[tuple[str, str, str], Sequence[Section]] = OrderedDict()
"""By family, problem and solution digest, of which sections are a function."""


async def solution_content(engine: Engine, run: str, task: str, digest: str) -> bytes | None:
    """A solution's packed bytes by its digest: from the artifacts, or while the run goes on here from its search; None if not kept."""
    content = await engine.store.artifact(digest)
    if content is None and (found := engine.incumbents(run).get(task)) is not None:
        from mezan.solvers.pack import pack

        content = await anyio.to_thread.run_sync(lambda: pack({"solution": found}))
    return content if content is not None and digest_of(content) == digest else None


async def sections(engine: Engine, run: str, spec: TaskSpec, digest: str) -> Sequence[Section] | None:
    """The sections of a solution; None when it, or the problem, is not kept."""
    key = spec.family, spec.problem, digest
    if key in _shown:
        _shown.move_to_end(key)
        return _shown[key]
    content = await solution_content(engine, run, spec.task, digest)
    if content is None:
        return None
    family = next((family for family in engine.catalog if family.name == spec.family), None)
    show = None if family is None else family.show
    problem = None
    if show is not None:
        if await engine.store.artifact(spec.problem) is None:
            return None
        problem = await engine.problem(spec)

    def make() -> Sequence[Section]:
        from mezan.solvers.pack import unpack

        solution = unpack(content)["solution"]
        return raw(solution) if show is None or problem is None else show(problem, solution)

    made = await anyio.to_thread.run_sync(make)
    _shown[key] = made
    if len(_shown) > KEPT:
        _shown.popitem(last=False)
    return made
