"""A/B tests: which arm decides a run, who says so afterwards, and how a test begins and ends. What a test has seen is a projection."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import anyio.to_thread
import structlog

from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadInput
from mezan.solvers.seeds import derive
from mezan.solvers.selection.forced import Forced
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.registry import Policies

from . import events as e
from .context import acting
from .errors import ProjectionBroken, StoreError, WrongExpectedVersion
from .ids import random_bits
from .log import NEW, EventLog, Write

logger = structlog.get_logger(__name__)
SOLVER = "solver:"
"""Before the name of a solver that is an arm of its own."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TENANT = "default"
"""Where tests are recorded, whosever runs they assign."""
FEWEST, MOST = 2, 100_000
"""Outcomes that a test may be given."""


@dataclass(frozen=True, slots=True)
class Experiments:
    """How the engine asks the projection; given by the composition root.

    ``running(states)`` are the tests that take runs now, the oldest first; ``due(states)`` makes the events that end those whose
    stop rule holds, each to be called on a thread.
    """

    running: Callable[[Mapping[str, Any]], Sequence[e.ExperimentStarted]]
    due: Callable[[Mapping[str, Any]], Sequence[Callable[[], e.ExperimentStopped]]]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm that a run belongs to, and what decides there: a policy's name, or ``solver:NAME``."""

    experiment: str
    arm: str
    decides: str

    def policy(self, policies: Policies) -> Policy:
        """Who decides; raises UnknownName."""
        if self.decides.startswith(SOLVER):
            return Forced(self.decides.removeprefix(SOLVER), asker=f"experiment {self.experiment}")
        return policies.policy(self.decides)

    def marked(self, card: e.SolverChosen) -> e.SolverChosen:
        """The card with the experiment and the arm."""
        return card.model_copy(update={"experiment": self.experiment, "arm": self.arm})


def stream_of(experiment: str) -> str:
    """Where a test's events are."""
    return f"experiment/{experiment}"


def assigned(
    running: Sequence[e.ExperimentStarted], request: e.RunRequested, run: str, family: str, candidates: list[Candidate]
) -> Assignment | None:
    """The arm for one choice of a run, from the oldest test that wants it; None leaves it to the engine's policy.

    A test wants runs of users who named neither policy nor solver, of problems that all its solvers take: otherwise the
    arms would not be given the same problems.
    """
    if request.purpose != "request" or request.policy is not None:
        return None
    able = {candidate.solver for candidate in candidates if candidate.refused is None}
    for started in running:
        named = {arm.removeprefix(SOLVER) for arm in started.arms.values() if arm.startswith(SOLVER)}
        if started.family in {None, family} and named <= able:
            return assignment(started, run)
    return None


def assignment(started: e.ExperimentStarted, run: str) -> Assignment:
    """The arm of a run: a hash of the run's id, salted by the test's seed, against the arms' shares."""
    point = derive(started.seed, started.experiment, run) / 2**63
    ends = zip(started.shares, accumulate(started.shares.values()), strict=True)
    arm = next((name for name, end in ends if point < end), next(reversed(started.shares)))
    return Assignment(started.experiment, arm, started.arms[arm])


async def assignment_of(log: EventLog, card: e.SolverChosen, run: str) -> Assignment | None:
    """The assignment that a recorded card must have come from; None without an experiment.

    Raises:
        BadInput: the log has no such experiment.
    """
    if card.experiment is None:
        return None
    for recorded in await log.read(types=["ExperimentStarted"], limit=MOST):
        if isinstance(started := recorded.event, e.ExperimentStarted) and started.experiment == card.experiment:
            return assignment(started, run)
    msg = f"a choice of an experiment must be in a log that has it; {card.experiment!r} was never started here"
    raise BadInput(msg)


