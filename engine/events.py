"""Every event type. Events are small frozen models; payloads (problems, solutions, checkpoints) are referred to by digest.

To change an event: raise its ``schema``, register an upcaster from each earlier schema, and add a fixture of the old form.
Those of accounts are in `account_events.py`.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

from .account_events import AccountEvent
from .event import Event as Event  # noqa: PLC0414 - as mypy wants what is exported again
from .event import Json as Json  # noqa: PLC0414 - as mypy wants what is exported again
from .event import Part as Part  # noqa: PLC0414 - as mypy wants what is exported again

Upcaster = Callable[[Json], Json]
Sense = Literal["min", "max"]


class BudgetSpec(Part):
    """The limits of a run: seconds of wall time, iterations, and where to stop: at an objective, or at a gap to the bound in percent."""

    time_limit: float
    iterations: int | None = None
    target: float | None = None
    gap: float | None = None


class BoundSpec(Part):
    """A proved bound and the method that proved it."""

    value: float
    method: str


class RivalSpec(Part):
    """The other pan of a race: its task and solver, and the best that it found itself, None if it broke."""

    task: str
    solver: str
    objective: float | None


class SeedSpec(Part):
    """An earlier result on the same instance that an attempt started from: whose, how good, and its solution's SHA-256."""

    run: str
    objective: float
    solution: str


class TaskSpec(Part):
    """One problem inside a run: where its content is, which tasks must succeed first, and the solver it asks for itself."""

    task: str
    family: str
    sense: Sense
    problem: str
    size: int
    label: str = ""
    best_known: float | None = None
    after: tuple[str, ...] = ()
    solver: str | None = None


class CandidateCard(Part):
    """One solver as a policy saw it at the moment of choice.

    ``score`` is None when the policy has no number for it (an untried solver under UCB); ``rating`` is the Elo that
    entered the score; ``trials`` count outcomes (results, failures, timeouts) and unrated searches from a known result; ``refused`` says why
    it could not be a candidate. ``expected_loss`` with its standard error ``loss_error`` is what a policy that decides on losses
    expected on this instance.
    """

    solver: str
    version: str
    score: float | None
    rating: float
    cluster_rating: float
    trials: int
    cluster_trials: int
    mean_loss: float | None
    propensity: float
    refused: str | None = None
    expected_loss: float | None = None
    loss_error: float | None = None


Purpose = Literal["request", "shadow", "tournament", "benchmark"]
"""Who wants a run: a user, or the engine for its own knowledge."""


class RunRequested(Event):
    """A user asked for something; the first event of every run.

    ``policy`` is None where the engine's setting for the family decides. ``solver`` is the user's for every task that names none itself; ``deadline`` is seconds since the epoch; ``fresh`` says
    that no search may start from an earlier result. ``pans`` are the tasks that race against each other on one instance, each
    with the solver it names; ``budget.time_limit`` is then what they share. ``within`` is the stream that the run belongs to: the
    run it shadows, its tournament, its benchmark.
    """

    schema_version: ClassVar[int] = 3

    tasks: tuple[TaskSpec, ...]
    budget: BudgetSpec
    seed: int
    policy: str | None = None
    solver: str | None = None
    priority: int = 0
    deadline: float | None = None
    worker: str = ""
    fresh: bool = False
    pans: tuple[str, ...] = ()
    purpose: Purpose = "request"
    within: str | None = None


class RunPlanned(Event):
    """The compiled task graph: task names in an order that respects ``after``."""

    order: tuple[str, ...]


class ProblemProfiled(Event):
    """Features of a task's problem, and a proved bound on its optimum where the family has one."""

    task: str
    family: str
    instance: str
    size: int
    features: dict[str, float]
    bound: BoundSpec | None = None
    seconds: float


