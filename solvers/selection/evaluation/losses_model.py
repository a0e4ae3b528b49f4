"""Losses predicted from features by ridge regression, each from folds that do not hold its instance.

Per solver, on standardised features (Hoerl and Kennard, Technometrics 12, 1970), the penalty by generalised cross-validation
(Golub, Heath and Wahba, Technometrics 21, 1979). A solver with few outcomes is predicted by its mean, shrunk to that of all.
"""

import numpy as np

from ...pack import Array

FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0)
FEWEST = 10
"""Outcomes of a solver from which features are looked at."""
PRIOR_WEIGHT = 2.0
CLIP = 5.0


def predicted(features: Array, instances: Array, rows: Array, solvers: Array, losses: Array, k: int) -> Array:
    """Losses ``[n, k]`` on points ``features[n, d]`` of the numbered ``instances[n]``.

    Outcome ``j`` is ``losses[j]`` of solver ``solvers[j]`` on point ``rows[j]``; it has no part in a prediction for its instance.
    """
    X = standardised(features)
    folds = np.asarray(instances) % FOLDS
    found = np.full((len(X), k), float(np.mean(losses)))
    for fold in range(FOLDS):
        train, held = folds[rows] != fold, folds == fold
        if not train.any() or not held.any():
            continue
        pooled = float(np.mean(losses[train]))
        for solver in range(k):
            mine = train & (solvers == solver)
            found[held, solver] = _fitted(X[rows[mine]], losses[mine], X[held], pooled)
    return np.asarray(np.clip(found, 0.0, 1.0))


def standardised(features: Array) -> Array:
    """Columns of mean zero and deviation one, clipped; those that do not vary are zero."""
    X = np.asarray(features, float)
    spread = X.std(0)
    return np.asarray(np.clip((X - X.mean(0)) / np.where(spread > 1e-12, spread, np.inf), -CLIP, CLIP))


def _fitted(X: Array, y: Array, at: Array, pooled: float) -> Array:
    n = len(y)
    mean = (float(y.sum()) + PRIOR_WEIGHT * pooled) / (n + PRIOR_WEIGHT)
    if n < FEWEST or not X.shape[1]:
        return np.full(len(at), mean)
    centre = X.mean(0)
    U, s, Vt = np.linalg.svd(X - centre, full_matrices=False)
    along = U.T @ (y - y.mean())
    best, weights = np.inf, np.zeros(len(s))
    for penalty in PENALTIES:
        kept = s * s / (s * s + penalty)
        left = y - y.mean() - U @ (kept * along)
        free = n - 1.0 - float(kept.sum())
        score = float(left @ left) / max(free, 1e-9) ** 2
        if score < best:
            best, weights = score, kept / np.where(s > 1e-12, s, np.inf) * along
    return np.asarray(mean + (at - centre) @ (Vt.T @ weights))
