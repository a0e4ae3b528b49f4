"""What a comparison of policies on the log has found."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mezan.engine.lab import Judged, LabReport

Json = dict[str, Any]
POINTS = 500
"""Of a curve, at most."""


def document(report: "LabReport") -> Json:
    """The whole of it: the range, the decisions, and one object per policy."""
    return {
        "since": report.since,
        "as_of": report.upto,
        "decisions": report.decisions,
        "unrated": report.unrated,
        "left_out": report.left_out,
        "mean_loss_logged": report.logged,
        "single_best": dict(report.single_best),
        "policies": [policy_row(judged) for judged in report.policies],
    }


def policy_row(judged: "Judged") -> Json:
    """One policy: each estimate of its mean loss with its 95 % interval, regrets, warnings, and its thinned regret curve."""
    found = judged.evaluation
    estimates = {"dr": found.dr, "snips": found.snips, "ips": found.ips}
    return {
        "policy": judged.policy,
        "version": judged.version,
        "agreement": found.agreement,
        "known": found.known,
        "unsupported": found.unsupported,
        "effective_sample_size": found.effective,
        **{name: None if e is None else {"mean_loss": e.value, "lower": e.lower, "upper": e.upper} for name, e in estimates.items()},
        "mean_loss_known": found.matched,
        "regret_best_known": judged.best_regret,
        "regret_single_best": judged.single_regret,
        "warnings": list(found.warnings),
        "curve": [float(value) for value in thinned_curve(judged)],
    }  # fmt: skip


def thinned_curve(judged: "Judged") -> list[float]:
    """The cumulative regret at up to 500 decisions in even steps, the first and the last among them."""
    curve = judged.curve
    steps = min(POINTS, len(curve))
    return [float(curve[round(i * (len(curve) - 1) / max(1, steps - 1))]) for i in range(steps)]
