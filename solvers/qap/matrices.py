"""The rules a QAP matrix must keep, checked before anything is built from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import BadProblem
from ..pack import Array

MIN_SIZE, MAX_SIZE = 2, 2_000
EXACT = 2.0**53
"""Largest magnitude of an integer objective: every objective, and every partial sum of one, is exact as a float."""
LARGEST = 1e200
"""Largest magnitude of a real objective, so that no intermediate of a kernel overflows."""


def check_size(n: int) -> int:
    """Return ``n``; raise BadProblem when it is not a size this family takes."""
    if not MIN_SIZE <= n <= MAX_SIZE:
        raise BadProblem(f"a QAP must have between {MIN_SIZE} and {MAX_SIZE} facilities; got {n}")
    return n


def matrix(name: str, value: Any) -> Array:
    """A square matrix as read-only int64 (when every entry is integral) or float64.

    Raises:
        BadProblem: it is ragged, not numeric, not finite, not square, or of a size this family does not take.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        check_size(len(value))
    try:
        raw = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadProblem(f"{name} must be a square matrix of numbers; got rows that do not form one") from error
    if raw.dtype.kind == "O" and raw.ndim == 2 and all(isinstance(x, int | float) for x in raw.flat):
        raise BadProblem(_too_large(name))
    if raw.dtype.kind not in "biuf":
        raise BadProblem(f"{name} must hold numbers only; got entries of type {raw.dtype}")
    if raw.ndim != 2 or raw.shape[0] != raw.shape[1]:
        shape = " x ".join(map(str, raw.shape)) or "a single number"
        raise BadProblem(f"{name} must be square (n rows of n numbers); got {shape}")
    check_size(raw.shape[0])
    real = raw.astype(np.float64)
    if not np.isfinite(real).all():
        i, j = (int(x) for x in np.argwhere(~np.isfinite(real))[0])
        raise BadProblem(f"{name} must hold finite numbers; got {real[i, j]} in row {i + 1}, column {j + 1}")
    if raw.dtype.kind in "biu" or (real == np.rint(real)).all():
        if np.abs(real).max() > EXACT:
            raise BadProblem(_too_large(name))
        checked: Array = raw.astype(np.int64)
    else:
        checked = real + 0.0  # -0.0 becomes 0.0, so that equal matrices have equal bytes
    checked.setflags(write=False)
    return checked


def check_pair(A: Array, B: Array) -> None:
    """Raise BadProblem when the sizes differ, or the objective could leave the range where it is exact."""
    if A.shape != B.shape:
        raise BadProblem(f"A and B must have the same size; got {A.shape[0]} and {B.shape[0]}")
    limit = EXACT if A.dtype.kind == B.dtype.kind == "i" else LARGEST
    if not objective_bound(A, B) <= limit:
        kind = "integers" if limit == EXACT else "numbers"
        raise BadProblem(
            f"the {kind} of A and B must keep every objective within {limit:.4g}, so that it is computed exactly; "
            f"it could reach {objective_bound(A, B):.4g}: scale them down"
        )


def objective_bound(A: Array, B: Array) -> float:
    """A magnitude that no objective, and no partial sum of its terms, exceeds."""
    a, b = np.abs(A.astype(np.float64)), np.abs(B.astype(np.float64))
    with np.errstate(over="ignore"):
        return float(min(a.max() * b.sum(), b.max() * a.sum()))


def _too_large(name: str) -> str:
    return f"the integers of {name} must stay within 2^53 in magnitude, so that objectives are exact; scale them down"
