"""Solvers side by side on the instances that all of them were tried on: distributions of losses, performance profiles, tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from mezan.projections.instances import COUNT, LOSS, SECONDS
from mezan.projections.policy_outcomes import LEVELS

Json = dict[str, Any]
INSTANCES = 200
"""Common instances that are compared at most: those with the least ids, which are hashes."""
Outcomes = Mapping[str, Mapping[str, Sequence[float]]]
"""By instance and solver the sums that the ``instances`` projection keeps."""


def compared(known: Outcomes, solvers: Sequence[str]) -> Json:
    """Figures over the common instances of some solvers.

    A solver's value on an instance is its mean loss there. ``ecdf`` is the share of instances with at most each of ``levels``;
    ``profile`` the performance profile of ``1 + loss`` (Dolan and Moré 2002): the share of instances on which a solver is within a
    factor ``x`` of the best.
    """
    import numpy as np

    from mezan.api.bench.profiles import performance_profile

    from .paired_tests import tests

    common = sorted(instance for instance, found in known.items() if all(solver in found for solver in solvers))
    common = common[:INSTANCES]
    values = np.array([[_mean(known[i][solver]) for i in common] for solver in solvers], float)
    values = values.reshape(len(solvers), len(common))
    levels = np.array(LEVELS)
    shares = (values[:, :, None] <= levels).mean(axis=1) if common else np.zeros((len(solvers), len(levels)))
    curves = performance_profile(tuple(solvers), 1.0 + values) if common else []
    return {
        "instances": common,
        "solvers": [_summary(solver, values[i], known) for i, solver in enumerate(solvers)],
        "levels": list(LEVELS),
        "ecdf": {solver: shares[i].tolist() for i, solver in enumerate(solvers)},
        "profile": {curve.solver: {"x": curve.x, "y": curve.y} for curve in curves},
        "tests": tests(solvers, values),
    }


def _mean(sums: Sequence[float]) -> float:
    return sums[LOSS] / sums[COUNT]


def _summary(solver: str, values: Any, known: Outcomes) -> Json:
    import numpy as np

    own = [found[solver] for found in known.values() if solver in found]
    tried = int(sum(sums[COUNT] for sums in own))
    n = len(values)
    return {
        "solver": solver,
        "instances": len(own),
        "outcomes": tried,
        "mean_loss": float(values.mean()) if n else None,
        "median_loss": float(np.median(values)) if n else None,
        "worst_loss": float(values.max()) if n else None,
        "mean_seconds": sum(sums[SECONDS] for sums in own) / tried if tried else None,
    }
