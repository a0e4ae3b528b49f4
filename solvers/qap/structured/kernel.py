"""Search that uses what is proved of an instance's matrices (``qap.fft``); :mod:`..structure` says what is looked for.

- **Two classes of alike indices** (grey patterns tai64c and tai256c, bisection, densest k-subgraph): the problem is the choice
  of a subset. This is where structure pays: tai256c reaches its best known value within seconds on one core, where tabu
  search on permutations is left 0.17 % above it.
- **Torus, xor, grid**: the products that set up a neighbourhood come from a Fourier transform, a Walsh-Hadamard
  transform or a Kronecker sum, exact for integers; on top runs robust tabu search, move for move that of ``qap.tabu``.
  It saves setup only, as a move costs O(n^2) either way. One product on one core, in ms:

  ====  =====  ====  ====  ===========  =============
  n     torus  xor   grid  dense int32  dense float32
  ====  =====  ====  ====  ===========  =============
  64    0.11   0.11  0.04  0.04         0.04
  128   0.18   0.09  0.06  0.18         0.07
  256   0.69   0.22  0.12  0.54         0.31
  512   2.5    0.90  0.29  4.8          1.4
  1024  10.5   3.5   0.68  28           10
  ====  =====  ====  ====  ===========  =============

  Below 512 facilities the dense product beats the Fourier transform, below 128 also the Walsh-Hadamard one.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...buckets import bucket
from ...errors import BadInput
from ...pack import Array
from .. import moves, pairs
from ..problem import QAP
from ..structure import Structure
from ..tabu import RobustTabu
from .collapse import collapse, permutation_of, subset_of
from .products import factors, product, structured
from .refusal import exploited, refuses
from .subset import SubsetSearch


@dataclass(frozen=True)
class StructuredSearch:
    """An iteration is one of :class:`SubsetSearch` or :class:`RobustTabu`, whichever the instance's arrays are for.

    Attributes:
        subset: the search where the problem is the choice of a subset.
        tabu: the search everywhere else.
    """

    subset: SubsetSearch = field(default_factory=SubsetSearch)
    tabu: RobustTabu = field(default_factory=RobustTabu)

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`collapse` for subsets; otherwise ``moves.prepare`` and :func:`factors`."""
        return self.prepared(problem)

    def prepared(self, problem: QAP, size: int | None = None) -> dict[str, Array]:
        """The arrays, zero-padded to ``size`` (default: the bucket).

        Raises:
            BadInput: the instance has no structure to exploit.
        """
        structure = _structure(problem)
        if structure.kind == "subset":
            return collapse(problem, structure, size)
        a = moves.prepare(problem, size)
        return a | factors(problem, structure, a)

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Random subsets, or random permutations whose neighbourhoods are set up by the structured product."""
        if "Q" in arrays:
            return self.subset.init(arrays, key)
        # Compiled, the dense set-up that is replaced here is dead code and never runs.
        state = self.tabu.init(arrays, key)
        nb: dict[str, Any] = jax.vmap(start, (None, 0))(arrays, state["p"])
        return state | nb | {"D": jax.vmap(pairs.fold)(nb["D"])}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""
        return self._search(arrays).step(arrays, state, iterations)

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """See the protocol; a subset is a boolean (m,)."""
        return self._search(arrays).best(arrays, state)

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """See the protocol."""
        return self._search(arrays).done(arrays, state)

    def inject(self, arrays: dict[str, Any], state: dict[str, Any], solution: Any) -> dict[str, Any]:
        """See the protocol."""
        return self._search(arrays).inject(arrays, state, solution)

    def solution(self, problem: QAP, padded: Array) -> Array:
        """The permutation itself, or one that makes the chosen subset."""
        structure = _structure(problem)
        if structure.kind == "subset":
            return permutation_of(problem, structure, padded[: problem.size])
        return moves.placed(problem, padded)

    def padded(self, problem: QAP, solution: Array) -> Array:
        """The padded permutation, or the padded subset that it makes."""
        structure = _structure(problem)
        if structure.kind != "subset":
            return moves.padded(problem, solution)
        S = np.zeros(bucket(problem.size), bool)
        S[: problem.size] = subset_of(problem, structure, solution)
        return S

    def _search(self, arrays: dict[str, Any]) -> SubsetSearch | RobustTabu:
        return self.subset if "Q" in arrays else self.tabu


def start(a: dict[str, Any], p: Any) -> dict[str, Any]:
    """``moves.start``, its sum ``N = sum_t X_t^T Y_t[p]`` by the structured product."""
    name, n = structured(a)
    q = jnp.zeros_like(p).at[p].set(jnp.arange(p.shape[0], dtype=p.dtype))
    terms, c = moves.terms(a)
    N = jnp.zeros_like(a["A"])
    for (X, Y), flip in zip(terms, (False, True), strict=False):
        if name == "A":
            N = N.at[:n].add(product(a, name, Y[p][:n], transpose=not flip))
        else:
            N = N.at[:, :n].add(product(a, name, X[q][:n], transpose=not flip).T)
    A, Bp = a["A"], a["B"][p][:, p]
    G = N[:, p]
    h, fa, fb = jnp.diagonal(G), jnp.diagonal(A), jnp.diagonal(Bp)
    D = -c * (h[:, None] + h - G - G.T) + (fa[:, None] + fa - A - A.T) * (fb[:, None] + fb - Bp - Bp.T)
    return {"p": p, "N": N, "h": h, "D": D}


def _structure(problem: QAP) -> Structure:
    structure = exploited(problem)
    if structure is None:
        raise BadInput(refuses(problem) or "")
    return structure
