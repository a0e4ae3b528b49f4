"""What a policy would lose, from decisions that another policy made: off-policy estimates with intervals.

Decision ``i`` chose ``a_i`` with propensity ``mu_i(a_i)`` and lost ``y_i``; the target policy would have chosen ``a`` with
``pi_i(a)``. With weights ``w_i = pi_i(a_i) / mu_i(a_i)`` and predicted losses ``q_i(a)`` the estimates of the target's mean loss are

    IPS     mean_i w_i y_i                              (Horvitz and Thompson, JASA 47, 1952)                             (1)
    SNIPS   sum_i w_i y_i / sum_i w_i                   (Swaminathan and Joachims, NeurIPS 2015)                          (2)
    DR      mean_i [sum_a pi_i(a) q_i(a) + w_i (y_i - q_i(a_i))]      (Dudik et al., Statistical Science 29, 2014)        (3)

``q_i(a)`` is the outcome itself where the log has it from another run, else the cross-fitted prediction of `losses_model`. As in
SWITCH (Wang, Agarwal and Dudik, ICML 2017) the second term of (3) is left out for actions that were too unlikely to be seen
often: ``pi_i(a) > limit * mu_i(a)``, with ``limit`` a fifth of the decisions. Nothing checks the prediction there, so the
interval is widened by all that the loss of such an action could be, 0 or 1 (Manski, American Economic Review 80, 1990). A log of
deterministic choices is the extreme case: only what was really chosen, or is known from other runs, is certain.

Intervals are at 95 % with quantiles of Student's t over instances (decisions, where these are few): decisions on one instance
are not independent. The variance is the larger of that of the summands of (3) and that which the weights imply for residuals
of the usual size: where few decisions matched, the summands alone look too certain.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from ...pack import Array
from .losses_model import predicted

LEVEL = 0.95
PER_WEIGHT = 5
"""Decisions for every unit of the largest weight that is used."""
LEAST_UNITS = 10
FEW = 30
"""Decisions below which a warning is due."""
LOW_OVERLAP = 0.1
"""Share of effective decisions below which a warning is due, and share of the target's choices that nothing speaks for."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """``n`` decisions among ``k`` solvers, in log order.

    ``chosen[n]`` indexes ``solvers``; ``losses[n]`` are in [0, 1]; ``propensities[n, k]`` are the logging policy's;
    ``known[n, k]`` are losses on the same instance and budget from other runs, NaN where there is none; ``features[n, d]``
    are comparable numbers; ``instances[n]`` number the instances.
    """

    solvers: tuple[str, ...]
    chosen: Array
    losses: Array
    propensities: Array
    known: Array
    features: Array
    instances: Array

    def __len__(self) -> int:
        return len(self.chosen)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean loss and its 95 % interval, within [0, 1]."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the log says about one policy.

    ``agreement`` is the mean chance that it chooses as the log did; ``known`` the share of its choices whose outcome the log
    has, from this run or another; ``unsupported`` the share that nothing speaks for but the prediction; ``effective`` the
    effective sample size ``(sum w)^2 / sum w^2``; ``matched`` the mean loss over its known choices, biased when these are easy
    or hard ones (None without any); ``summands[n]`` those of (3); ``warnings`` in words.
    """

    dr: Estimate
    snips: Estimate | None
    ips: Estimate
    matched: float | None
    agreement: float
    known: float
    unsupported: float
    effective: float
    summands: Array
    warnings: tuple[str, ...]


