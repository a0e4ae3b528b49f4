"""Algorithm selection offline: ASlib scenarios, ours against scikit-learn's forests and COSEAL's `asf` in the same run.

usage: python benchmarks/selection_offline.py [SCENARIO ...] [--seeds N,...] [--no-asf] [--only NAME,...]

Each scenario's own folds, PAR10, the default feature steps charged, the share of the gap between the single and the virtual best
solver that is closed (1 is perfect, below 0 is worse than the single best). Every selector sees the same folds and is scored by
the same code (`mezan.api.bench.aslib`). Forests of scikit-learn have 100 trees; `asf` runs with its defaults where it is
installed (extra `bench`). Figures are means over the seeds; with several, `sd` is the deviation of ours.
Ours has one configuration for all scenarios.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, median, report

from mezan.api.bench.aslib import Decision, Part, Selector, cross_validate
from mezan.api.bench.selectors import SELECTORS
from mezan.solvers.selection.models.preparing import Preparation
from mezan.solvers.selection.models.schedules import Step
from mezan.solvers.selection.past.aslib import Scenario, is_scenario, read_scenario
from mezan.solvers.selection.recommender import Recommender

OURS = ("default", "schedule", "forest_kernel", "pairwise", "knn", "elo_cluster")


class Sklearn:
    """A multi-output forest on PAR10, or extremely randomised trees on regrets; the least prediction is the pick."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

        self.preparation = Preparation.of(train.X)
        loss = train.par10 / (10 * scenario.cutoff) if scenario.runtime else train.par10
        if self.kind == "sklearn_rf":
            self.forest: Any = RandomForestRegressor(100, max_features="sqrt", random_state=seed)
        else:
            self.forest = ExtraTreesRegressor(100, max_features=0.33, random_state=seed)
            loss = loss - loss.min(axis=1, keepdims=True)
        self.forest.fit(self.preparation(train.X), loss)

    def decide(self, X: np.ndarray, feature_cost: np.ndarray) -> list[Decision]:
        predicted = self.forest.predict(self.preparation(X)).reshape(len(X), -1)
        return [Decision([Step(int(pick), None)], True, self.kind) for pick in predicted.argmin(axis=1)]


class Asf:
    """A selector of `asf` with its defaults."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options = name, options

    def fit(self, scenario: Scenario, train: Part, seed: int) -> None:
        import asf.selectors
        import pandas as pd

        self.preparation = Preparation.of(train.X)
        self.numbers = {name: n for n, name in enumerate(scenario.algorithms)}
        self.runtime, self.cutoff = scenario.runtime, scenario.cutoff
        X = pd.DataFrame(self.preparation(train.X)).add_prefix("f").set_axis([f"i{k}" for k in range(len(train.X))])
        Y = pd.DataFrame(train.par10, columns=list(scenario.algorithms), index=X.index)
        budget = scenario.cutoff if scenario.runtime else 1e18
        self.selector = getattr(asf.selectors, self.name)(
            budget=budget, maximize=False, random_state=seed, **self.options
        )
        self.selector.fit(X, Y)

    def decide(self, X: np.ndarray, feature_cost: np.ndarray) -> list[Decision]:
        import pandas as pd

        rows = pd.DataFrame(self.preparation(X)).add_prefix("f").set_axis([f"i{k}" for k in range(len(X))])
        made = self.selector.predict(rows)
        return [self._decision([pair for pair in made[name] if isinstance(pair, tuple)]) for name in rows.index]

    def _decision(self, schedule: list[tuple[str, float]]) -> Decision:
        if len(schedule) == 1 or not self.runtime:
            return Decision([Step(self.numbers[schedule[0][0]], None)], True, self.name)
        steps = [Step(self.numbers[who], float(limit or 0)) for who, limit in schedule if who in self.numbers]
        return Decision(steps, True, self.name)


def peers(*, with_asf: bool) -> dict[str, Callable[[], Selector]]:
    """Selectors of other libraries that are installed here."""
    found: dict[str, Callable[[], Selector]] = {
        "sklearn_rf": lambda: Sklearn("sklearn_rf"),
        "sklearn_et_regret": lambda: Sklearn("sklearn_et_regret"),
    }
    if with_asf:
        try:
            import asf.selectors  # noqa: F401
        except ImportError:
            print("asf is not installed (pip install 'mezan[bench]'): its selectors are left out")
        else:
            found["asf_sunny"] = lambda: Asf("SUNNY", k=16)
            found["asf_performance_model"] = lambda: Asf("PerformanceModel", use_multi_target=True)
    return found


def latency(mode: str, *, solvers: int = 20, features: int = 150, known: int = 500) -> float:
    """Median CPU milliseconds of one decision of a fitted recommender, on drawn runtimes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(known, features))
    seconds = np.exp(rng.normal(size=(known, solvers)) * 2 + 5 + X[:, :solvers])
    recommender = Recommender(mode).fit(X, seconds, cutoff=3600.0)
    times = []
    for x in rng.normal(size=(200, features)):
        start = time.process_time()
        recommender.predict(x[None])
        times.append(1e3 * (time.process_time() - start))
    return median(times)


