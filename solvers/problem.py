"""What a problem is to the engine: a pydantic model, the arrays that identify it, and a family that knows it."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .gaps import behind
from .pack import Array, pack

if TYPE_CHECKING:
    from .showing import Section
    from .solver import Solver

Sense = Literal["min", "max"]


def _number(given: Any) -> Any:
    if isinstance(given, bool | str | bytes):
        msg = f"it must be a number; got {str(given)[:40]!r}"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError into its own error
    return given


class Problem(BaseModel):
    """One instance as users write it. Subclasses validate and are immutable.

    ``name`` and ``best_known`` describe the instance; they are not part of its content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
    family: ClassVar[str]

    name: Annotated[str, Field(description="What the instance is called in lists.")] = ""
    best_known: Annotated[
        float | None, BeforeValidator(_number), Field(description="The best objective known, for gaps.")
    ] = None

    @property
    @abstractmethod
    def size(self) -> int:
        """The number that the family's cost grows with (facilities, items, ...)."""

    @property
    def preferred(self) -> str | None:
        """The name of the solver that the instance's author asks for; None leaves it to the policy. Not part of the content."""
        return None

    @abstractmethod
    def content(self) -> dict[str, Array]:
        """The arrays that identify the instance, in canonical dtypes."""

    @classmethod
    @abstractmethod
    def from_content(cls, arrays: Mapping[str, Array], *, name: str = "", best_known: float | None = None) -> Self:
        """Rebuild the instance from :meth:`content`."""

    def packed(self) -> tuple[bytes, str]:
        """Canonical bytes and their SHA-256 in hex: the identity of the instance."""
        content = pack(self.content())
        return content, hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Bound:
    """A proved bound on the optimal objective (lower for ``min``, upper for ``max``) and the method that proved it."""

    value: float
    method: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the reference evaluator says of a solution; ``why`` names the broken rule when it is infeasible."""

    objective: float
    feasible: bool
    why: str = ""


P = TypeVar("P", bound=Problem)


@dataclass(frozen=True, kw_only=True)
class Family(Generic[P]):
    """Everything the engine needs to know of one kind of problem; the only door into its folder.

    Attributes:
        name: as recorded in events.
        sense: whether a smaller or a larger objective is better.
        problem: the pydantic model of an instance.
        features: named numbers that describe an instance, pure and fast, the same names for every instance.
        bound: a proved bound, or None where the family has none.
        tighten: a deterministic tighter bound than the given one at a cost of up to a second or so, or None where it does not
            apply; worked out beside a search.
        evaluate: the reference evaluator in plain NumPy; the only authority on objectives and feasibility.
        solvers: the portfolio, in the order in which untried solvers are taken.
        suffixes: file name endings that :attr:`read` understands.
        read: reads an instance from the text of a file; ``name`` is the file's stem.
        loaders: reads an instance from an open file that is not text and the file's name, by file name ending.
        best_known: reads the best known objective from the text of a solution file beside the instance.
        from_json: builds an instance from a decoded JSON object (the request without its ``type``).
        show: what people want to see of a feasible solution; None shows the array.
        door: what its own door in the HTTP API is called (``/DOOR/solve``); its name where empty.
        examples: small instances that ship with it, the easiest first, made when asked for.
    """

    name: str
    sense: Sense
    problem: type[P]
    features: Callable[[P], Mapping[str, float]]
    bound: Callable[[P], Bound | None]
    evaluate: Callable[[P, Array], Evaluation]
    solvers: "tuple[Solver[P], ...]"
    suffixes: tuple[str, ...] = ()
    read: Callable[[str, str], P]
    loaders: Mapping[str, Callable[[BinaryIO, str], P]] = field(default_factory=dict)
    best_known: Callable[[P, str], float | None] | None = None
    solution_suffix: str | None = None
    from_json: Callable[[Mapping[str, Any]], P]
    tighten: Callable[[P, Bound], Bound | None] | None = None
    show: "Callable[[P, Array], Sequence[Section]] | None" = None
    door: str = ""
    examples: "Callable[[], Sequence[Example[P]]]" = tuple

    def better(self, a: float, b: float) -> bool:
        """Whether objective ``a`` is strictly better than ``b``."""
        return a < b if self.sense == "min" else a > b

    def reaches(self, objective: float, target: float) -> bool:
        """Whether ``objective`` is at least as good as ``target``."""
        return objective <= target if self.sense == "min" else objective >= target


@dataclass(frozen=True, slots=True)
class Example(Generic[P]):
    """An instance to try things on; ``about`` says in one sentence what it is."""

    problem: P
    about: str


def loss(objective: float, bound: Bound | None, sense: Sense) -> float:
    """How far a result is from its bound, in [0, 1]: the scale-free loss that ratings compare inside a cluster.

    ``(objective - bound) / max(|objective|, |bound|)`` for ``min``, negated for ``max``; 0.5 without a bound.
    """
    if bound is None:
        return 0.5
    return behind(objective, bound.value, sense)


def objective_at(loss: float, bound: Bound, sense: Sense) -> float | None:
    """The objective that has this loss, the inverse of :func:`loss` for a positive bound; None where there is none."""
    if bound.value <= 0 or not 0 <= loss < 1:
        return None
    return bound.value / (1 - loss) if sense == "min" else bound.value * (1 - loss)
