"""Choosing as one goes: ASlib instances come once, in random order, and only the chosen solver's outcome is seen.

usage: python benchmarks/selection_online.py [--orders 3] [--first 10] [--cap 600] [--shadow 0.1] [--only default,linucb] [--suffix _x]

Every policy runs on the real projections: each instance is a ProblemProfiled, each outcome an AttemptSucceeded with loss
PAR10 / (10 cutoff) or an AttemptTimedOut. Figures are the part of the gap closed over the whole pass, (SBS - ours) / (SBS - VBS)
in PAR10, where SBS is the best single solver in hindsight: 0 is as good as knowing it beforehand, 1 is perfect. The cost of
features is charged for every instance on which a choice was made with them. A choice of a slice of the time is carried out as the
engine does: what is not solved in the slice is an outcome of loss 1, the policy is asked again without that solver, and the
next one has what is left of the cutoff; ``default_whole`` is `default` without slices. Missing features are the medians of the scenario. ``mean`` is over
the panel of eight, ``mean_all`` over all scenarios, each counted as -1 at worst; ``late`` is the same for the last third.
``below_sb`` is how far the worst scenario is below `single_best` run online. With ``--shadow`` every solver's outcome is seen on
so large a part of the instances, at no charge. ``sklearn_forest`` is a yardstick: extra-trees per solver by scikit-learn, refitted
at growth of 15 %, the untried first. ``ms`` is CPU time for a choice, fits included in the mean and not in the median.
"""

import argparse
import math
import os
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from common import SHARED, median, report
from numpy.typing import NDArray

from mezan.engine import events as ev
from mezan.engine.log import Recorded
from mezan.projections.bradley_terry import BradleyTerry
from mezan.projections.clusters import Clusters
from mezan.projections.elo import Elo
from mezan.projections.examples import LabelledOutcomes
from mezan.projections.standings import standings
from mezan.solvers.selection.choices import certain, eligible
from mezan.solvers.selection.default import DEFAULT
from mezan.solvers.selection.past.aslib import Scenario, read_scenario
from mezan.solvers.selection.policy import Candidate, Choice, Policy, uses_features
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Standings

PANEL = (
    "CPMP-2015",
    "MIP-2016",
    "SAT11-RAND",
    "SAT11-INDU",
    "QBF-2011",
    "MAXSAT12-PMS",
    "BNSL-2016",
    "ASP-POTASSCO",
)
POLICIES = (
    "elo_ucb_strict", "elo_ucb", "ucb1", "thompson", "epsilon_greedy", "single_best", "sklearn_forest", "linear_thompson", "linucb",
    "forest", "hedge", "gp_ucb", "default_whole", "default",
)  # fmt: skip


@dataclass
class SklearnForest:
    """The yardstick: greedy on one forest per solver; a fresh one for every pass."""

    name: str = "sklearn_forest"
    version: str = "1"

    def __post_init__(self) -> None:
        self.forests: dict[str, tuple[int, Any]] = {}

    def choose(
        self, standings: Standings, features: Mapping[str, float], candidates: Sequence[Candidate], key: int
    ) -> Choice:
        from sklearn.ensemble import ExtraTreesRegressor

        able = eligible(candidates)
        rows = standings.examples.rows
        mean = sum(row.loss for row in rows) / max(1, len(rows))
        x = np.array([[features[name] for name in standings.examples.names]], dtype=np.float32).clip(-1e30, 1e30)
        scores = {}
        for candidate in able:
            own = [row for row in rows if row.solver == candidate.solver]
            if not own:
                return certain(candidate, candidates, scores, "untried")
            fitted, forest = self.forests.get(candidate.solver, (0, None))
            if len(own) >= max(4, 1.15 * fitted + 1):
                forest = ExtraTreesRegressor(12, max_features=0.33, min_samples_leaf=2, bootstrap=True, random_state=0)
                forest.fit(
                    np.array([row.features for row in own]).clip(-1e30, 1e30), np.array([row.loss for row in own])
                )
                self.forests[candidate.solver] = (len(own), forest)
            value = sum(row.loss for row in own) / len(own)
            if forest is not None:  # without `forest.predict`, whose checks cost ten times what the trees do
                value = float(np.mean([tree.tree_.predict(x) for tree in forest.estimators_]))
            scores[candidate.solver] = -(len(own) * value + mean) / (len(own) + 1)
        return certain(max(able, key=lambda one: scores[one.solver]), candidates, scores, "greedy")


@cache
def scenario(name: str) -> Scenario:
    """Read once a process."""
    return read_scenario(SHARED / "aslib" / name)


def losses(read: Scenario) -> NDArray[np.float64]:
    """In [0, 1]: PAR10 over ten cutoffs, or how far a quality is below 1."""
    return np.clip(read.par10 / (10 * read.cutoff) if read.runtime else 1 + read.par10, 0, 1)


class Log:
    """The projections that a policy reads, fed event by event."""

    def __init__(self) -> None:
        self.projections = (Elo(), Clusters(), LabelledOutcomes(), BradleyTerry())
        self.states = {projection.name: projection.initial() for projection in self.projections}
        self.position = 0

    def add(self, event: ev.Event) -> None:
        """Record and fold."""
        self.position += 1
        kind = type(event).__name__
        recorded = Recorded(
            self.position, "default", "run", self.position, kind, event.schema_version, event.model_dump_json(), b"", None, "run",
            "local", self.position, b"",
        )  # fmt: skip
        for projection in self.projections:
            if kind in projection.handles:
                self.states[projection.name] = projection.apply(self.states[projection.name], recorded)


