"""What may be asked for: every argument of a submission is checked here, and the request made of it, before anything is recorded."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread

from mezan.solvers.budget import Budget
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.problem import Problem
from mezan.solvers.selection.registry import Policies

from . import events as e
from .artifacts import digest_of, prepare
from .ids import random_bits
from .log import Artifact, Idempotency
from .pans import pans_of

SMALL = 64
"""A problem up to this size is checked and packed on the event loop: a thread hop would cost more."""
MAX_TASKS = 10_000
MAX_NAME = 256
"""Characters of a task's name or an idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be said of a run beside its problems; see :meth:`Engine.submit`."""

    time_limit: float = 10.0
    iterations: int | None = None
    target: float | None = None
    gap: float | None = None
    seed: int | None = None
    policy: str | None = None
    solver: str | None = None
    priority: int = 0
    deadline: float | None = None
    idempotency_key: str | None = None
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fresh: bool = False
    pans: Sequence[str] | None = None
    purpose: e.Purpose = "request"
    within: str | None = None

    def check(self, policies: Policies) -> None:
        """Raise BadInput for the first option that breaks a rule."""
        Budget(time_limit=self.time_limit, iterations=self.iterations, target=self.target, gap=self.gap)
        policies.policy(self.policy)
        if self.seed is not None and not (type(self.seed) is int and 0 <= self.seed < 2**53):
            msg = f"seed must be a whole number between 0 and 2^53 - 1; got {self.seed!r}"
            raise BadInput(msg)
        if not (type(self.priority) is int and abs(self.priority) < 2**53):
            msg = f"priority must be a whole number below 2^53; got {self.priority!r}"
            raise BadInput(msg)
        if self.deadline is not None and not (isinstance(self.deadline, int | float) and 0 < self.deadline < 10**9):
            msg = f"deadline must be a positive number of seconds from now; got {self.deadline!r}"
            raise BadInput(msg)
        if self.idempotency_key is not None and not _is_name(self.idempotency_key):
            msg = f"an idempotency key must be a text of 1 to {MAX_NAME} characters; got {self.idempotency_key!r}"
            raise BadInput(msg)
        if self.fresh not in {True, False}:
            msg = f"fresh must be True or False; got {self.fresh!r}"
            raise BadInput(msg)
        if self.pans is not None and (self.solver is not None or self.after):
            msg = "a race names its solvers by `pans` and has no order of tasks; leave `solver` and `after` out"
            raise BadInput(msg)


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that keeps every rule, with the problems it refers to."""

    problems: Mapping[str, Problem]
    requested: e.RunRequested
    artifacts: list[Artifact]
    once: Idempotency | None


async def submission(catalog: Catalog, given: Any, options: Options, worker: str) -> Submission:
    """As :func:`prepared`, on a thread where it may take long."""
    problems = problems_of(given)
    if len(problems) == 1 and next(iter(problems.values())).size <= SMALL:
        return prepared(catalog, given, options, worker)
    return await anyio.to_thread.run_sync(prepared, catalog, given, options, worker)


def prepared(catalog: Catalog, given: Any, options: Options, worker: str) -> Submission:
    """Check the problems against the options, which :meth:`Options.check` has seen, and pack them.

    Raises:
        BadInput: something breaks a rule.
    """
    problems = problems_of(given)
    if unknown := set(options.after) - set(problems):
        msg = f"`after` must name tasks of the run; got {', '.join(sorted(unknown))}"
        raise BadInput(msg)
    if options.pans is None:
        packed = [_packed(catalog, name, problem, options) for name, problem in problems.items()]
    else:
        packed = _raced(catalog, given, options.pans)
        problems = dict.fromkeys((spec.task for spec, _ in packed), given)
    requested = e.RunRequested(
        tasks=tuple(spec for spec, _ in packed),
        budget=e.BudgetSpec(
            time_limit=options.time_limit, iterations=options.iterations, target=options.target, gap=options.gap
        ),
        seed=random_bits(48) if options.seed is None else options.seed,
        policy=options.policy,
        solver=options.solver,
        priority=options.priority,
        deadline=None if options.deadline is None else time.time() + options.deadline,
        worker=worker,
        fresh=options.fresh or options.pans is not None,
        pans=() if options.pans is None else tuple(problems),
        purpose=options.purpose,
        within=options.within,
    )
    artifacts = {artifact.digest: artifact for _, artifact in packed}
    return Submission(problems, requested, list(artifacts.values()), _once(requested, options))


def _once(requested: e.RunRequested, options: Options) -> Idempotency | None:
    """The key with a fingerprint of what the user said, without what was drawn or measured here."""
    if options.idempotency_key is None:
        return None
    said = {"worker": "", "deadline": options.deadline, "seed": -1 if options.seed is None else options.seed}
    asked = requested.model_copy(update=said)
    return Idempotency(options.idempotency_key, digest_of(asked.model_dump_json().encode()))


def _packed(catalog: Catalog, name: str, problem: Problem, options: Options) -> tuple[e.TaskSpec, Artifact]:
    preferred = problem.preferred if options.solver is None else None
    if (solver := options.solver or preferred) is not None:
        check_solver(catalog, solver, problem)
    return _task(catalog, name, problem, options.after.get(name, ()), preferred)


def _raced(catalog: Catalog, problem: Any, pans: Sequence[str]) -> list[tuple[e.TaskSpec, Artifact]]:
    if not isinstance(problem, Problem):
        msg = f"a race is on one problem, not on several by name; got {type(problem).__name__}"
        raise BadInput(msg)
    racers = pans_of(catalog, problem, pans)
    return [_task(catalog, name, problem, (), solver.name) for name, solver in racers.items()]


def _task(
    catalog: Catalog, name: str, problem: Problem, after: tuple[str, ...], solver: str | None
) -> tuple[e.TaskSpec, Artifact]:
    family = catalog.family_of(problem)
    content, digest = problem.packed()
    spec = e.TaskSpec(
        task=name,
        family=family.name,
        sense=family.sense,
        problem=digest,
        size=problem.size,
        label=problem.name,
        best_known=problem.best_known,
        after=after,
        solver=solver,
    )
    return spec, prepare("problem", content, digest)


def check_solver(catalog: Catalog, solver: str, problem: Problem) -> None:
    """Raise BadInput unless a solver is registered for the problem's family and takes it."""
    entry, family = catalog.solver(solver), catalog.family_of(problem)
    if entry.family != family.name:
        names = ", ".join(s.name for s in family.solvers)
        msg = f"a {family.name} problem must be given one of {names}; got {solver!r}"
        raise BadInput(msg)
    if (why := entry.refuses(problem)) is not None:
        msg = f"{solver} cannot take this problem: {why}"
        raise BadInput(msg)


def problems_of(given: Any) -> dict[str, Problem]:
    """The problems of a run by task name; raises BadInput for anything else."""
    if isinstance(given, Problem):
        return {"main": given}
    if not isinstance(given, Mapping):
        msg = f"what is to be solved must be a problem, or a mapping of task names to problems; got {type(given).__name__}"
        raise BadInput(msg)
    if not 0 < len(given) <= MAX_TASKS:
        msg = f"a run must have between 1 and {MAX_TASKS} tasks; got {len(given)}"
        raise BadInput(msg)
    for name, problem in given.items():
        if not _is_name(name):
            msg = f"a task's name must be a text of 1 to {MAX_NAME} characters; got {name!r}"
            raise BadInput(msg)
        if not isinstance(problem, Problem):
            msg = f"task {name!r} must be a problem; got {type(problem).__name__}"
            raise BadInput(msg)
    return dict(given)


def _is_name(given: Any) -> bool:
    """Whether something is a short text that can be stored."""
    if not isinstance(given, str) or not 0 < len(given) <= MAX_NAME:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in given)