class SolverChosen(Event):
    """A decision card: everything the policy saw, so that the choice can be recomputed to the bit.

    ``as_of`` is the log position whose prefix was folded into the standings; ``key`` the seed of the policy's
    randomness; ``reason`` one sentence for people; ``excluded`` the solvers that had already failed on this task. ``arm`` is the
    policy inside ``policy`` that decided, where it has several; or where an A/B test assigned ``policy``, that of ``experiment``.
    ``time_share`` of the time that is left is what the solver gets to find anything at all; None: all of it.
    """

    schema_version: ClassVar[int] = 3

    task: str
    attempt: int
    family: str
    policy: str
    policy_version: str
    solver: str
    version: str
    propensity: float
    cluster: str
    as_of: int
    key: int
    reason: str
    candidates: tuple[CandidateCard, ...]
    excluded: tuple[str, ...] = ()
    forced: bool = False
    arm: str | None = None
    experiment: str | None = None
    time_share: float | None = None


class ExperimentStarted(Event):
    """An A/B test begins, in a stream of its own: of the runs whose request names nothing, each arm decides its share.

    ``family`` is None for all families; ``arms`` are policies, or ``solver:NAME``, by the arm's name, and ``shares`` sum to one. ``alpha`` is
    the chance of a wrong decision; differences in mean loss below ``least_difference`` do not matter; ``maximum`` outcomes end it.
    ``seed`` salts the assignment of runs.
    """

    experiment: str
    family: str | None
    arms: dict[str, str]
    shares: dict[str, float]
    alpha: float
    metric: Literal["loss"] = "loss"
    least_difference: float = 0.0
    maximum: int
    seed: int


class ExperimentStopped(Event):
    """An A/B test is over: one arm is better, both are as good, the outcomes are used up, or somebody ended it.

    ``difference`` is the first arm's mean loss less the second's, over matched outcomes; ``lower`` and ``upper`` bound its true
    value at all times together with confidence ``1 - alpha``. ``winner`` is None where nothing was decided.
    """

    experiment: str
    reason: Literal["decided", "equivalent", "maximum", "stopped"]
    winner: str | None
    outcomes: dict[str, int]
    mean_losses: dict[str, float | None]
    difference: float | None
    lower: float
    upper: float
    p_value: float


class AttemptStarted(Event):
    """One solver begins one task.

    ``resumed_from`` is a checkpoint's digest when it continues an abandoned attempt; ``seeded_from`` the result it was handed.
    """

    schema_version: ClassVar[int] = 2

    task: str
    attempt: int
    solver: str
    version: str
    seed: int
    worker: str
    device: str
    lanes: int = 1
    lane: int = 0
    resumed_from: str | None = None
    iterations: int = 0
    seeded_from: SeedSpec | None = None


class BoundTightened(Event):
    """A better proved bound, found beside the search; from here on it is the task's bound."""

    task: str
    attempt: int
    value: float
    method: str
    seconds: float


class IncumbentFound(Event):
    """A better solution, checked by the reference evaluator; ``solution`` is its SHA-256."""

    task: str
    attempt: int
    objective: float
    solution: str
    iterations: int
    seconds: float


class IncumbentShared(Event):
    """In a race: what one pan found was worked into the other's search, which had come to ``iterations``.

    ``source_iterations`` is how far the pan had come that found it; both counts are the work to repeat.
    """

    task: str
    attempt: int
    source_task: str
    source_attempt: int
    objective: float
    solution: str
    iterations: int
    source_iterations: int
    seconds: float


class CheckpointSaved(Event):
    """The whole state of the search, as an artifact, after so many iterations; the pans of a race share one artifact."""

    task: str
    attempt: int
    checkpoint: str
    iterations: int
    seconds: float


