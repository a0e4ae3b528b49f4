"""Whether the chosen solver gets all the time, or a slice of it so that another can follow.

Where solvers either solve an instance or fail, most that solve it do so early, and what one fails on another often solves: a slice for
the first and the rest for a second loses little where the first would have done, and much less where it would not (Gomes and Selman,
"Algorithm portfolios", Artificial Intelligence 126, 2001). Both outcomes are learned from, the failed slice like any timeout, so that
the second solver is chosen by what the first one's failure tells. Where solvers find something always and time makes it better,
a slice would only take time away; so one is cut only for a solver that has lost mostly by failing.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from .policy import Candidate, Choice
from .standings import Standings

SHARE = 0.65
"""Of the time, for the first solver."""
FAILING = 0.5
"""Of all that a solver has lost it has lost so much by failures, or more, where it is sliced."""


def sliced(choice: Choice, standings: Standings, candidates: Sequence[Candidate], share: float | None) -> Choice:
    """The choice with ``share`` of the time, where that pays, and for the first solver on a task only."""
    able = sum(candidate.refused is None for candidate in candidates)
    if share is None or able < 2 or any(candidate.tried for candidate in candidates):
        return choice
    records = [standings.record(choice.solver)]
    if not records[0].outcomes:
        records = [standings.record(candidate.solver) for candidate in candidates]
    failures = sum(record.failures for record in records)
    if not failures or failures < FAILING * math.fsum(record.loss_sum for record in records):
        return choice
    reason = f"{choice.reason}; if it finds nothing in {share:.0%} of the time, another one is tried"
    return replace(choice, reason=reason, time_share=share)
