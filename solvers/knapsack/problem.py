"""The 0/1 knapsack problem as users write it."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, WithJsonSchema, model_validator

from ..errors import BadProblem
from ..pack import Array, narrow
from ..problem import Problem

MAX_ITEMS = 100_000
MAX_TOTAL = 2**53 - 1
"""Totals up to here are whole doubles, so objectives, JSON and exact integers all say the same number."""


def _integers(given: Any) -> Array:
    if not isinstance(given, list | tuple | np.ndarray):
        msg = f"values and weights must be lists of whole numbers; got {type(given).__name__}"
        raise BadProblem(msg)
    if len(np.shape(given) if isinstance(given, np.ndarray) else (0,)) != 1:
        msg = f"values and weights must be flat lists; got an array of shape {np.shape(given)}"
        raise BadProblem(msg)
    if not 1 <= len(given) <= MAX_ITEMS:
        msg = f"a knapsack problem must have between 1 and {MAX_ITEMS} items; got {len(given)}"
        raise BadProblem(msg)
    if isinstance(given, list) and set(map(type, given)) == {int}:  # most requests, by far the quickest
        low, high, total = min(given), max(given), sum(given)
    else:
        given = _whole(given)
        low, high, total = given.min(), given.max(), int(given.sum(dtype=object))
    if low < 0 or high > MAX_TOTAL:
        msg = f"values and weights must be between 0 and {MAX_TOTAL}; got {low if low < 0 else high}"
        raise BadProblem(msg)
    if total > MAX_TOTAL:
        msg = f"values, and weights, must total at most {MAX_TOTAL} (exact in doubles); got {total}; divide them by a common factor"
        raise BadProblem(msg)
    # a copy: the caller's array stays writable, and ours cannot change under us
    array = np.array(given, dtype=np.int64)
    array.setflags(write=False)
    return array


def _whole(given: Any) -> Array:
    try:
        array = np.asarray(given)
    except (ValueError, OverflowError):
        array = np.asarray(None)
    mixed = isinstance(given, list | tuple) and any(isinstance(x, bool | np.bool_) for x in given)
    if mixed or array.ndim != 1 or (array.dtype.kind not in "iuf" and not _big(array)):
        msg = "values and weights must be flat lists of whole numbers; got something else among them"
        raise BadProblem(msg)
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.floor(array)).all()):
        wrong = next(float(x) for x in array if not float(x).is_integer())
        msg = f"values and weights must be finite whole numbers; got {wrong}; multiply fractions by a common factor"
        raise BadProblem(msg)
    return array


def _big(array: Array) -> bool:
    return array.dtype == object and all(isinstance(x, int) for x in array)


def _capacity(given: Any) -> int:
    whole = isinstance(given, int | np.integer) or (
        isinstance(given, float | np.floating) and float(given).is_integer()
    )
    if isinstance(given, bool) or not whole or not 0 <= given <= MAX_TOTAL:
        msg = f"capacity must be a whole number between 0 and {MAX_TOTAL}; got {str(given)[:40]}"
        raise BadProblem(msg)
    return int(given)


Integers = Annotated[
    Array,
    BeforeValidator(_integers),
    PlainSerializer(lambda array: array.tolist(), return_type=list[int]),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": MAX_TOTAL},
            "minItems": 1,
            "maxItems": MAX_ITEMS,
        }
    ),
]


class Knapsack(Problem):
    """Choose ``x`` in {0, 1}^n that maximises ``values @ x`` subject to ``weights @ x <= capacity``.

    Attributes:
        values: int64[n], whole and not negative, at most 2^53 - 1 in total.
        weights: int64[n], likewise.
        capacity: between 0 and 2^53 - 1.

    Raises:
        BadProblem: a rule above is broken; one line says which.
    """

    family: ClassVar[str] = "knapsack"

    values: Annotated[Integers, Field(description="What each item is worth: whole numbers.")]
    weights: Annotated[Integers, Field(description="What each item weighs, in the same order.")]
    capacity: Annotated[
        int,
        BeforeValidator(_capacity),
        WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_TOTAL}),
        Field(description="What all chosen items may weigh together."),
    ]

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _bad(error, fields) from None

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if len(self.values) != len(self.weights):
            msg = f"values and weights must be equally long; got {len(self.values)} values and {len(self.weights)} weights"
            raise BadProblem(msg)
        return self

    @property
    def size(self) -> int:
        """The number of items."""
        return len(self.values)

    def content(self) -> dict[str, Array]:
        """``values``, ``weights`` and ``capacity`` in the smallest integer dtypes that hold them."""
        return {
            "values": narrow(self.values),
            "weights": narrow(self.weights),
            "capacity": np.array(self.capacity, "<i8"),
        }

    @classmethod
    def from_content(cls, arrays: Mapping[str, Array], *, name: str = "", best_known: float | None = None) -> Self:
        """Rebuild the instance from :meth:`content`; raises BadProblem for the arrays of anything else."""
        if set(arrays) != {"values", "weights", "capacity"} or arrays["capacity"].shape != ():
            msg = f"a stored knapsack problem must hold values, weights and capacity; got {sorted(arrays)}"
            raise BadProblem(msg)
        return cls(
            values=arrays["values"],
            weights=arrays["weights"],
            capacity=arrays["capacity"].item(),
            name=name,
            best_known=best_known,
        )

    def __eq__(self, other: object) -> bool:
        """Equal content, name and best known value."""
        if not isinstance(other, Knapsack):
            return NotImplemented
        return (self.packed(), self.name, self.best_known) == (other.packed(), other.name, other.best_known)

    def __hash__(self) -> int:
        return hash((self.packed()[1], self.name, self.best_known))


def _bad(error: ValidationError, fields: Mapping[str, Any]) -> BadProblem:
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    where = ".".join(map(str, first["loc"]))
    if isinstance(cause, BadProblem):
        return BadProblem(f"{where}: {cause}" if where else str(cause))
    return BadProblem(
        "a knapsack problem has values, weights and capacity, and may have name (text) and best_known (finite); "
        f"{where}: {first['msg'].lower()}"
    )
