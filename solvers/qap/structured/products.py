"""Products ``M Z`` and ``M^T Z`` of a structured matrix, exact for integers, in less than O(n^3).

====== ================================================ ===============
torus  ``F^-1 diag(F f) F`` with the 2-D DFT F          O(n^2 log n)
xor    ``H diag(H f) H / n`` with the Hadamard matrix   O(n^2 log n)
grid   ``P (x) 1 + 1 (x) Q``                            O(n^2)
====== ================================================ ===============

Fourier transforms are float64, rounded to the nearest integer under a proved bound on their error; Hadamard products are
integers throughout, in a dtype that no intermediate can leave (:mod:`.exact`). The sums of a grid product may wrap around:
what they add up to fits, and integers wrap modulo a power of two.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ...errors import BadInput
from ...pack import Array
from ..problem import QAP
from ..structure import Structure, grid_factors
from .exact import hadamard_reach


def factors(problem: QAP, structure: Structure, a: dict[str, Any]) -> dict[str, Array]:
    """What :func:`product` needs, as further arrays of the prepared instance ``a`` (see ``moves.prepare``).

    Keys name the matrix: ``B_torus`` float64 (2, r, c), real and imaginary part of the spectrum; ``B_xor`` (n,), the
    spectrum; ``B_grid_rows`` (r, r) and ``B_grid_columns`` (c, c).
    """
    name, n = structure.matrix, problem.size
    M = a[name][:n, :n]  # M + M^T of a structured M has the same structure
    if structure.kind == "grid":
        P, Q = grid_factors(M, *structure.shape)
        return {f"{name}_grid_rows": np.ascontiguousarray(P), f"{name}_grid_columns": np.ascontiguousarray(Q)}
    if structure.kind == "torus":
        spectrum = np.fft.fft2(M[0].reshape(structure.shape).astype(np.float64))
        return {f"{name}_torus": np.stack([spectrum.real, spectrum.imag])}
    wide = M.dtype.kind == "i" and hadamard_reach(problem, structure) >= 2.0**31
    return {f"{name}_xor": hadamard(M[0].astype(np.int64 if wide else M.dtype))}


def structured(a: dict[str, Any]) -> tuple[str, int]:
    """The matrix that has a fast product, and the number of live indices; both static."""
    for name in "AB":
        if f"{name}_torus" in a:
            _, r, c = a[f"{name}_torus"].shape
            return name, int(r * c)
        if f"{name}_xor" in a:
            return name, int(a[f"{name}_xor"].shape[0])
        if f"{name}_grid_rows" in a:
            return name, int(a[f"{name}_grid_rows"].shape[0] * a[f"{name}_grid_columns"].shape[0])
    raise BadInput(f"a structured product needs the arrays that factors() makes; got only {', '.join(sorted(a))}")


def product(a: dict[str, Any], name: str, Z: Any, *, transpose: bool = False) -> Any:
    """``M Z`` (or ``M^T Z``) for the structured matrix ``name`` and Z (n, m), in Z's dtype."""
    if f"{name}_torus" in a:
        return _torus(a[f"{name}_torus"], Z, transpose=transpose)
    if f"{name}_xor" in a:
        spectrum, n = a[f"{name}_xor"], Z.shape[0]
        times_n = hadamard(spectrum[:, None] * hadamard(Z.astype(spectrum.dtype)))
        return (times_n // n if jnp.issubdtype(Z.dtype, jnp.integer) else times_n / n).astype(Z.dtype)
    P, Q = a[f"{name}_grid_rows"], a[f"{name}_grid_columns"]
    P, Q = (P.T, Q.T) if transpose else (P, Q)
    cells = Z.reshape(P.shape[0], Q.shape[0], -1)
    rows = jnp.matmul(P, cells.sum(1, dtype=Z.dtype), precision="highest")
    columns = jnp.matmul(Q, cells.sum(0, dtype=Z.dtype), precision="highest")
    return (rows[:, None] + columns).reshape(Z.shape)


def hadamard(Z: Any) -> Any:
    """``H Z`` along the first axis, whose length is a power of two; NumPy or JAX, in Z's dtype."""
    n, half = Z.shape[0], 1
    xp: Any = np if isinstance(Z, np.ndarray) else jnp
    shape = Z.shape
    while half < n:
        pairs = Z.reshape(n // (2 * half), 2, half, -1)
        Z = xp.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1).reshape(shape)
        half *= 2
    return Z


def _torus(parts: Any, Z: Any, *, transpose: bool) -> Any:
    """With M[i, j] = f(j - i), a product with M^T convolves with f, and one with M correlates with it."""
    _, r, c = parts.shape
    spectrum = parts[0] + (1j if transpose else -1j) * parts[1]
    transformed = jnp.fft.rfft2(Z.reshape(r, c, -1).astype(jnp.float64), axes=(0, 1))
    real = jnp.fft.irfft2(transformed * spectrum[:, : c // 2 + 1, None], s=(r, c), axes=(0, 1)).reshape(Z.shape)
    return jnp.rint(real).astype(Z.dtype) if jnp.issubdtype(Z.dtype, jnp.integer) else real
