"""How long a decision takes: 20 solvers, 150 features, over 600 requests of which only the chosen solver's outcome is seen.

usage: python benchmarks/selection_latency.py [POLICY ...]

The policies read the real projections. Losses are logistic in a direction of each solver's own. CPU milliseconds from the hundredth request
on; ``p50_ms`` is what most requests pay, ``mean_ms`` includes fits.
"""

import random
import sys
import time

import numpy as np
from common import median, report
from selection_online import POLICIES, Log, outcome

from mezan.engine import events as ev
from mezan.projections.standings import standings
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.registry import Policies

SOLVERS, FEATURES, REQUESTS, WARM = 20, 150, 600, 100


def measured(name: str) -> dict[str, object]:
    """One policy."""
    policy, rng, keys, log = Policies.default().policy(name), np.random.default_rng(0), random.Random(1), Log()
    candidates = [Candidate(f"s{i:02}", "1") for i in range(SOLVERS)]
    directions = rng.normal(size=(SOLVERS, FEATURES)) / 12
    times = []
    for i, x in enumerate(rng.normal(size=(REQUESTS, FEATURES))):
        features = {f"f{j:03}": value for j, value in enumerate(x.tolist())}
        log.add(ev.ProblemProfiled(task="main", family="x", instance=str(i), size=1, features=features, seconds=0.0))
        seen = standings(log.states, "x", features, log.position)
        start = time.process_time()
        choice = policy.choose(seen, features, candidates, keys.getrandbits(62))
        times.append(1e3 * (time.process_time() - start))
        loss = float(1 / (1 + np.exp(-2 * directions[int(choice.solver[1:])] @ x)))
        log.add(outcome(choice.solver, seen.cluster, str(i), loss))
    return {"policy": name, "p50_ms": median(times[WARM:]), "mean_ms": sum(times[WARM:]) / (REQUESTS - WARM)}


def main() -> None:
    """Measure, print, keep."""
    known = {policy.name for policy in Policies.default()}
    names = sys.argv[1:] or [name for name in POLICIES if name in known]
    report("selection_latency", [measured(name) for name in names])


if __name__ == "__main__":
    main()
