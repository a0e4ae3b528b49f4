"""Leaving the single best solver only where similar instances say so."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SURE = 1.6448536269514722
"""The normal quantile at 0.95."""


def careful_pick(weights: Floats, losses: Floats, single_best: int) -> int:
    """The solver whose advantage over the single best is greatest, less `SURE` standard errors; the single best if none is left."""
    total = weights.sum()
    gain = losses[:, [single_best]] - losses
    mean = weights @ gain / total
    error = np.sqrt(np.maximum(weights @ (gain * gain) / total - mean * mean, 0.0) * (weights @ weights)) / total
    sure = np.rint((mean - SURE * error) * 2.0**40)  # a grid: squares are not exact
    best = int(sure.argmax())
    return best if sure[best] > 0 else single_best
