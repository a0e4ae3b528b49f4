"""Ridge regression of each solver's losses on the features: `theta = (Z'WZ + I)^-1 Z'W (y - mean)` (Hoerl and Kennard, 1970).

`z` is the instance's point over the root of its dimensions, and a 1. An outcome of an older version weighs `KINSHIP` of one of
the latest. The inverse is kept up to date by Sherman and Morrison's formula, O(d^2) an outcome, without a BLAS, so that a model
is the same to the bit wherever it is made. Scales of features are those of a generation, as in `surrogate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..examples import Examples, Row
from ..policy import Candidate
from .encoding import Encoding
from .gaussian import KINSHIP, Floats
from .surrogate import UNTRIED, WINDOW, Tally, generation, pooled


@dataclass(frozen=True, slots=True)
class Ridge:
    """One solver: ``inverse`` [d, d] of the weighted Gram matrix with ridge, the moments [d] of the losses and of 1, its rows."""

    inverse: Floats
    moment: Floats
    mass: Floats
    version: str
    rows: tuple[tuple[Floats, float, str], ...] = ()

    @classmethod
    def empty(cls, dimensions: int, version: str) -> "Ridge":
        """Before the first outcome."""
        return cls(np.eye(dimensions), np.zeros(dimensions), np.zeros(dimensions), version)

    def plus(self, z: Floats, loss: float, version: str) -> "Ridge":
        """With one more outcome; the first of a new version weighs the older ones anew."""
        rows = (*self.rows, (z, loss, version))
        if version == self.version:
            return self.weighed(z, loss, 1.0, rows)
        again = Ridge.empty(len(z), version)
        for point, value, of in rows:
            again = again.weighed(point, value, 1.0 if of == version else KINSHIP, rows)
        return again

    def predict(self, z: Floats, mean: float) -> tuple[float, float]:
        """The expected loss where ``mean`` is that of anything, and ``z' A^-1 z``."""
        u = np.add.reduce(self.inverse * z, axis=1)
        return mean + float(np.add.reduce(u * (self.moment - mean * self.mass))), float(np.add.reduce(u * z))

    def weighed(self, z: Floats, loss: float, weight: float, rows: tuple[tuple[Floats, float, str], ...]) -> "Ridge":
        """With an outcome of that weight; ``rows`` are all that it then knows."""
        u = np.add.reduce(self.inverse * z, axis=1)
        scale = weight / (1.0 + weight * float(np.add.reduce(u * z)))
        return Ridge(
            self.inverse - u[:, None] * (u * scale),
            self.moment + z * (weight * loss),
            self.mass + z * weight,
            self.version,
            rows,
        )


@dataclass(frozen=True, slots=True)
class Linear:
    """All solvers. ``error`` sums the squared errors of what was predicted for each row before it was known."""

    encoding: Encoding
    ridges: Mapping[str, Ridge]
    tallies: Mapping[str, Tally]
    error: float = 0.0

    @property
    def mean(self) -> float:
        """The mean of all losses."""
        return pooled(self.tallies)[0]

    def z(self, features: Sequence[float]) -> Floats:
        """The regressors of an instance."""
        point = self.encoding.points(np.array([features], dtype=np.float64))[0]
        return np.append(point / np.sqrt(max(1, len(point))), 1.0)

    def plus(self, row: Row) -> "Linear":
        """With one more row."""
        z = self.z(row.features)
        ridge = self.ridges.get(row.solver) or Ridge.empty(len(z), row.version)
        miss = row.cost - ridge.predict(z, self.mean)[0]
        tally = self.tallies.get(row.solver, UNTRIED)
        return Linear(
            self.encoding,
            {**self.ridges, row.solver: ridge.plus(z, row.cost, row.version)},
            {**self.tallies, row.solver: tally.plus(row.cost)},
            self.error + miss * miss,
        )

    def expected(self, features: Sequence[float], candidates: Sequence[Candidate]) -> tuple[Floats, Floats]:
        """The expected losses of the candidates and their standard errors, each [m]."""
        z = self.z(features)
        mean, variance = pooled(self.tallies)
        nothing = float(np.add.reduce(z * z))
        losses, spreads = [], []
        for candidate in candidates:
            ridge = self.ridges.get(candidate.solver)
            loss, spread = (mean, nothing) if ridge is None else ridge.predict(z, mean)
            if ridge is not None and ridge.version != candidate.version:
                spread /= KINSHIP
            losses.append(loss)
            spreads.append(max(0.0, spread))
        return np.array(losses), np.sqrt(variance * np.array(spreads))


def linear(examples: Examples, kept: Mapping[int, Any]) -> Linear:
    """The model of the examples, from the nearest of ``kept`` (by count of rows) in the same generation."""
    begun = generation(examples.count)
    near = max((count for count in kept if begun <= count <= examples.count), default=None)
    if near is None:
        near = max(0, begun - WINDOW)
        seen = list({row.instance: row.features for row in examples.table.rows[near:begun]}.values())
        model = Linear(Encoding.fitted(np.array(seen, dtype=np.float64).reshape(len(seen), -1)), {}, {})
    else:
        model = kept[near]
    for row in examples.table.rows[near : examples.count]:
        model = model.plus(row)
    return model
