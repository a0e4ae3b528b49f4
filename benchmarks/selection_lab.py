"""How far the policy lab and A/B tests may be trusted: coverage of intervals, false alarms under peeking, power.

usage: python benchmarks/selection_lab.py [off_policy] [sequential]

`off_policy`: 200 simulated logs of 300 decisions per logging policy, on synthetic tables and on three ASlib scenarios (PAR10), where
every outcome is known: how often the 95 % interval for a target policy's mean loss holds the truth, how wide it is, and how
far the estimate is from the truth. `sequential`: streams of outcomes with and without a difference; the always-valid test is looked at after
every outcome, the t-test after every outcome from the thirtieth (as people do) and once at the end (as they should).
"""

import random
import sys
import time
from collections.abc import Callable

import numpy as np
from common import HERE, SHARED, report
from scipy.stats import norm

sys.path.insert(0, str(HERE.parent / "tests"))
from bandit_logs import Table, aslib, simulate, synthetic

from mezan.solvers.selection.evaluation.off_policy import Estimate, evaluate, losses_model
from mezan.solvers.selection.evaluation.sequential import comparison
from mezan.solvers.selection.registry import Policies

LOGS, DECISIONS = 200, 300
LOGGING = ("epsilon_greedy", "thompson", "elo_ucb")
TARGETS = ("single_best", "ucb1", "elo_ucb", "epsilon_greedy")
SCENARIOS = ("CPMP-2015", "QBF-2011", "MAXSAT12-PMS")
STREAMS, OUTCOMES, ALPHA, FIRST_LOOK = 1_000, 1_000, 0.05, 30


def off_policy() -> None:
    """Coverage, width and error of DR, SNIPS and IPS for every pair."""
    tables: dict[str, Callable[[int], Table]] = {"synthetic": synthetic}
    for name in SCENARIOS:
        if (SHARED / "aslib" / name).exists():
            table = aslib(SHARED / "aslib" / name)
            tables[name] = lambda seed, table=table: table
    known, rows = Policies.default(), []
    targets = [known.policy(name) for name in TARGETS]
    for data, make in tables.items():
        for logging in LOGGING:
            start = time.process_time()
            figures: dict[str, list[list[float]]] = {name: [] for name in TARGETS}
            for seed in range(LOGS):
                made = simulate(make(seed), known.policy(logging), targets, DECISIONS, seed)
                predictions = losses_model(made.decisions)
                for name, chances in made.chances.items():
                    found = evaluate(made.decisions, chances, predictions)
                    truth = made.truth[name]
                    one = [found.unsupported, found.effective]
                    for estimate in (found.dr, found.snips or Estimate(0.5, 0.0, 1.0), found.ips):
                        one += [estimate.lower <= truth <= estimate.upper, estimate.upper - estimate.lower]
                        one.append((estimate.value - truth) ** 2)
                    figures[name].append(one)
            for name, all_ in figures.items():
                mean = np.mean(np.array(all_, float), axis=0)
                row: dict[str, object] = {"data": data, "log": logging, "target": name, "unsupported": float(mean[0])}
                row["effective n"] = float(mean[1])
                for i, estimator in enumerate(("DR", "SNIPS", "IPS")):
                    covered, width, square = mean[2 + 3 * i : 5 + 3 * i]
                    row[f"{estimator} covers"] = float(covered)
                    row[f"{estimator} width"] = float(width)
                    row[f"{estimator} RMSE"] = float(np.sqrt(square))
                rows.append(row)
            print(f"{data} {logging}: {time.process_time() - start:.0f} s CPU", file=sys.stderr, flush=True)
    report("selection_lab_off_policy", rows)


LOSSES: dict[str, Callable[[random.Random, float], float]] = {
    "0 or 1, mean 0.3": lambda rng, gap: float(rng.random() < 0.3 + gap),
    "0 or 1, mean 0.03": lambda rng, gap: float(rng.random() < 0.03 + gap),
    "uniform": lambda rng, gap: min(1.0, rng.random() * (1 + 2 * gap)),
    "below 0.02, 5 % failures": lambda rng, gap: 1.0 if rng.random() < 0.05 + gap else 0.02 * rng.random(),
}


def sequential() -> None:
    """False alarms and power, per kind of loss and difference."""
    rows: list[dict[str, object]] = []
    critical = float(norm.ppf(1 - ALPHA / 2))
    for name, draw in LOSSES.items():
        for gap in (0.0, 0.05, 0.1, 0.2):
            stops, peeked, fixed = [], 0, 0
            for seed in range(STREAMS if gap == 0 else STREAMS // 4):
                rng, test, at = random.Random(seed), comparison(ALPHA), None
                arms: tuple[list[float], list[float]] = ([], [])
                for i in range(OUTCOMES):
                    arm = int(rng.random() < 0.5)
                    loss = draw(rng, gap * arm)
                    arms[arm].append(loss)
                    if at is None:
                        test.add(arm, loss)
                        at = i + 1 if test.verdict is not None else None
                z = np.abs(t_statistics(np.array(arms[0]), np.array(arms[1])))
                stops.append(at)
                peeked += bool((z[FIRST_LOOK // 2 :] > critical).any())
                fixed += bool(z[-1] > critical)
            n = len(stops)
            rows.append(
                {
                    "losses": name,
                    "difference": gap,
                    "streams": n,
                    "always valid decides": sum(at is not None for at in stops) / n,
                    "median outcomes": float(np.median([at or np.inf for at in stops])) if gap else None,
                    "t-test, peeking": peeked / n,
                    "t-test, once at the end": fixed / n,
                }
            )
            if not np.isfinite(rows[-1]["median outcomes"] or 0):
                rows[-1]["median outcomes"] = f"over {OUTCOMES:,}"
            print(rows[-1], file=sys.stderr, flush=True)
    report("selection_lab_sequential", rows)


def t_statistics(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Welch's statistic after each pair of outcomes."""
    m = min(len(first), len(second))
    n = np.arange(1, m + 1)
    means, spreads = [], []
    for losses in (first[:m], second[:m]):
        mean = np.cumsum(losses) / n
        means.append(mean)
        spreads.append(np.maximum(np.cumsum(losses**2) / n - mean**2, 1e-12) / np.maximum(1, n - 1))
    return (means[0] - means[1]) / np.sqrt(spreads[0] + spreads[1])


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["off_policy", "sequential"]
    for name in wanted:
        {"off_policy": off_policy, "sequential": sequential}[name]()
