"""Where a transform of integers is proved to give integers: bounds that need neither JAX nor the transform itself."""

import math

import numpy as np

from ...pack import Array
from ..problem import QAP
from ..structure import Structure

EPSILON = 2.0**-53


def provable(problem: QAP, structure: Structure) -> bool:
    """Whether the products with the structured matrix are exact; real data have none to be exact about."""
    if not problem.A.dtype.kind == problem.B.dtype.kind == "i":
        return True
    if structure.kind == "torus":
        f, z = _largest(problem, structure)
        return dft_error(structure.shape, f, float(np.linalg.norm(z, axis=0).max())) < 0.25
    return structure.kind != "xor" or hadamard_reach(problem, structure) < 2.0**62


def dft_error(shape: tuple[int, ...], f: Array, column: float) -> float:
    """A bound on the error of an entry of ``F^-1 ((F f) (F z))``, F the 2-D DFT, for every z of 2-norm at most ``column``.

    A stage of prime radix p adds at most ``(p + 3) sqrt(p) eps'`` to the relative error in the 2-norm, its sums of p products
    taken in any order (after Higham, Accuracy and Stability of Numerical Algorithms, 24.1, where p = 2), with
    ``eps' = 4 eps`` for complex arithmetic and rounded twiddle factors. Over all stages that is L; three transforms
    and a product of entries at most ``|f|_1`` then leave ``4 L |z|_2 (|f|_1 + sqrt(N) |f|_2)``.
    """
    stages = sum((p + 3) * math.sqrt(p) for length in shape for p in _primes(length))
    L = 4 * EPSILON * (1 + stages)
    return 4 * L * column * (float(np.abs(f).sum()) + math.sqrt(math.prod(shape)) * float(np.linalg.norm(f)))


def hadamard_reach(problem: QAP, structure: Structure) -> float:
    """A magnitude that no intermediate of a Walsh-Hadamard product exceeds."""
    f, z = _largest(problem, structure)
    return len(f) * float(f.sum()) * float(z.sum(axis=0).max()) * (1 + 1e-9)


def _largest(problem: QAP, structure: Structure) -> tuple[Array, Array]:
    """Magnitudes of the generating row and of the other matrix, also after either is added to its transpose."""
    M, other = (problem.A, problem.B) if structure.matrix == "A" else (problem.B, problem.A)
    f, z = (np.abs(X.astype(np.float64)) for X in (M, other))
    return f[0] + f[:, 0], z + z.T


def _primes(length: int) -> list[int]:
    found, p = [], 2
    while length > 1:
        while length % p == 0:
            found.append(p)
            length //= p
        p += 1
    return found
