"""Policies side by side: what came of the runs that each decided, and the instances that several of them decided on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mezan.projections.policy_outcomes import LEVELS, Tally

Json = dict[str, Any]
CHOSEN = 4
"""Solvers that are named per policy."""


def tallied(tallies: Mapping[str, Tally], policies: Sequence[str]) -> list[Json]:
    """One object per policy: choices, outcomes, the mean loss with its standard error, and the distribution at ``LEVELS``."""
    return [_row(policy, tallies[policy]) for policy in policies if policy in tallies]


def _row(policy: str, tally: Tally) -> Json:
    n, mean = tally.outcomes, tally.mean_loss
    error = None
    if mean is not None and n > 1:
        error = math.sqrt(max(0.0, tally.squares / n - mean * mean) / (n - 1))
    chosen = sorted(tally.choices.items(), key=lambda item: (-item[1], item[0]))
    return {
        "policy": policy,
        "choices": sum(tally.choices.values()),
        "outcomes": n,
        "unrated": tally.unrated,
        "failures": tally.failures,
        "mean_loss": mean,
        "error": error,
        "mean_seconds": tally.seconds / n if n else None,
        "chosen": [{"solver": solver, "choices": count} for solver, count in chosen[:CHOSEN]],
        "solvers": len(chosen),
        "ecdf": tally.distribution(),
        "levels": list(LEVELS),
    }


def paired(instances: Mapping[str, Mapping[str, Sequence[float]]], policies: Sequence[str]) -> Json:
    """Tests on the instances that every one of some policies has decided on, each with its mean loss there."""
    import numpy as np

    from .paired_tests import tests

    common = [found for found in instances.values() if all(policy in found for policy in policies)]
    values = np.array([[found[policy][1] / found[policy][0] for found in common] for policy in policies], float)
    return tests(policies, values.reshape(len(policies), len(common)))
