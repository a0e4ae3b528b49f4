"""The Gaussian process of `gaussian` fitted to a family's examples, and whether its features have earned their place.

Two hypotheses are kept side by side, that solvers are `APART` and that they are `ALIKE`; the second speaks where it foretells what
solvers lose on instances that others were seen on far better (Dawid, JRSS A 147, 1984). Densities would not do: where most
outcomes are equal and some are failures, no normal distribution fits, and the narrower one wins. Likeness and the window of rows are those of a generation; generations begin at fixed counts
of rows, so that a model is a function of the rows alone. Within one, each row is added to the process as it comes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..examples import TIME, Examples, Row
from ..policy import Candidate
from .gaussian import ALIKE, APART, Floats, Gaussian, Outcome
from .likeness import Likeness

WINDOW = 512
"""Rows that a generation begins with at most: the latest."""
STEP = 128
"""Rows from one generation to the next at most."""
SHRINK = 2.0
QUANTILE = 1.6448536269514722
"""The normal quantile at 0.95."""
PRIOR_LOSS = 0.5
PRIOR_VARIANCE = 1 / 12
LEAST_VARIANCE = 1e-12
PRICE, LEAST_PRICE = 0.1, 1e-4
"""What time may cost: so many standard deviations of what of a loss is the solver's own, at least so much, and `TIME` at most."""
PRIOR_EFFECT = 2.0
PRIOR_SPREAD = 200.0
"""A prior of so many Elo points is worth half of `PRIOR_EFFECT`, in standard deviations of what of a loss is the solver's own.

One of 100 wins 0.64 of its games, which is a lead of half a standard deviation: Phi(0.5 / 2^(1/2)) = 0.64.
"""
FAR_BETTER = 0.1
"""The share of the squared errors of `APART` that `ALIKE` may make."""