def policy_of(name: str) -> Policy:
    """One that is registered, or one of ours."""
    if name == "default_whole":
        return replace(DEFAULT, time_share=None)
    return SklearnForest() if name == "sklearn_forest" else Policies.default().policy(name)


def play(name: str, which: str, order: int, cap: int, shadow: float) -> tuple[str, str, dict[str, float]]:
    """One pass of one policy over one scenario."""
    policy = policy_of(name)
    read, loss = scenario(which), losses(scenario(which))
    medians = np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else 0.0 for c in read.X.T])
    X = np.where(np.isfinite(read.X), read.X, medians).clip(-1e300, 1e300)
    names = [f"f{j:03}" for j in range(X.shape[1])]
    instances = np.random.RandomState(order).permutation(len(X))[:cap]
    keys, log = random.Random(order), Log()
    paid, seconds = [], []
    for i in instances.tolist():
        features = dict(zip(names, X[i].tolist(), strict=True))
        log.add(ev.ProblemProfiled(task="main", family="x", instance=str(i), size=1, features=features, seconds=0.0))
        tried: list[int] = []
        charged, gone = False, 0.0
        while True:
            candidates = [
                Candidate(solver, "1", "tried" if a in tried else None, tried=a in tried)
                for a, solver in enumerate(read.algorithms)
            ]
            seen = standings(log.states, "x", features, log.position)
            start = time.process_time()
            choice = policy.choose(seen, features, candidates, keys.getrandbits(62))
            seconds.append(time.process_time() - start)
            pick = read.algorithms.index(choice.solver)
            tried.append(pick)
            if uses_features(policy) and choice.arm != "single_best" and not charged:
                charged, gone = True, gone + read.feature_cost[i] * read.runtime
            share = choice.time_share if read.runtime else None
            slice_ = (read.cutoff - gone) * (1.0 if share is None else share)
            solved = not read.runtime or (read.solved[i, pick] and read.par10[i, pick] <= slice_)
            log.add(outcome(read.algorithms[pick], seen.cluster, str(i), float(loss[i, pick]) if solved else 1.0))
            gone += read.par10[i, pick] if solved else slice_
            if solved or share is None:
                paid.append(gone if solved else 10 * read.cutoff)
                break
        if keys.random() < shadow:
            for a in range(len(read.algorithms)):
                if a not in tried:
                    log.add(outcome(read.algorithms[a], seen.cluster, str(i), float(loss[i, a])))
    best = read.par10[instances].mean(axis=0).argmin()
    single, virtual = read.par10[instances, best], read.par10[instances].min(axis=1)
    gained, late = single - np.array(paid), slice(2 * len(instances) // 3, None)
    return (
        name,
        which,
        {
            "gap": float(gained.sum() / (single - virtual).sum()),
            "late": float(gained[late].sum() / (single - virtual)[late].sum()),
            "ms": 1000 * median(seconds),
            "ms_mean": 1000 * sum(seconds) / len(seconds),
        },
    )


def outcome(solver: str, cluster: str, instance: str, loss: float) -> ev.Event:
    """A run's end."""
    common = {
        "task": "main", "attempt": 1, "solver": solver, "version": "1", "family": "x", "instance": instance, "cluster": cluster,
        "budget": ev.BudgetSpec(time_limit=1.0), "seconds": 0.0,
    }  # fmt: skip
    if loss >= 1:
        return ev.AttemptTimedOut(**common)
    return ev.AttemptSucceeded(
        **common, sense="min", objective=loss, solution="", bound=None, proved_optimal=False, loss=loss, stopped="done",
        iterations=1, compile_seconds=0.0,
    )  # fmt: skip


def main() -> None:
    """Play all, print, keep."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--orders", type=int, default=3)
    ask.add_argument("--first", type=int, default=10, help="seed of the first order; 0 to 4 were used for tuning")
    ask.add_argument("--cap", type=int, default=600)
    ask.add_argument("--shadow", type=float, default=0.0)
    ask.add_argument("--only", default=",".join(POLICIES))
    ask.add_argument("--suffix", default="")
    asked = ask.parse_args()
    names = [path.name for path in sorted((SHARED / "aslib").iterdir()) if path.is_dir()]
    chosen = asked.only.split(",")
    jobs = [
        (policy, which, asked.first + k, asked.cap, asked.shadow)
        for policy in dict.fromkeys(["single_best", *chosen])
        for which in names
        for k in range(asked.orders)
    ]
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for policy, which, figures in pool.map(play, *zip(*jobs, strict=True)):
            found.setdefault(policy, {}).setdefault(which, []).append(figures)
            if which == names[-1] and len(found[policy][which]) == asked.orders:
                print(policy, flush=True)
    rows = [row(policy, found[policy], found["single_best"]) for policy in chosen]
    report(f"selection_online{asked.suffix}", rows)


def row(
    policy: str, figures: dict[str, list[dict[str, float]]], single: dict[str, list[dict[str, float]]]
) -> dict[str, object]:
    """A policy's line of the table."""

    def over(what: str, which: Sequence[str], least: float = -math.inf) -> float:
        return float(np.mean([max(least, np.mean([one[what] for one in figures[name]])) for name in which]))

    names = list(figures)
    panel = [name for name in PANEL if name in figures]
    below = max(np.mean([one["gap"] for one in single[n]]) - np.mean([one["gap"] for one in figures[n]]) for n in names)
    return {
        "policy": policy,
        **{name: over("gap", [name]) for name in names},
        "mean": over("gap", panel, -1),
        "late": over("late", panel, -1),
        "mean_all": over("gap", names, -1),
        "late_all": over("late", names, -1),
        "below_sb": float(below),
        "ms": over("ms", names),
        "ms_mean": over("ms_mean", names),
    }


if __name__ == "__main__":
    main()
