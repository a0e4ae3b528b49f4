"""What changed between two benchmarks of the same grid: per solver, beyond noise, and to the bit where work was repeated.

Cells are paired by solver, instance and seed. If nothing changed, the two results of a pair are exchangeable, and so the
signed-rank test of their differences is exact; Holm's correction covers all tests of a comparison.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mezan.engine.environment import differences
from mezan.engine.grids import DONE, Benchmark, Cell, Key
from mezan.solvers.errors import BadInput
from mezan.solvers.gaps import equal

from .paired import Wilcoxon, holm, wilcoxon

Json = dict[str, Any]
Verdict = Literal["same", "better", "worse", "not repeated"]
LEAST_SECONDS = 0.01
"""Times below are not told apart: the scheduler of the operating system decides them."""
FAILED = 100.0
"""Percent that a lost result counts in a mean change."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a change counts: its adjusted p, the mean change of objectives in percent, the median ratio of times."""

    alpha: float = 0.05
    objective: float = 0.1
    time: float = 1.25

    def check(self) -> None:
        """Raise BadInput for a limit out of range."""
        if not 0 < self.alpha < 1:
            raise BadInput(f"--alpha must be between 0 and 1; got {self.alpha:g}")
        if not 0 <= self.objective < math.inf:
            raise BadInput(f"--objective must be a share in percent, 0 or more; got {self.objective:g}")
        if not 1 <= self.time < math.inf:
            raise BadInput(f"--time must be a ratio of 1 or more; got {self.time:g}")


@dataclass(frozen=True, slots=True)
class Paired:
    """One solver's pairs: changes of objectives in percent (positive: worse), logarithms (base 2) of the ratios of times."""

    pairs: list[tuple[Cell, Cell]]
    changes: list[float]
    ratios: list[float]


def compare(before: Benchmark, now: Benchmark, limits: Limits, unrepeatable: Collection[str] = ()) -> Json:
    """Everything that differs, as one document; ``worse`` lists the solvers that got worse or were not repeated.

    Args:
        before: the earlier benchmark.
        now: the later one.
        limits: what counts as a change.
        unrepeatable: solvers that do not promise the same result for the same work.

    Raises:
        BadInput: the two have another family or budget, or no cell in common.
    """
    limits.check()
    for name in ("family", "budget"):
        if (a := getattr(before.opened, name)) != (b := getattr(now.opened, name)):
            raise BadInput(f"two benchmarks must have the same {name} to be compared; {before.name} has {a} and {now.name} has {b}")  # fmt: skip
    earlier, later = _done(before), _done(now)
    shared = [key for key in earlier if key in later]
    if not shared:
        raise BadInput(f"two benchmarks must have finished cells in common to be compared; {before.name} and {now.name} have none")  # fmt: skip
    sense = now.opened.sense
    solvers = list(dict.fromkeys(key.solver for key in shared))
    paired = {s: _paired([(earlier[k], later[k]) for k in shared if k.solver == s], sense) for s in solvers}
    tests = [(wilcoxon(paired[s].changes), wilcoxon(paired[s].ratios)) for s in solvers]
    adjusted = holm([test.p for both in tests for test in both])
    rows = [
        _row(s, paired[s], *tests[i], adjusted[2 * i : 2 * i + 2], limits, now, s not in unrepeatable, len(adjusted))
        for i, s in enumerate(solvers)
    ]
    return {
        "before": before.name,
        "now": now.name,
        "cells": len(shared),
        "only_before": len(earlier) - len(shared),
        "only_now": len(later) - len(shared),
        "limits": {"alpha": limits.alpha, "objective": limits.objective, "time": limits.time},
        "environment": [
            {"name": name, "before": a, "now": b}
            for name, a, b in differences(before.opened.environment, now.opened.environment)
        ],
        "environments": {"before": len(before.environments), "now": len(now.environments)},
        "solvers": rows,
        "worse": [row["solver"] for row in rows if row["verdict"] in {"worse", "not repeated"}],
    }


def _done(benchmark: Benchmark) -> dict[Key, Cell]:
    return {cell.key: cell for cell in benchmark.cells if cell.status in DONE}


