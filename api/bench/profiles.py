"""Curves over many problems: performance profiles, the ECDF of runtimes over targets, data profiles. All are steps that rise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .measures import LEAST, Measures

Floats = NDArray[np.float64]
TARGETS = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.0)
"""Gaps in percent that a search is expected to reach one after another."""
TAU = 1e-3
"""Of Moré and Wild's convergence test."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function: ``y`` is its value from ``x`` on, and zero before the first ``x``."""

    solver: str
    x: list[float]
    y: list[float]

    def at(self, x: float) -> float:
        """Its value at ``x``."""
        below = [y for at, y in zip(self.x, self.y, strict=True) if at <= x]
        return below[-1] if below else 0.0


def steps(solver: str, values: Floats, count: int) -> Curve:
    """The share of ``count`` things whose value is at most x; infinite and missing values never are."""
    x, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    return Curve(solver, x.tolist(), (counts.cumsum() / max(1, count)).tolist())


def performance_profile(solvers: tuple[str, ...], values: Floats) -> list[Curve]:
    """The share of problems on which a solver is within a factor x of the best one.

    Dolan and Moré, Benchmarking optimization software with performance profiles, Math. Program. 91 (2002): ``rho_s(tau)``.
    ``values`` are positive costs, solvers x problems; where a solver failed, refused or is missing it is at no factor. A
    problem that nobody solved counts for nobody, and stays in the denominator.
    """
    costs = np.where(np.isfinite(values), values, np.inf)
    best = costs.min(axis=0, initial=np.inf)
    ratios = np.divide(costs, best, out=np.full_like(costs, np.inf), where=np.isfinite(best) & np.isfinite(costs))
    return [steps(solver, row, values.shape[1]) for solver, row in zip(solvers, ratios, strict=True)]


def quality_profile(measures: Measures) -> list[Curve]:
    """The performance profile of ``100 + gap``: results within a factor x of the best one's."""
    return performance_profile(measures.solvers, 100 + measures.gaps)


def time_profile(measures: Measures) -> list[Curve]:
    """The performance profile of the seconds to the target."""
    return performance_profile(measures.solvers, measures.times)


def runtime_ecdf(measures: Measures) -> list[Curve]:
    """The share of (problem, target) pairs that a solver reached within x seconds, over :data:`TARGETS`.

    Hansen et al., COCO: a platform for comparing continuous optimizers in a black-box setting, Optim. Methods Softw. 36 (2021).
    """
    made = []
    for i, solver in enumerate(measures.solvers):
        cells = [measures.cell(i, j) for j in range(len(measures.problems))]
        reached = [measures.reached(cell, target) for cell in cells for target in TARGETS]
        made.append(steps(solver, np.array(reached, float), len(reached)))
    return made


def data_profile(measures: Measures, tau: float = TAU) -> list[Curve]:
    """The share of problems that pass the convergence test ``f(x) <= f_L + tau (f(x_0) - f_L)`` within x seconds.

    Moré and Wild, Benchmarking derivative-free optimization algorithms, SIAM J. Optim. 20 (2009). ``f_L`` is the reference
    and ``f(x_0)`` the worst first solution of any solver on that problem. The budget is in seconds: iterations of
    different solvers do not compare.
    """
    columns = range(len(measures.problems))
    cells = [[measures.cell(i, j) for j in columns] for i in range(len(measures.solvers))]
    limits = []
    for j in columns:
        first = [measures.distance(row[j].instance, row[j].course[0].objective) for row in cells if row[j].course]
        limits.append(tau * max(first, default=0.0))
    made = []
    for solver, row in zip(measures.solvers, cells, strict=True):
        reached = [measures.reached(cell, limit) for cell, limit in zip(row, limits, strict=True)]
        made.append(steps(solver, np.array(reached, float), len(reached)))
    return made


def span(curves: list[Curve], least: float = LEAST) -> tuple[float, float]:
    """The range of x that shows every step, at least a twentieth wide."""
    xs = [x for curve in curves for x in curve.x]
    low = min(xs, default=least)
    return low, max(max(xs, default=low), 1.05 * low)
