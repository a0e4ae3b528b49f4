"""How solvers did on known instances, as losses in [0, 1] and, where solvers have runtimes, as times to schedule by."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .schedules import UNIT, units

Floats = NDArray[np.float64]

SHARED = 0.3
"""What a logarithmic time weighs in a target, beside the loss."""


@dataclass(frozen=True, slots=True)
class Labels:
    """``losses`` [n, m] on a grid of 2^-26. With runtimes: PAR10 / (10 cutoff), and ``times`` [n, m] in the units of `schedules`.

    Without (``cutoff`` None): the measured values, scaled by the least and the greatest, ``low`` and ``high``; ``times`` None.
    """

    losses: Floats
    times: Floats | None
    cutoff: float | None
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(
        cls, performance: Floats, *, cutoff: float | None, maximize: bool, solved: NDArray[np.bool_] | None
    ) -> "Labels":
        """From what was measured [n, m].

        NaN is a failure where ``solved`` says so, and else a label that is missing: it is filled with what the solver usually
        does (its mean loss; with runtimes its median time, or none when it mostly fails).
        """
        if cutoff is None:
            return cls._of_values(-performance if maximize else performance, solved)
        if maximize:
            raise BadInput("a runtime cannot be maximised; leave out the cutoff for qualities")
        if not 0 < cutoff < math.inf:
            msg = f"the cutoff must be a positive number of seconds; got {cutoff}"
            raise BadInput(msg)
        missing = np.isnan(performance) if solved is None else np.zeros(performance.shape, dtype=bool)
        able = np.nan_to_num(performance, nan=math.inf) <= cutoff
        done = able if solved is None else solved & able
        seconds = np.where(done, np.maximum(np.nan_to_num(performance, nan=math.inf, posinf=math.inf), 0.0), math.inf)
        for j in np.flatnonzero(missing.any(axis=0)):
            known = seconds[~missing[:, j], j]
            seconds[missing[:, j], j] = np.median(known) if len(known) else math.inf
        times = units(seconds, cutoff)
        return cls(np.minimum(np.where(np.isinf(times), UNIT, times), UNIT) / UNIT, times, cutoff)

    @classmethod
    def _of_values(cls, values: Floats, solved: NDArray[np.bool_] | None) -> "Labels":
        known = np.isfinite(values) & (True if solved is None else solved)
        if not known.any():
            raise BadInput("at least one performance must be a finite number")
        low, high = float(values[known].min()), float(values[known].max())
        losses = np.where(known, (values - low) / (high - low if high > low else 1.0), 1.0)
        if solved is None:
            for j in np.flatnonzero(~known.all(axis=0)):
                column = losses[known[:, j], j]
                losses[~known[:, j], j] = column.sum() / len(column) if len(column) else 1.0
        return cls(np.rint(losses * UNIT) / UNIT, None, None, low, high)

    def targets(self) -> Floats:
        """What the trees part instances by [n, q]: regrets, and with runtimes logarithmic times less their mean by instance."""
        regrets: Floats = self.losses - self.losses.min(axis=1, keepdims=True)
        if self.times is None:
            return regrets
        log = np.log1p(self.losses * 1e4) / np.log1p(1e4)
        logarithmic: Floats = SHARED * (log - log.sum(axis=1, keepdims=True) / log.shape[1])
        return np.hstack([regrets, logarithmic])

    def scaled(self, loss: float) -> float:
        """A loss in the units of what was measured: PAR10 in seconds, or the value (negated where more is better)."""
        return loss * 10 * self.cutoff if self.cutoff is not None else self.low + loss * (self.high - self.low)

    def charged(self, times_spent: float) -> Floats:
        """The losses when so many units have gone by before the solvers start."""
        if self.times is None:
            return self.losses
        total = self.times + times_spent
        losses: Floats = np.where(total <= UNIT / 10, total, UNIT) / UNIT
        return losses
