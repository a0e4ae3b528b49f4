"""A/B tests as they stand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mezan.projections.experiments import Experiment
from mezan.solvers.selection.evaluation.sequential import STAKES

from .times import when

Json = dict[str, Any]
ENDINGS = {
    "decided": "decided",
    "equivalent": "equivalent: the difference is smaller than matters",
    "maximum": "undecided: all outcomes are used",
    "stopped": "ended by hand",
}


def document(test: Experiment) -> Json:
    """One test: its plan, its arms, and the difference with its confidence sequence."""
    now = test.end("stopped").model_dump()
    ending = test.stopped or ({**now, "reason": test.reached, "at": None} if test.reached else None)
    figures = {key: (ending or now)[key] for key in ("winner", "difference", "lower", "upper", "p_value")}
    started = test.started
    return {
        **{key: started[key] for key in ("experiment", "family", "alpha", "least_difference", "maximum", "metric")},
        "started_at": when(test.at),
        "status": "running" if ending is None else ending["reason"],
        "stopped_at": when(ending["at"]) if ending else None,
        "arms": [
            {
                "arm": name,
                "policy": started["arms"][name],
                "share": started["shares"][name],
                "assigned": arm.assigned,
                "outcomes": arm.outcomes,
                "dropped": arm.dropped,
                "mean_loss": arm.mean_loss,
            }
            for name, arm in test.arms.items()
        ],
        "blocks": len(test.test.differences),
        **figures,
    }


def settled(test: Experiment) -> Experiment:
    """A copy that later events do not change, without the runs that are open: what a thread may read."""
    comparison = replace(test.test, differences=list(test.test.differences))
    arms = {name: replace(arm) for name, arm in test.arms.items()}
    return replace(test, arms=arms, test=comparison, open={})


def course(differences: Sequence[float]) -> list[float]:
    """The p-value after each matched block, as `Comparison.p_value` was then (up to rounding): it never rises."""
    if not differences:
        return []
    import numpy as np

    D, stakes = np.asarray(differences), np.array(STAKES)[:, None]
    most = np.maximum.reduce(
        [np.maximum.accumulate(np.cumprod(1.0 + stakes * sign * D, axis=1).mean(axis=0)) for sign in (1.0, -1.0)]
    )
    values: list[float] = np.minimum(1.0, 2.0 / np.maximum(1.0, most)).tolist()
    return values
