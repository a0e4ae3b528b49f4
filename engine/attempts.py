"""One attempt, as it goes from the engine to an executor and comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mezan.solvers.budget import Budget
from mezan.solvers.pack import Array
from mezan.solvers.problem import Family, Problem
from mezan.solvers.solver import Solver

from .log import Artifact
from .seeding import Seed

if TYPE_CHECKING:
    from mezan.solvers.driver import Incumbent  # its module imports JAX

Stopped = Literal["time", "iterations", "target", "gap", "done"]


@dataclass(slots=True, kw_only=True)
class Work:
    """What an executor needs. ``resume`` is a checkpoint's content, ``spent`` the solver seconds used before it, ``deadline`` a moment on the ``time.perf_counter()`` clock.

    The callbacks run on the event loop: ``started(lanes, lane, device)`` before the first chunk, ``improved(objective,
    solution, iterations, seconds)`` for each checked incumbent, ``saved(artifact, iterations, seconds)`` for each checkpoint.
    ``sliced``: the budget's time is a slice, after which somebody else is tried, so that a procedure gets little grace.
    ``known`` is a result to start from, worked in before the first chunk; a checkpoint has it in it already.
    ``reached(objective)`` says what an incumbent that good ends: it is asked after every chunk, since bounds tighten meanwhile.
    """

    family: Family[Any]
    solver: Solver[Any]
    problem: Problem
    budget: Budget
    seed: int
    started: Callable[[int, int, str], None]
    improved: Callable[[float, Array, int, float], None]
    saved: Callable[[Artifact, int, float], None]
    reached: Callable[[float], Stopped | None]
    resume: bytes | None = None
    known: Seed | None = None
    spent: float = 0.0
    deadline: float = float("inf")
    sliced: bool = False


@dataclass(slots=True, kw_only=True)
class Race:
    """What an executor needs of a race: the work of each pan, by name. ``resume`` is a checkpoint of all of them.

    Beside what each pan reports: ``told(receiver, source, incumbent, iterations, source_iterations, seconds)`` after an
    incumbent was worked into the receiver, ``saved(artifact, iterations by pan, seconds)`` for each checkpoint, ``broke(pan,
    ended)`` when a pan is out while another goes on.
    """

    pans: Mapping[str, Work]
    told: "Callable[[str, str, Incumbent, int, int, float], None]"
    saved: Callable[[Artifact, Mapping[str, int], float], None]
    broke: "Callable[[str, NotFound], None]"
    resume: bytes | None = None
    spent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The attempt ended with a checked solution."""

    objective: float
    solution: Array
    stopped: Stopped
    iterations: int
    seconds: float
    compile_seconds: float = 0.0
    proved_optimal: bool = False
    work: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound:
    """The attempt ended without one: out of time, cancelled, or with an error."""

    why: Literal["timed-out", "cancelled", "failed"]
    iterations: int = 0
    seconds: float = 0.0
    error: BaseException | None = None


Outcome = Found | NotFound