def planned(
    catalog: Catalog,
    policies: Policies,
    name: str,
    arms: Sequence[str],
    *,
    family: str | None = None,
    shares: Sequence[float] | None = None,
    alpha: float = 0.05,
    least_difference: float = 0.0,
    maximum: int = 2_000,
    seed: int | None = None,
) -> e.ExperimentStarted:
    """The event that starts a test, every argument checked.

    Args:
        catalog: knows the families and the solvers.
        policies: know the policies.
        name: 1 to 64 letters, digits, dots, dashes and underscores; it names this test for ever.
        arms: two policies, or solvers as ``solver:NAME``.
        family: runs of this family only; where an arm is a solver, its family.
        shares: of the runs, for each arm; default: half each.
        alpha: chance of a decision where there is no difference, however often one looks.
        least_difference: in mean loss; smaller ones do not matter, and a test that is sure of that ends.
        maximum: outcomes of both arms together, after which it ends undecided.
        seed: salts the assignment; drawn when None.

    Raises:
        BadInput: an argument breaks a rule.
    """
    if not NAME.fullmatch(name):
        msg = f"an experiment's name must be 1 to 64 letters, digits, dots, dashes or underscores; got {name[:80]!r}"
        raise BadInput(msg)
    if len(arms) != 2 or arms[0] == arms[1]:
        msg = f"an experiment must have two different arms, like elo_ucb,thompson; got {', '.join(arms)[:80]!r}"
        raise BadInput(msg)
    for arm in arms:
        if not arm.startswith(SOLVER):
            policies.policy(arm)
            continue
        solver = catalog.solver(arm.removeprefix(SOLVER))
        if family not in {None, solver.family}:
            msg = f"an arm's solver must be of the experiment's family, {family}; {solver.name} is of {solver.family}"
            raise BadInput(msg)
        family = solver.family
    if family is not None:
        catalog.family(family)
    shares = (0.5, 0.5) if shares is None else tuple(shares)
    if len(shares) != 2 or not all(0.01 <= share <= 0.99 for share in shares) or abs(math.fsum(shares) - 1) > 1e-9:
        msg = f"shares must be two numbers from 0.01 to 0.99 that sum to 1; got {', '.join(map(str, shares))[:80]}"
        raise BadInput(msg)
    if not 1e-6 <= alpha <= 0.5:
        msg = f"alpha must be between 0.000001 and 0.5; got {alpha}"
        raise BadInput(msg)
    if not 0 <= least_difference < 1:
        msg = f"the least difference must be from 0 to below 1, as losses are; got {least_difference}"
        raise BadInput(msg)
    if not FEWEST <= maximum <= MOST:
        msg = f"the maximum must be between {FEWEST} and {MOST} outcomes; got {maximum}"
        raise BadInput(msg)
    if seed is not None and not 0 <= seed < 2**53:
        msg = f"seed must be a whole number between 0 and 2^53 - 1; got {seed}"
        raise BadInput(msg)
    return e.ExperimentStarted(
        experiment=name,
        family=family,
        arms={arm: arm for arm in arms},
        shares=dict(zip(arms, shares, strict=True)),
        alpha=alpha,
        least_difference=least_difference,
        maximum=maximum,
        seed=random_bits(48) if seed is None else seed,
    )


async def start(log: EventLog, planned: e.ExperimentStarted, running: Sequence[e.ExperimentStarted]) -> None:
    """Record the start of a test; from then on every process on the database assigns runs to it.

    Raises:
        BadInput: the name was used before, or another test takes the same runs.
    """
    for other in running:
        if other.family is None or planned.family in {None, other.family}:
            msg = f"one experiment at a time may take a family's runs; {other.experiment} does: stop it first"
            raise BadInput(msg)
    try:
        with acting(in_tenant=TENANT):
            await log.append(Write(stream_of(planned.experiment), [planned], NEW))
    except WrongExpectedVersion as error:
        msg = f"an experiment's name is used once; {planned.experiment} was started before: take another"
        raise BadInput(msg) from error


async def stop(log: EventLog, stopped: e.ExperimentStopped) -> bool:
    """Record the end of a test; False when it had ended already."""
    try:
        with acting(in_tenant=TENANT):
            await log.append(Write(stream_of(stopped.experiment), [stopped], NEW + 1))
    except WrongExpectedVersion:
        return False
    return True


async def settle(log: EventLog, experiments: Experiments | None, states: Mapping[str, Any]) -> None:
    """End every test whose stop rule holds; of several processes that try, one does. Tries again after the next run."""
    if experiments is None:
        return
    try:
        for made in experiments.due(states):
            await stop(log, await anyio.to_thread.run_sync(made))
    except (StoreError, ProjectionBroken) as error:
        logger.warning("end of an experiment not recorded", error=str(error))
