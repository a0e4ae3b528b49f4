"""Search that uses what is proved of an instance's matrices (``qap.fft``); :mod:`..structure` says what is looked for.

- **Two classes of alike indices** (grey patterns tai64c and tai256c, bisection, densest k-subgraph): the problem is the choice
  of a subset. This is where structure pays: tai256c reached its best known value on five seeds of five, within 4 s on one
  core, where ``qap.tabu`` stood 0.33 % above it after 10 s.
- **Torus, xor, grid**: the products that set up a neighbourhood come from a Fourier transform, a Walsh-Hadamard
  transform or a Kronecker sum, exact for integers; on top runs robust tabu search, that of ``qap.tabu`` move for move.
  It saves setup only, as a move costs O(n^2) either way; where facilities have no flow (esc), swaps among those are left
  out (:mod:`.idle`), which is what solves esc128. One product on one core, in ms:

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
import numpy as np

from ...buckets import bucket
from ...errors import BadInput
from ...pack import Array
from .. import moves, pairs
from ..problem import QAP
from ..structure import Structure
from ..tabu import RobustTabu
from .collapse import collapse, permutation_of, subset_of
from .idle import BusyTabu, idle
from .products import factors
from .refusal import exploited, refuses
from .setup import start
from .subset import SubsetSearch


@dataclass(frozen=True)
class StructuredSearch:
    """An iteration is one of the search that the instance's arrays are for.

    Attributes:
        subset: where the problem is the choice of a subset.
        busy: where several facilities have no flow.
        tabu: everywhere else.
    """

    subset: SubsetSearch = field(default_factory=SubsetSearch)
    busy: BusyTabu = field(default_factory=BusyTabu)
    tabu: RobustTabu = field(default_factory=RobustTabu)

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`collapse` for subsets; otherwise ``moves.prepare``, :func:`factors` and ``idle`` (m,) if any are."""
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
        without = idle(problem, len(a["A"]))
        return a | factors(problem, structure, a) | ({"idle": without} if without.any() else {})

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Random subsets, or random permutations whose neighbourhoods are set up by the structured product."""
        if "Q" in arrays:
            return self.subset.init(arrays, key)
        # Compiled, the dense set-up that is replaced here is dead code and never runs.
        state = self.tabu.init(arrays, key)
        nb: dict[str, Any] = jax.vmap(start, (None, 0))(arrays, state["p"])
        if "idle" in arrays:
            return self.busy.init(arrays, nb, state["seed"])
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

    def _search(self, arrays: dict[str, Any]) -> SubsetSearch | BusyTabu | RobustTabu:
        return self.subset if "Q" in arrays else self.busy if "idle" in arrays else self.tabu


def _structure(problem: QAP) -> Structure:
    structure = exploited(problem)
    if structure is None:
        raise BadInput(refuses(problem) or "")
    return structure
