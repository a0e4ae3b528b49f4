"""Votes between all pairs of solvers, each pair decided by a forest that weighs instances by what is at stake.

Xu, Hutter, Hoos and Leyton-Brown, "Hydra-MIP" (RCRA 2011) and "Evaluating component solver contributions to portfolio-based
algorithm selectors" (SAT 2012): the selector of SATzilla since 2011.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .forests import Forest, fit, stack

Floats = NDArray[np.float64]

TREES = 40
MOST_SOLVERS = 12


@dataclass(frozen=True, slots=True)
class PairwiseForests:
    """One forest for each pair of ``m`` solvers that ever differ, all stacked; ``pairs`` [p, 2] in the order of the forests.

    ``means`` [m]: mean losses, which break ties.
    """

    forest: Forest | None
    pairs: NDArray[np.int64]
    means: Floats

    @classmethod
    def fit(cls, X: Floats, losses: Floats, *, seed: int, trees: int = TREES) -> "PairwiseForests":
        """From finite features [n, d] and losses [n, m]; raises BadInput for more than 12 solvers."""
        m = losses.shape[1]
        if m > MOST_SOLVERS:
            msg = f"pairwise votes take at most {MOST_SOLVERS} solvers, for every pair has a forest; got {m}"
            raise BadInput(msg)
        pairs, grown = [], []
        for a, b in combinations(range(m), 2):
            stake = np.abs(losses[:, a] - losses[:, b])
            if not stake.max() > 0:
                continue
            better = np.where(losses[:, a] < losses[:, b], 1.0, -1.0)
            key = seed * MOST_SOLVERS * MOST_SOLVERS + a * MOST_SOLVERS + b
            grown.append(fit(X, better, trees=trees, max_features=0.5, min_leaf=2, seed=key, weights=stake))
            pairs.append((a, b))
        means = np.add.reduce(losses, axis=0) / len(losses)
        return cls(stack(grown) if grown else None, np.array(pairs, dtype=np.int64).reshape(-1, 2), means)

    def votes(self, X: Floats) -> Floats:
        """How many of the trees' votes each solver gets [n, m], as a share of its pairs, ties broken by the mean losses."""
        n, m = len(X), len(self.means)
        votes = np.zeros((n, m))
        if self.forest is not None:
            for_first = np.where(self.forest.tree_values(X)[..., 0] > 0, 1.0, 0.0).reshape(n, len(self.pairs), -1)
            share = np.add.reduce(for_first, axis=2) / for_first.shape[2]
            for p, (a, b) in enumerate(self.pairs):
                votes[:, a] += share[:, p]
                votes[:, b] += 1.0 - share[:, p]
        spread: Floats = (votes - 1e-6 * self.means) / max(1, m - 1)
        return spread