def measured(scenario: Scenario, makers: dict[str, Callable[[], Selector]], seeds: list[int]) -> dict[str, object]:
    """Every selector on one scenario."""
    row: dict[str, object] = {"scenario": scenario.name, "n": len(scenario.instances), "m": len(scenario.algorithms)}
    for name, make in makers.items():
        try:
            results = [cross_validate(scenario, name, make, seed=seed) for seed in seeds]
        except Exception as error:  # noqa: BLE001 - a peer that breaks on a scenario has no figure there
            print(f"{scenario.name} {name}: {type(error).__name__}: {str(error)[:100]}", flush=True)
            continue
        gaps = [result.gap_closed for result in results]
        seconds = float(np.mean([result.seconds for result in results]))
        row[name] = round(float(np.mean(gaps)), 3)
        if name == "default":
            solved = [each.solved_given_solvable for each in results if each.solved_given_solvable is not None]
            row |= {f"default_{seed}": round(gap, 3) for seed, gap in zip(seeds, gaps, strict=True) if len(seeds) > 1}
            row |= {"sd": round(float(np.std(gaps, ddof=1)), 3)} if len(seeds) > 1 else {}
            row |= {"solved|solvable": round(float(np.mean(solved)), 3) if solved else None, "cpu_s": round(seconds, 1)}
        rules = [result.rules for result in results]
        print(f"{scenario.name} {name} {' '.join(f'{gap:.3f}' for gap in gaps)} ({seconds:.1f} s) {rules}", flush=True)
    return row


def mean(rows: list[dict[str, object]], names: list[str]) -> dict[str, object]:
    """Means of the selectors that have a figure on every scenario."""
    made: dict[str, object] = {"scenario": "mean"}
    by_seed = [name for name in rows[0] if name.startswith("default_")] if rows else []
    for name in (*names, *by_seed, "solved|solvable"):
        figures = [float(str(row[name])) for row in rows if row.get(name) is not None]
        if figures and (len(figures) == len(rows) or name == "solved|solvable"):
            made[name] = round(sum(figures) / len(figures), 3)
    return made


def latencies() -> list[dict[str, object]]:
    """How long a decision takes."""
    return [
        {"scenario": f"ms per {mode}, 20 solvers, 150 features", "default": round(latency(mode), 3)}
        for mode in ("pick", "schedule")
    ]


def main() -> None:
    """Measure, print, keep."""
    arguments = sys.argv[1:]
    seeds = [2, 3, 4]
    if "--seeds" in arguments:
        seeds = [int(seed) for seed in arguments.pop(arguments.index("--seeds") + 1).split(",")]
    only = arguments.pop(arguments.index("--only") + 1).split(",") if "--only" in arguments else None
    names = [name for name in arguments if not name.startswith("--")]
    makers = {name: SELECTORS[name] for name in OURS} | peers(with_asf="--no-asf" not in arguments)
    if only is not None:
        makers = {name: makers[name] for name in only}
    folder = Path(SHARED) / "aslib"
    rows = [
        measured(read_scenario(path), makers, seeds)
        for path in sorted(folder.iterdir())
        if is_scenario(path) and (not names or path.name in names)
    ]
    drawn: dict[str, object] = {"scenario": "seeds"} | dict.fromkeys(makers, " ".join(map(str, seeds)))
    report("selection_offline", [*rows, mean(rows, list(makers)), drawn, *latencies()])


if __name__ == "__main__":
    main()
