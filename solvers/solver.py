"""What a solver is: a declared entry of the portfolio, and the kernel or procedure behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, Literal, Protocol, TypeVar

from .budget import Budget
from .pack import Array
from .problem import P, Problem

State = Any
"""A pytree (dict of arrays) that is the whole of a search: resumable, and stored as a checkpoint."""

P_contra = TypeVar("P_contra", bound=Problem, contravariant=True)


class Kernel(Protocol[P_contra]):
    """A JAX solver: pure functions of arrays, the key passed in. One lane is one instance.

    The driver compiles and ``vmap``s these over lanes, so they are written for a single instance. A run of
    ``step(a, s, i)`` then ``step(a, s, j)`` must equal ``step(a, s, i + j)`` to the bit: everything that the search
    depends on lives in the state, nothing in where chunks end. Random keys are raw ``uint32[2]`` arrays.
    """

    def arrays(self, problem: P_contra) -> dict[str, Array]:
        """NumPy arrays padded to the instance's bucket; equal shapes and dtypes share one compiled program."""

    def init(self, arrays: dict[str, Any], key: Any) -> State:
        """The first state, incumbent included (traced)."""

    def step(self, arrays: dict[str, Any], state: State, iterations: Any) -> State:
        """Advance by ``iterations`` (a traced int32 scalar; traced)."""

    def best(self, arrays: dict[str, Any], state: State) -> tuple[Any, Any]:
        """The incumbent: its claimed objective (scalar) and its padded solution array (traced)."""

    def done(self, arrays: dict[str, Any], state: State) -> Any:
        """Boolean scalar: nothing is left to do (traced)."""

    def solution(self, problem: P_contra, padded: Array) -> Array:
        """The solution as users read it, from the padded array."""


class Seedable(Kernel[P_contra], Protocol[P_contra]):
    """A kernel that takes solutions from outside: a known one at its start, a rival's while it runs."""

    def padded(self, problem: P_contra, solution: Array) -> Array:
        """The padded array of a solution as users read it; the inverse of ``solution``."""

    def inject(self, arrays: dict[str, Any], state: State, solution: Any) -> State:
        """The state with a padded solution worked in, its incumbent at least as good (traced)."""


class Islander(Seedable[P_contra], Protocol[P_contra]):
    """A kernel for islands."""

    def exchange(self, problem: P_contra) -> int:
        """Iterations between two exchanges."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a procedure returns.

    Attributes:
        solution: as the family's evaluator takes it.
        proved_optimal: the procedure proved that nothing is better.
        work: repeatable effort (nodes, iterations), recorded in events.
    """

    solution: Array
    proved_optimal: bool = False
    work: Mapping[str, int] = field(default_factory=dict)


class Procedure(Protocol[P_contra]):
    """A solver that is one call: a wrapped library, or plain NumPy. It must respect ``budget.time_limit``."""

    def __call__(self, problem: P_contra, budget: Budget, seed: int) -> Answer:
        """Solve; raise SolverFailed when there is no feasible answer to give."""


RunsIn = Literal["kernel", "inline", "thread", "process"]


@dataclass(frozen=True, kw_only=True)
class Solver(Generic[P]):
    """An entry of a family's portfolio.

    Attributes:
        name: ``family.solver``, as recorded in events.
        version: changes whenever results may change.
        summary: one line for tables.
        reference: the paper or library.
        load: returns the kernel or procedure; imports JAX or the library only when called.
        runs_in: ``kernel`` = driven in chunks in a worker thread; ``inline`` = a procedure that ends within
            about a millisecond, several of which share one thread hop; ``thread`` = a procedure that
            releases the GIL; ``process`` = one that holds it or must be killed to be stopped: it has a process to itself, where
            earlier calls may have been before it.
        refuses: why this solver cannot take a problem, or None.
        repeatable: the same inputs give the same result; otherwise replay checks feasibility and objective only.
        exact: proves optimality when it ends by itself.
        seedable: its kernel is :class:`Seedable`.
        plan: what it will do with a problem and why, in one sentence for the decision card.
        prior: what its author expects of it, in Elo above 1500; where no solver of a family says, all are tried once.
        islands: one problem is searched on every core or device at once, see `islands`; needs an `Islander`.
    """

    name: str
    family: str
    version: str
    summary: str
    reference: str
    load: Callable[[], Kernel[P] | Procedure[P]]
    runs_in: RunsIn = "kernel"
    refuses: Callable[[P], str | None] = field(default=lambda _problem: None)
    repeatable: bool = True
    exact: bool = False
    seedable: bool = False
    islands: bool = False
    prior: float | None = None
    plan: Callable[[P], str] | None = None


@lru_cache(maxsize=256)
def load(solver: Solver[Any]) -> Any:
    """The solver's kernel or procedure, imported once."""
    return solver.load()