class AttemptSucceeded(Event):
    """A checked result.

    It repeats the task's family, instance, cluster and budget, so that ratings fold from this event alone. ``bound`` is the
    tightest one; ``loss`` is the distance in [0, 1] to the one that the task was profiled with, so that losses compare; ``stopped`` says what ended it; ``iterations`` is the work, ``seconds`` the wall time
    of the attempt with ``compile_seconds`` inside it. With ``seeded_from`` the solver was handed that result: it improved on it
    if ``objective`` is better, and the outcome is not rated. With ``rival`` it raced: ``objective`` is the best that it found
    itself, which is better than all that its rival had told it by then, and it is rated against the rival alone.
    """

    schema_version: ClassVar[int] = 2

    task: str
    attempt: int
    solver: str
    version: str
    family: str
    sense: Sense
    instance: str
    cluster: str
    budget: BudgetSpec
    objective: float
    solution: str
    bound: BoundSpec | None
    proved_optimal: bool
    loss: float
    stopped: Literal["time", "iterations", "target", "gap", "done"]
    iterations: int
    seconds: float
    compile_seconds: float
    work: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it
    seeded_from: SeedSpec | None = None
    rival: RivalSpec | None = None


class AttemptFailed(Event):
    """A solver broke. A transient failure is tried again after ``retry_in`` seconds.

    ``final`` ends the run, unless another pan of a race goes on.
    """

    schema_version: ClassVar[int] = 2

    task: str
    attempt: int
    solver: str
    version: str
    family: str
    instance: str
    cluster: str
    budget: BudgetSpec
    error: str
    message: str
    transient: bool
    retry_in: float | None = None
    final: bool = True
    seconds: float
    seeded_from: SeedSpec | None = None


class AttemptTimedOut(Event):
    """The time limit passed without any feasible solution.

    Unless it is ``final``, the limit was that of a slice (see `SolverChosen`), and another solver is chosen for what is left.
    """

    schema_version: ClassVar[int] = 3

    task: str
    attempt: int
    solver: str
    version: str
    family: str
    instance: str
    cluster: str
    budget: BudgetSpec
    seconds: float
    final: bool = True


class AttemptCancelled(Event):
    """Stopped on request; the best solution so far stays in the last IncumbentFound."""

    task: str
    attempt: int
    reason: str
    iterations: int
    seconds: float


class AttemptAbandoned(Event):
    """The worker that ran it is gone; found by ``worker`` when it took the run over."""

    task: str
    attempt: int
    lost_worker: str
    worker: str
    checkpoint: str | None
    iterations: int
    seconds: float


class RunAdopted(Event):
    """Another worker continues a run whose worker is gone: it died, or it left in good order and ``handed_over``."""

    schema_version: ClassVar[int] = 2

    lost_worker: str
    worker: str
    handed_over: bool


class RunCompleted(Event):
    """Every task has a checked result."""

    objectives: dict[str, float]
    seconds: float


class RunFailed(Event):
    """A task could not be solved; ``error`` is the stable code, ``message`` the sentence for people."""

    task: str | None
    error: str
    message: str
    seconds: float


class RunCancelled(Event):
    """Stopped on request."""

    reason: str
    seconds: float


class GridSolver(Part):
    """A solver of a benchmark, at the version that its grid was opened with."""

    solver: str
    version: str


class GridInstance(Part):
    """An instance of a benchmark: its SHA-256, under which it is kept, and what is known of it."""

    instance: str
    label: str
    size: int
    best_known: float | None


class GridRefusal(Part):
    """A cell that a solver cannot take, and why; it is not run and is no failure."""

    solver: str
    instance: str
    why: str


class EnvironmentSpec(Part):
    """Where measurements are made: what may change a time, or a result's last bit.

    ``packages`` are versions by name, ``revision`` is that of the checkout that mezan runs from (with ``+`` when it has changes),
    ``variables`` are those of the environment that are set.
    """

    python: str
    packages: dict[str, str]
    platform: str
    cpu: str
    cores: int
    devices: tuple[str, ...]
    revision: str | None = None
    variables: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it


class BenchmarkOpened(Event):
    """A grid of solvers, instances and seeds is to be run; the first event of a benchmark's own stream.

    Its cells are runs whose ``within`` is this stream: each solver on each instance with each seed, from nothing.
    """

    name: str
    family: str
    sense: Sense
    solvers: tuple[GridSolver, ...]
    instances: tuple[GridInstance, ...]
    refused: tuple[GridRefusal, ...] = ()
    seeds: tuple[int, ...]
    budget: BudgetSpec
    jobs: int
    environment: EnvironmentSpec


