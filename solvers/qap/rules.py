"""How ``qap.instance_adaptive`` reads an instance: one rule of four, and why, in plain NumPy.

The rules follow what was measured on QAPLIB at ten CPU-seconds. Where a few flows dominate (tai*b, ste, els, chr) children want
short searches: tai80b ended .003 % above the best known value with 10 n moves a child, .17 % with 25 n, .42 % with 60 n.
Uniform instances (tai*a, rou) do best at 20 to 45 n up to n = 60, and with shorter ones beyond, since a population must learn
within seconds (tai100a at 20 CPU-seconds .62 % at 12 n, .83 % at 20 n); the others lie between. A proved collapse to a subset
(tai64c, tai256c) is searched as a subset.

Islands of small uniform instances do best as nearly one population (tai50a .30 % with an exchange every 512 iterations, .38 %
every 4096 or never); others lose their differences that way (tai100a .83 and .59 %; sko100a is solved in 2 and 4 of 5 runs).
"""

from dataclasses import dataclass

import numpy as np

from .features import features
from .problem import QAP
from .structured.refusal import exploited

STEPS, WALKS = 64, 32
UNIFORM = 80
"""Both dominances below this many percent: no pair of entries stands out."""
DOMINATED = 200
SMALL = 64
OFTEN, SELDOM = 512, 4096
"""Iterations between two exchanges of islands, of uniform instances up to :data:`SMALL` and of all others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which search, ``length``: the moves that each child is searched for, and ``exchange``, see `islands`."""

    name: str
    length: int
    exchange: int
    reason: str


def rule_for(problem: QAP) -> Rule:
    """The first rule that fits, O(n^2 log n)."""
    found = exploited(problem)
    if found is not None and found.kind == "subset":
        return Rule("subset", 0, SELDOM, f"{found}, so it searches subsets")
    named = features(problem)
    low, high = named["dominance_min"], named["dominance_max"]
    n = problem.size
    said = f"dominance {low:.0f} and {high:.0f} %"
    if high > DOMINATED:
        reason = f"a few pairs dominate ({said}), so generations are short, {10 * n} moves a child"
        return Rule("dominated", 10 * n, SELDOM, reason)
    if high < UNIFORM and not (named["flow_grid"] or named["distance_grid"]):
        length = 30 * n if n <= SMALL else 12 * n
        reason = f"both matrices are uniform ({said}), so children are searched for {length} moves"
        return Rule("uniform", length, OFTEN if n <= SMALL else SELDOM, reason)
    return Rule(
        "moderate", 15 * n, SELDOM, f"dominance is moderate ({said}), so children are searched for {15 * n} moves"
    )


def plan(problem: QAP) -> str:
    """The rule and its reason in one sentence, with the ruggedness of the landscape."""
    rule = rule_for(problem)
    return f"rule {rule.name!r}: {rule.reason}; correlation length {ruggedness(problem):.2f} n"


def ruggedness(problem: QAP) -> float:
    """Correlation length of the landscape, in facilities, from short random walks of swaps; small is rugged.

    ``-1 / ln r(1)`` with the autocorrelation r(1) of the objective along the walk (Weinberger, Biological Cybernetics 63,
    1990), from :data:`WALKS` walks of :data:`STEPS` steps with a fixed seed. On QAPLIB it lies between .2 n and .4 n
    (Chicano, Luque and Alba 2012 give n/4 to n/2) and separates its classes little; no rule hinges on it.
    """
    n, rng, w = problem.size, np.random.default_rng(0), np.arange(WALKS)
    A, B = (M + M.T for M in (problem.A.astype(float), problem.B.astype(float)))
    p = np.stack([rng.permutation(n) for _ in w])
    value = np.empty((STEPS + 1, WALKS))
    value[0] = [(A * B[q][:, q]).sum() for q in p]
    for t in range(STEPS):
        r = rng.integers(n, size=WALKS)
        s = (r + 1 + rng.integers(n - 1, size=WALKS)) % n
        p_r, p_s = p[w, r], p[w, s]
        d = (A[r] - A[s]) * np.take_along_axis(B[p_s] - B[p_r], p, 1)
        d[w, r] = d[w, s] = 0
        value[t + 1] = value[t] + 2 * d.sum(1) + (A[r, r] - A[s, s]) * (B[p_s, p_s] - B[p_r, p_r])
        p[w, r], p[w, s] = p_s, p_r
    away = value - value.mean()
    variance = float((away * away).mean())
    if variance <= 0:
        return 1.0  # every solution is as good: as smooth as can be
    r1 = float((away[1:] * away[:-1]).mean()) / variance
    return min(1.0, -1 / np.log(r1) / n) if 0 < r1 < 1 else 0.0