def evaluate(decisions: Decisions, target: Array, predictions: Array | None = None) -> Evaluation:
    """Estimate the mean loss of a policy with chances ``target[n, k]``.

    Args:
        decisions: one or more.
        target: rows that sum to one.
        predictions: of :func:`predictions`, where several policies share them.
    """
    n, rows = len(decisions), np.arange(len(decisions))
    chosen, mu, y = decisions.chosen, decisions.propensities, decisions.losses
    if predictions is None:
        predictions = losses_model(decisions)
    seen = ~np.isnan(decisions.known)
    q = np.where(seen, decisions.known, predictions)
    weights = target[rows, chosen] / mu[rows, chosen]
    limit = max(1.0, n / PER_WEIGHT)
    supported = (target <= limit * mu) & (mu > 0)
    residuals = y - q[rows, chosen]
    summands = (target * q).sum(1) + np.where(supported[rows, chosen], weights * residuals, 0.0)
    open_mass = np.where(supported | seen, 0.0, target)
    low, high = -float((open_mass * q).sum() / n), float((open_mass * (1 - q)).sum() / n)
    floor = _implied(decisions, target, supported & ~seen, predictions)
    dr = _estimate(summands, decisions.instances, floor=floor, low=low, high=high)
    ips = _estimate(weights * y, decisions.instances)
    total = weights.sum()
    snips = None
    if total > 0:
        value = float((weights * y).sum() / total)
        snips = _estimate(value + (weights * (y - value)) * n / total, decisions.instances)
    own = np.zeros_like(seen)
    own[rows, chosen] = True
    told = np.where(own | seen, target, 0.0)
    best = np.where(seen, decisions.known, 0.0)
    best[rows, chosen] = y
    mass = float(told.sum())
    effective = float(total**2 / np.square(weights).sum()) if total > 0 else 0.0
    known, unsupported = mass / n, float(open_mass.sum() / n)
    return Evaluation(
        dr=dr,
        snips=snips,
        ips=ips,
        matched=float((told * best).sum() / mass) if mass > 0 else None,
        agreement=float(target[rows, chosen].mean()),
        known=known,
        unsupported=unsupported,
        effective=effective,
        summands=summands,
        warnings=_warnings(decisions, unsupported, effective, known),
    )


def losses_model(decisions: Decisions) -> Array:
    """Predicted losses ``[n, k]``, each from other instances than its own."""
    rows, columns = np.nonzero(~np.isnan(decisions.known))
    own = np.arange(len(decisions))
    return predicted(
        decisions.features,
        decisions.instances,
        np.concatenate([own, rows]),
        np.concatenate([decisions.chosen, columns]),
        np.concatenate([decisions.losses, decisions.known[rows, columns]]),
        len(decisions.solvers),
    )


def _implied(decisions: Decisions, target: Array, corrected: Array, predictions: Array) -> float:
    """The variance of the mean of (3)'s second term, if residuals are everywhere of their usual size."""
    rows = np.arange(len(decisions))
    usual = float(np.mean(np.square(decisions.losses - predictions[rows, decisions.chosen])))
    mu = np.where(corrected, decisions.propensities, 1.0)
    spread = np.where(corrected, np.square(target) / mu - np.square(target), 0.0)
    return usual * float(spread.sum()) / len(decisions) ** 2


def _estimate(
    summands: Array, instances: Array, *, floor: float = 0.0, low: float = 0.0, high: float = 0.0
) -> Estimate:
    """The mean with its interval: clustered by instance, at least ``floor`` of variance, moved out by ``low`` and ``high``."""
    n, mean = len(summands), float(np.mean(summands))
    _, group = np.unique(instances, return_inverse=True)
    sums: Array = np.bincount(group, weights=summands - mean)
    if len(sums) < LEAST_UNITS:
        sums = summands - mean
    units = len(sums)
    if units < 2:
        return Estimate(_within(mean), 0.0, 1.0)
    variance = max(floor, float(np.square(sums).sum()) / n**2 * units / (units - 1))
    reach = float(student.ppf((1 + LEVEL) / 2, units - 1)) * math.sqrt(variance)
    return Estimate(_within(mean), _within(mean + low - reach), _within(mean + high + reach))


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))


def _warnings(decisions: Decisions, unsupported: float, effective: float, known: float) -> tuple[str, ...]:
    n = len(decisions)
    said = []
    if bool((decisions.propensities.max(1) == 1.0).all()):
        said.append(
            "every logged choice was certain: what was not chosen, nor is known from other runs, is only predicted; "
            f"outcomes speak for {known:.0%} of its choices, and IPS and SNIPS look at those where it agrees"
        )
    elif unsupported > LOW_OVERLAP:
        said.append(
            f"poor overlap: {unsupported:.0%} of its choices were too unlikely in the log to be checked, and IPS and SNIPS leave them out"
        )
    if known < 1 and effective < LOW_OVERLAP * n:
        said.append(f"the weights are worth {effective:.0f} of {n} decisions: IPS and SNIPS say little")
    if n < FEW:
        said.append(f"only {n} decisions")
    return tuple(said)
