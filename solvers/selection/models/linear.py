"""Ridge regression of each solver's losses on the features: `theta = A^-1 Z'W (y - mean)`, `A = Z'WZ + I` (Hoerl and Kennard, 1970).

`z` is the instance's point over the root of its dimensions, and a 1. An outcome of an older version weighs `KINSHIP` of one of
the latest. Every outcome takes one direction from the inverse, by Sherman and Morrison's formula:

    u = A^-1 z,    g = w / (1 + w z'u),    v = g^1/2 u,    A^-1 <- A^-1 - v v',    theta <- theta + c v,    c = g^1/2 (y - z'theta)    (1)

so that `A^-1 = I - V'V` and `theta = V'c` are kept as the directions of a solver's outcomes, and a choice takes one pass over those of
all solvers. Scales of features are those of a generation, as in `surrogate`.

A model is the same to the bit wherever it is made, though libraries add in orders of their own: z, V and V z are on grids so coarse
that sums of their products are exact. For `|z|^2 <= CLIP^2 + 1` and `|V| <= 1`, so that such sums are below 2^3, and they are multiples
of 2^-48 or 2^-50: a double has room for 53 bits.
"""

import math
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

Z_GRID, V_GRID, ALONG_GRID = 2.0**22, 2.0**26, 2.0**24
"""Of z, V and V z: they are multiples of one over these."""
RECENT = 64
"""Instances whose regressors are kept: each is asked for when it is chosen for, and again with its outcome."""


@dataclass(frozen=True, slots=True)
class Linear:
    """All solvers after so many ``rows``.

    ``numbers`` maps solvers to where they are in ``versions``, the latest of each. ``directions`` [room, d], ``coefficients`` [2, room],
    for the losses as they are and for a 1 in the place of each, and ``owners`` [room] are filled for the rows; what follows belongs to
    models with more rows, which share the memory. ``error`` sums the squared errors of what was predicted for each row before it was known.
    """

    encoding: Encoding
    rows: tuple[Row, ...]
    numbers: Mapping[str, int]
    versions: tuple[str, ...]
    directions: Floats
    coefficients: Floats
    owners: Ints
    tallies: Mapping[str, Tally]
    error: float = 0.0

    @classmethod
    def begun(cls, rows: Sequence[Row]) -> "Linear":
        """A generation's start: the scales of these rows, and no outcome yet."""
        encoding = Encoding.fitted(instances(rows))
        directions = np.zeros((0, len(encoding.kept) + 1))
        return cls(encoding, (), {}, (), directions, np.zeros((2, 0)), np.zeros(0, dtype=np.int64), {})

    @property
    def mean(self) -> float:
        """The mean of all losses."""
        return pooled_mean(self.tallies)

    def z(self, features: Sequence[float]) -> Floats:
        """The regressors of an instance."""
        return _regressors(self.encoding, tuple(features))

    def plus(self, row: Row) -> "Linear":
        """With one more row."""
        mean, count = self.mean, len(self.rows)
        numbers, versions = self.numbers, self.versions
        number = numbers.get(row.solver, len(numbers))
        if number == len(numbers):
            numbers, versions = {**numbers, row.solver: number}, (*versions, row.version)
        directions, coefficients, owners = self.directions, self.coefficients, self.owners
        renewed = row.version != versions[number]
        if renewed or count == len(owners):
            room = count + 1
            directions = np.concatenate([directions[:count], np.empty((room, directions.shape[1]))])
            coefficients = np.concatenate([coefficients[:, :count], np.empty((2, room))], axis=1)
            owners = np.concatenate([owners[:count], np.zeros(room, dtype=np.int64)])
        owners[count] = number
        own, rows = np.flatnonzero(owners[: count + 1] == number), (*self.rows, row)
        if renewed:
            versions = (*versions[:number], row.version, *versions[number + 1 :])
        for last in range(0 if renewed else len(own) - 1, len(own)):
            before, at = own[:last], own[last]
            one = rows[at]
            x, known = self.z(one.features), directions[before]
            along = _along(known, x)
            u = x - np.einsum("ij,i->j", known, along)
            weight = 1.0 if one.version == row.version else KINSHIP
            gain = weight / (1.0 + weight * float(np.add.reduce(u * x)))
            by_losses, by_ones = np.add.reduce(coefficients[:, before] * along, axis=1).tolist()
            miss = one.cost - mean - (by_losses - mean * by_ones)
            root = math.sqrt(gain)
            directions[at] = _on(V_GRID, u * root)
            coefficients[:, at] = root * (one.cost - by_losses), root * (1.0 - by_ones)
        tallies = {**self.tallies, row.solver: self.tallies.get(row.solver, UNTRIED).plus(row.cost)}
        error = self.error + miss * miss
        return Linear(self.encoding, rows, numbers, versions, directions, coefficients, owners, tallies, error)

    def expected(self, features: Sequence[float], candidates: Sequence[Candidate]) -> tuple[list[float], list[float]]:
        """The expected losses of the candidates and their standard errors, each [m]."""
        z, count = self.z(features), len(self.rows)
        mean, variance = pooled(self.tallies)
        nothing = float(np.add.reduce(z * z))
        along, owners = _along(self.directions[:count], z), self.owners[:count]
        known, by_losses, by_ones = (
            np.bincount(owners, weights=each * along, minlength=len(self.numbers))
            for each in (along, *self.coefficients[:, :count])
        )
        lines = (mean + (by_losses - mean * by_ones)).tolist()
        left = np.maximum(0.0, nothing - known).tolist()
        losses, errors = [mean] * len(candidates), [math.sqrt(variance * nothing)] * len(candidates)
        for i, candidate in enumerate(candidates):
            number = self.numbers.get(candidate.solver)
            if number is not None:
                kinship = 1.0 if self.versions[number] == candidate.version else KINSHIP
                losses[i], errors[i] = lines[number], math.sqrt(variance * left[number] / kinship)
        return losses, errors


def _on(grid: float, values: Floats) -> Floats:
    on: Floats = np.rint(values * grid) / grid
    return on


def _along(directions: Floats, z: Floats) -> Floats:
    """`V z` [n] on its grid."""
    return _on(ALONG_GRID, np.einsum("ij,j->i", directions, z))


@lru_cache(maxsize=RECENT)
def _regressors(encoding: Encoding, features: tuple[float, ...]) -> Floats:
    point = encoding.points(np.array([features], dtype=np.float64))[0]
    z = np.ones(len(point) + 1)
    z[:-1] = _on(Z_GRID, point / np.sqrt(max(1, len(point))))
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
