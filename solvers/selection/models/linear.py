"""Ridge regression of each solver's losses on the features: `theta = A^-1 Z'W (y - mean)`, `A = Z'WZ + I` (Hoerl and Kennard, 1970).

`z` is the instance's point over the root of its dimensions, and a 1. An outcome of an older version weighs `KINSHIP` of one of
the latest. Every outcome takes one direction from the inverse, by Sherman and Morrison's formula:

    u = A^-1 z,    A^-1 <- A^-1 - v v',    theta <- theta + g (y - z'theta) u,    g = w / (1 + w z'u),    v = g^1/2 u        (1)

so that `A^-1 = I - V'V` is kept as the directions of a solver's outcomes, and a choice takes one pass over those of all solvers.
Without a BLAS, a model is the same to the bit wherever it is made. Scales of features are those of a generation, as in `surrogate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..examples import Examples, Row
from ..policy import Candidate
from .encoding import Encoding, instances
from .gaussian import KINSHIP, Floats, Ints
from .surrogate import UNTRIED, WINDOW, Tally, generation, pooled, pooled_mean

RECENT = 64
"""Instances whose regressors are kept: each is asked for when it is chosen for, and again with its outcome."""


@dataclass(frozen=True, slots=True)
class Linear:
    """All solvers after so many ``rows``.

    ``numbers`` maps solvers to where they are in ``versions``, the latest of each, and in ``losses`` and ``ones`` [solvers, d]: theta for
    the losses as they are, and for a 1 in the place of each. ``directions`` [room, d] and ``owners`` [room] are filled for the rows; what
    follows belongs to models with more rows, which share the memory. ``error`` sums the squared errors of what was predicted for
    each row before it was known.
    """

    encoding: Encoding
    rows: tuple[Row, ...]
    numbers: Mapping[str, int]
    versions: tuple[str, ...]
    losses: Floats
    ones: Floats
    directions: Floats
    owners: Ints
    tallies: Mapping[str, Tally]
    error: float = 0.0

    @classmethod
    def begun(cls, rows: Sequence[Row]) -> "Linear":
        """A generation's start: the scales of these rows, and no outcome yet."""
        encoding = Encoding.fitted(instances(rows))
        none = np.zeros((0, len(encoding.kept) + 1))
        return cls(encoding, (), {}, (), none, none, none, np.zeros(0, dtype=np.int64), {})

    @property
    def mean(self) -> float:
        """The mean of all losses."""
        return pooled_mean(self.tallies)

    def z(self, features: Sequence[float]) -> Floats:
        """The regressors of an instance."""
        return _regressors(self.encoding, tuple(features))

    def plus(self, row: Row) -> "Linear":
        """With one more row."""
        z, mean, count = self.z(row.features), self.mean, len(self.rows)
        numbers, versions, losses, ones = self.numbers, self.versions, self.losses, self.ones
        number = numbers.get(row.solver, len(numbers))
        if number == len(numbers):
            nothing = np.zeros((1, len(z)))
            numbers, versions = {**numbers, row.solver: number}, (*versions, row.version)
            losses, ones = np.concatenate([losses, nothing]), np.concatenate([ones, nothing])
        else:
            losses, ones = losses.copy(), ones.copy()
        miss = row.cost - mean - float(np.add.reduce(z * (losses[number] - mean * ones[number])))
        directions, owners, rows = self.directions, self.owners, (*self.rows, row)
        renewed = row.version != versions[number]
        if renewed or count == len(owners):
            room = count + 1
            directions = np.concatenate([directions[:count], np.empty((room, len(z)))])
            owners = np.concatenate([owners[:count], np.zeros(room, dtype=np.int64)])
        owners[count] = number
        own = np.flatnonzero(owners[: count + 1] == number)
        due = own if renewed else own[-1:]
        if renewed:
            versions = (*versions[:number], row.version, *versions[number + 1 :])
            losses[number], ones[number] = 0.0, 0.0
        for at in due.tolist():
            one = rows[at]
            x = z if at == count else self.z(one.features)
            weight = 1.0 if one.version == row.version else KINSHIP
            before = directions[own[:-1] if at == count else own[own < at]]
            u = x - np.add.reduce(before * np.add.reduce(before * x, axis=1)[:, None], axis=0)
            gain = weight / (1.0 + weight * float(np.add.reduce(u * x)))
            losses[number] += u * (gain * (one.cost - float(np.add.reduce(x * losses[number]))))
            ones[number] += u * (gain * (1.0 - float(np.add.reduce(x * ones[number]))))
            directions[at] = u * np.sqrt(gain)
        tallies = {**self.tallies, row.solver: self.tallies.get(row.solver, UNTRIED).plus(row.cost)}
        error = self.error + miss * miss
        return Linear(self.encoding, rows, numbers, versions, losses, ones, directions, owners, tallies, error)

    def expected(self, features: Sequence[float], candidates: Sequence[Candidate]) -> tuple[Floats, Floats]:
        """The expected losses of the candidates and their standard errors, each [m]."""
        z, count = self.z(features), len(self.rows)
        mean, variance = pooled(self.tallies)
        nothing = float(np.add.reduce(z * z))
        along = np.add.reduce(self.directions[:count] * z, axis=1)
        known = np.bincount(self.owners[:count], weights=along * along, minlength=len(self.numbers)).tolist()
        lines = (mean + np.add.reduce((self.losses - mean * self.ones) * z, axis=1)).tolist()
        losses, spreads = [mean] * len(candidates), [nothing] * len(candidates)
        for i, candidate in enumerate(candidates):
            number = self.numbers.get(candidate.solver)
            if number is not None:
                spread = max(0.0, nothing - known[number])
                losses[i] = lines[number]
                spreads[i] = spread if self.versions[number] == candidate.version else spread / KINSHIP
        return np.array(losses), np.sqrt(variance * np.array(spreads))


@lru_cache(maxsize=RECENT)
def _regressors(encoding: Encoding, features: tuple[float, ...]) -> Floats:
    point = encoding.points(np.array([features], dtype=np.float64))[0]
    z = np.append(point / np.sqrt(max(1, len(point))), 1.0)
    z.setflags(write=False)
    return z


def linear(examples: Examples, kept: Mapping[int, Any]) -> Linear:
    """The model of the examples, from the nearest of ``kept`` (by count of rows) in the same generation."""
    begun = generation(examples.count)
    near = max((count for count in kept if begun <= count <= examples.count), default=None)
    if near is None:
        near = max(0, begun - WINDOW)
        model = Linear.begun(examples.table.rows[near:begun])
    else:
        model = kept[near]
    for row in examples.table.rows[near : examples.count]:
        model = model.plus(row)
    return model