class BenchmarkResumed(Event):
    """The cells that are left are run by another process; ``done`` had been finished before."""

    done: int
    jobs: int
    environment: EnvironmentSpec


class BenchmarkClosed(Event):
    """Every cell has its outcome: ``cells`` of them were run, and ``failures`` of those broke or found nothing in time.

    ``seconds`` is the time from the opening to the end.
    """

    cells: int
    failures: int
    seconds: float


class InstanceImported(Event):
    """An instance that somebody else's solvers were run on: ``instance`` is its name in the ``source``, features may be none."""

    family: str
    instance: str
    label: str = ""
    features: dict[str, float]
    sense: Sense
    source: str


class OutcomeImported(Event):
    """What a solver once did with an imported instance, folded as if it had happened here.

    ``loss`` is in [0, 1], and 1 unless the status is ``ok``; ``objective`` is None without a result; ``cluster`` is the
    instance's as of the import.
    """

    family: str
    instance: str
    solver: str
    version: str
    cluster: str
    sense: Sense
    budget: BudgetSpec
    status: Literal["ok", "timeout", "failed"]
    objective: float | None
    loss: float
    seconds: float
    source: str


class TournamentInstance(Part):
    """An instance of a tournament: the SHA-256 of its problem, under which it is kept."""

    instance: str
    label: str
    size: int
    best_known: float | None


class TournamentOpened(Event):
    """A Swiss tournament begins; the first event of its own stream. Its runs are ``within`` that stream, and start from nothing.

    A match is ``block`` games, each on an instance with a seed that follow from ``seed`` and the number of the game: the
    same for all matches of a round. ``solvers`` are in the order of the start.
    """

    family: str
    sense: Sense
    solvers: tuple[str, ...]
    rounds: int
    instances: tuple[TournamentInstance, ...]
    budget: BudgetSpec
    seed: int
    block: int


class RoundPaired(Event):
    """Who meets whom in a round, counted from 1, and who has a point without a match."""

    round: int
    pairs: tuple[tuple[str, str], ...]
    bye: str | None


class MatchPlayed(Event):
    """A match: games won by each side (a draw is half a game), their mean losses in it, and the runs, game by game, ``a`` first."""

    round: int
    a: str
    b: str
    score_a: float
    score_b: float
    loss_a: float
    loss_b: float
    runs: tuple[str, ...]


class TournamentPlace(Part):
    """One solver's line of a final table; see `mezan.solvers.selection.tournaments.swiss.Standing`."""

    solver: str
    points: float
    buchholz: float
    buchholz_cut: float
    sonneborn_berger: float
    mean_loss: float | None
    wins: int
    draws: int
    losses: int
    byes: int


class TournamentClosed(Event):
    """Every round has been played; ``table`` is in the final order."""

    table: tuple[TournamentPlace, ...]


AnyEvent = (
    RunRequested
    | RunPlanned
    | ProblemProfiled
    | SolverChosen
    | AttemptStarted
    | BoundTightened
    | IncumbentFound
    | IncumbentShared
    | CheckpointSaved
    | AttemptSucceeded
    | AttemptFailed
    | AttemptTimedOut
    | AttemptCancelled
    | AttemptAbandoned
    | RunAdopted
    | RunCompleted
    | RunFailed
    | RunCancelled
    | ExperimentStarted
    | ExperimentStopped
    | BenchmarkOpened
    | BenchmarkResumed
    | BenchmarkClosed
    | InstanceImported
    | OutcomeImported
    | TournamentOpened
    | RoundPaired
    | MatchPlayed
    | TournamentClosed
    | AccountEvent
)
TERMINAL = frozenset({"RunCompleted", "RunFailed", "RunCancelled"})