def _paired(pairs: list[tuple[Cell, Cell]], sense: str) -> Paired:
    changes = [_change(a, b, sense) for a, b in pairs]
    times = [(a.solving, b.solving) for a, b in pairs if a.status == b.status == "ok" and not (a.stopped == b.stopped == "time")]  # fmt: skip
    ratios = [math.log2(max(LEAST_SECONDS, b) / max(LEAST_SECONDS, a)) for a, b in times]
    return Paired(pairs, changes, ratios)


def _change(before: Cell, now: Cell, sense: str) -> float:
    """By how much a result got worse, in percent of the larger of the two; infinite when it was lost."""
    a = before.objective if before.status == "ok" else None
    b = now.objective if now.status == "ok" else None
    if a is None or b is None:
        return 0.0 if a is b else math.inf if b is None else -math.inf
    if equal(a, b):
        return 0.0
    worse = b - a if sense == "min" else a - b
    return 100.0 * worse / max(abs(a), abs(b))


def _row(
    solver: str, paired: Paired, objective: Wilcoxon, time: Wilcoxon, adjusted: list[float], limits: Limits,
    now: Benchmark, repeatable: bool, tests: int,
) -> Json:  # fmt: skip
    pairs, (p, time_p) = paired.pairs, adjusted
    change = float(np.mean(np.clip(paired.changes, -FAILED, FAILED)))
    ratio = 2.0 ** float(np.median(paired.ratios)) if paired.ratios else None
    versions = sorted({str(a.version) for a, _ in pairs}), sorted({str(b.version) for _, b in pairs})
    repeated = [(a, b) for a, b in pairs if _repeats(a, b)] if now.opened.budget.iterations is not None else []
    differing = [(a, b) for a, b in repeated if repeatable and (a.objective, a.solution) != (b.objective, b.solution)]
    newly_failed = [b for a, b in pairs if a.status == "ok" and b.status == "failed"]
    reasons, verdict = [], "same"
    if p <= limits.alpha and abs(change) > limits.objective:
        verdict = "worse" if change > 0 else "better"
        reasons.append(f"objectives are {abs(change):.3g} % {verdict} in the mean (p {p:.2g})")
    if ratio is not None and time_p <= limits.alpha and max(ratio, 1 / ratio) > limits.time:
        slower = ratio > 1
        reasons.append(f"it takes {ratio:.3g} times as long in the median (p {time_p:.2g})")
        verdict = "worse" if slower or verdict == "worse" else "better"
    if newly_failed:
        verdict = "worse"
        reasons.append(
            f"{len(newly_failed)} cells failed that had a result: {newly_failed[0].message or newly_failed[0].error}"
        )
    if differing:
        same_version = versions[0] == versions[1]
        reasons.append(
            f"{len(differing)} of {len(repeated)} cells differ for the same work"
            + ("" if same_version else f", v{', '.join(versions[0])} to v{', '.join(versions[1])}")
        )
        verdict = "not repeated" if same_version and verdict != "worse" else verdict
    if not reasons and tests * 2.0 ** (1 - len(pairs)) > limits.alpha:  # even if all changed alike
        reasons.append(f"{len(pairs)} cells are too few to tell a change from noise")
    labels = now.instances
    return {
        "solver": solver,
        "versions": {"before": versions[0], "now": versions[1]},
        "verdict": verdict,
        "reasons": reasons,
        "cells": len(pairs),
        "objective": {
            "mean_change": change,
            "differ": objective.pairs,
            "effect": objective.effect,
            "p": objective.p,
            "holm": p,
        },
        "time": {
            "pairs": len(paired.ratios),
            "median_ratio": ratio,
            "effect": time.effect,
            "p": time.p,
            "holm": time_p,
        },
        "failures": {
            "before": sum(a.status != "ok" for a, _ in pairs),
            "now": sum(b.status != "ok" for _, b in pairs),
        },
        "repeated": len(repeated) if repeatable else 0,
        "differing": [
            {
                "instance": labels[b.instance].label or b.instance[:12],
                "seed": b.seed,
                "objective": {"before": a.objective, "now": b.objective},
                "runs": {"before": a.run, "now": b.run},
            }
            for a, b in differing
        ],
    }


def _repeats(a: Cell, b: Cell) -> bool:
    """Whether both did the work that was asked for, or ended by themselves: then they must agree."""
    return a.status == b.status == "ok" and "time" not in {a.stopped, b.stopped}