def generation(count: int) -> int:
    """The rows at which the generation of a table with ``count`` rows began: 1, 2, 3, 4, 6, 9, 13, ..., 444, then every 128."""
    begun = 0
    while (following := begun + min(STEP, max(1, begun // 2))) <= count:
        begun = following
    return begun


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of one solver, their sum, and the sum of their squares."""

    outcomes: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, loss: float) -> "Tally":
        """One more."""
        return Tally(self.outcomes + 1, self.total + loss, self.squares + loss * loss)


UNTRIED = Tally()


def shrunk(tally: Tally, mean: float) -> float:
    """A solver's mean loss, shrunk towards that of all."""
    return (tally.total + SHRINK * mean) / (tally.outcomes + SHRINK)


def pooled(tallies: Mapping[str, Tally]) -> tuple[float, float]:
    """The mean of all losses, and their variance within solvers; before there are any, that of anything in [0, 1], which counts as two."""
    outcomes, total = _summed(tallies)
    mean = _mean(outcomes, total)
    within = math.fsum(
        [max(0.0, tally.squares - tally.total * tally.total / tally.outcomes) for tally in tallies.values()]
    )
    return mean, (within + 2.0 * prior_variance(mean)) / (outcomes - len(tallies) + 2.0)


def pooled_mean(tallies: Mapping[str, Tally]) -> float:
    """The mean of all losses; see :func:`pooled`."""
    return _mean(*_summed(tallies))


def _mean(outcomes: int, total: float) -> float:
    return total / outcomes if outcomes else PRIOR_LOSS


def _summed(tallies: Mapping[str, Tally]) -> tuple[int, float]:
    """All outcomes, and the sum of their losses."""
    return sum([tally.outcomes for tally in tallies.values()]), math.fsum([tally.total for tally in tallies.values()])


def overall_variance(tallies: Mapping[str, Tally]) -> float:
    """Of all losses about their mean, whoever lost them: what is open of a solver that has not been tried."""
    outcomes, total = _summed(tallies)
    return max(0.0, math.fsum(tally.squares for tally in tallies.values()) - total * total / outcomes) / outcomes


def prior_variance(mean: float) -> float:
    """Of losses with that mean: the mean's square, as if they were exponential, and at most that of anything in [0, 1]."""
    return min(PRIOR_VARIANCE, max(mean * mean, LEAST_VARIANCE))


class Forecast(NamedTuple):
    """Of m candidates the expected losses in [0, 1] and `Row.slowness`, each with its standard error [m], and the ``price`` of the latter."""

    losses: Floats
    errors: Floats
    times: Floats
    time_errors: Floats
    price: float


@dataclass(frozen=True, slots=True)
class Surrogate:
    """What is known after so many rows. ``numbers`` maps solvers and versions to what the processes call them.

    ``edge`` and ``edge_squares`` sum, over the rows, how much nearer the first process came to each loss before it was known than the
    solver's mean did, in squared error, where the solver had been tried: the prequential comparison (Dawid, JRSS A 147, 1984).
    ``error`` and ``plain_error`` sum the squared errors of the process and of the means over all rows. ``tallies`` are of losses, ``times``
    of the share that `Row.slowness` is.
    """

    likeness: Likeness
    processes: tuple[Gaussian, ...]
    numbers: dict[str, int]
    tallies: Mapping[str, Tally]
    times: Mapping[str, Tally]
    tried: Mapping[str, frozenset[str]]
    edge: float = 0.0
    edge_squares: float = 0.0
    error: float = 0.0
    plain_error: float = 0.0

    @classmethod
    def begun(cls, rows: Sequence[Row]) -> "Surrogate":
        """A generation's start: what these rows tell of likeness, and no outcome yet."""
        likeness = Likeness.fitted(rows)
        compared = len({(row.instance, row.solver) for row in rows}) > len({row.instance for row in rows})
        hypotheses = (APART, ALIKE) if compared else (APART,)
        processes = tuple(Gaussian.empty(likeness.width, parts, likeness.trees) for parts in hypotheses)
        return cls(likeness, processes, {}, {}, {}, {})

    def __len__(self) -> int:
        return len(self.processes[0])

    @property
    def mean(self) -> float:
        """The mean of all losses."""
        return pooled(self.tallies)[0]

    @property
    def process(self) -> Gaussian:
        """That of the hypothesis that speaks."""
        apart, *alike = self.processes
        return next((other for other in alike if other.judged and other.missed < FAR_BETTER * apart.missed), apart)

    @property
    def features_mislead(self) -> bool:
        """Whether the solvers' plain means foretell losses better, by more than chance explains (one-sided, level 0.05)."""
        return self.edge < -QUANTILE * float(np.sqrt(self.edge_squares)) - 1e-12

    def plus(self, rows: Sequence[Row]) -> "Surrogate":
        """With more rows: the same however they are divided among calls."""
        if not rows:
            return self
        points = self.likeness.points([row.features for row in rows])
        tallies, times, tried_on, outcomes, plain = dict(self.tallies), dict(self.times), dict(self.tried), [], []
        for x, row in zip(points, rows, strict=True):
            solver = self.numbers.setdefault(row.solver, len(self.numbers))
            version = self.numbers.setdefault(f"{row.solver}@{row.version}", len(self.numbers))
            mean, tally = pooled(tallies)[0], tallies.get(row.solver, UNTRIED)
            others = tried_on.get(row.instance, frozenset()) - {row.solver}
            tried_on[row.instance] = others | {row.solver}
            outcomes.append(Outcome(x, solver, version, row.loss, mean, row.slowness, bool(others)))
            plain.append((shrunk(tally, mean), tally.outcomes))
            tallies[row.solver] = tally.plus(row.loss)
            times[row.solver] = times.get(row.solver, UNTRIED).plus(row.slowness)
        processes = tuple(process.extended(outcomes) for process in self.processes)
        edge, edge_squares, error, plain_error = self.edge, self.edge_squares, self.error, self.plain_error
        predicted = processes[0].predicted[len(self) :].tolist()
        for row, guess, (plain_guess, tried) in zip(rows, predicted, plain, strict=True):
            mine, theirs = (row.loss - guess) * (row.loss - guess), (row.loss - plain_guess) * (row.loss - plain_guess)
            gained = theirs - mine if tried else 0.0
            edge, edge_squares = edge + gained, edge_squares + gained * gained
            error, plain_error = error + mine, plain_error + theirs
        return Surrogate(
            self.likeness,
            processes,
            self.numbers,
            tallies,
            times,
            tried_on,
            edge,
            edge_squares,
            error,
            plain_error,
        )

    def expected(self, features: Sequence[float], candidates: Sequence[Candidate]) -> Forecast:
        """What the candidates are expected to lose on an instance, and to take. Times are always those of the first process."""
        x = self.likeness.points([features])[0]
        (mean, variance), (time, time_variance) = pooled(self.tallies), pooled(self.times)
        process, first = self.process, self.processes[0]
        if process is not first:
            variance = process.scale(prior_variance(mean))
        deviation = float(np.sqrt(variance * process.parts.choice / APART.choice))
        size = PRIOR_EFFECT * deviation
        priors = [candidate.prior or 0.0 for candidate in candidates]
        means = np.array([mean - size * prior / (abs(prior) + PRIOR_SPREAD) for prior in priors])
        solvers = [self.numbers.get(candidate.solver, -1) for candidate in candidates]
        versions = [self.numbers.get(f"{candidate.solver}@{candidate.version}", -1) for candidate in candidates]
        found = process.predict(x, solvers, versions, means, mean, time)
        timed = found if process is first else first.predict(x, solvers, versions, means, mean, time)
        new = np.array([candidate.solver not in self.tallies for candidate in candidates])
        errors = np.sqrt(np.where(new, max(variance, overall_variance(self.tallies)), variance) * found.variances)
        time_errors = np.sqrt(time_variance * timed.variances)
        price = min(TIME, max(LEAST_PRICE, PRICE * deviation))
        return Forecast(found.losses, errors, timed.times, time_errors, price)


def surrogate(examples: Examples, kept: Mapping[int, Any]) -> Surrogate:
    """The model of the examples, from the nearest of ``kept`` (by count of rows) in the same generation."""
    begun = generation(examples.count)
    near = max((count for count in kept if begun <= count <= examples.count), default=None)
    if near is None:
        near = max(0, begun - WINDOW)
        model = Surrogate.begun(examples.table.rows[near:begun])
    else:
        model = kept[near]
    return model.plus(examples.table.rows[near : examples.count])
