"""QAPLIB, n <= 40, five seconds each, through the whole engine with the default policy on a fresh log.

usage: python benchmarks/qap_small.py [SECONDS] [--no-peers]

Peers in the same run: SciPy's ``faq`` and ``2opt`` with random restarts for the same time. Gaps are in percent of the best
known value. Alphabetical order; the first run on each bucket also compiles, and that counts as solving time.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import SHARED, folder, report
from scipy.optimize import quadratic_assignment

from mezan.api import open_engine
from mezan.solvers.qap import QAP

NAMES = (
    "bur26a", "chr20b", "chr25a", "els19", "esc32a", "had20", "kra30a", "kra30b", "lipa40a", "nug27", "nug30", "rou20",
    "scr20", "ste36a", "tai25a", "tai35a", "tai35b", "tai40a", "tho30", "tho40",
)  # fmt: skip


def load(name: str) -> QAP:
    """An instance with its best known value."""
    return QAP.from_qaplib(Path(SHARED) / "qaplib" / f"{name}.dat")


def scipy_gap(problem: QAP, method: str, seconds: float) -> float:
    """Restart one of SciPy's methods until the time is up."""
    rng, end, best = np.random.default_rng(1), time.perf_counter() + seconds, float("inf")
    A, B = np.asarray(problem.A, float), np.asarray(problem.B, float)
    while time.perf_counter() < end and best != problem.best_known:
        options: dict[str, Any] = {"rng": rng}
        if method == "faq":
            options["P0"] = "randomized"
        found = quadratic_assignment(A, B, method=method, options=options)
        best = min(best, float(found.fun))
    assert problem.best_known is not None
    return 100 * (best - problem.best_known) / problem.best_known


async def ours(seconds: float, solver: str | None) -> dict[str, tuple[float, str]]:
    """Gap and solver of each instance, one after another on one log."""
    gaps = {}
    with folder() as path:
        async with open_engine(f"sqlite:///{path}/qap.db") as engine:
            for name in NAMES:
                run = await engine.submit(load(name), time_limit=seconds, seed=1, solver=solver)
                result = await run.result()
                assert result.gap is not None
                gaps[name] = (result.gap, result.solver)
    return gaps


def main() -> None:
    """Measure, print, keep."""
    numbers = [a for a in sys.argv[1:] if not a.startswith("-")]
    seconds = float(numbers[0]) if numbers else 5.0
    default = asyncio.run(ours(seconds, None))
    tabu = asyncio.run(ours(seconds, "qap.tabu"))
    rows: list[dict[str, object]] = []
    for name in NAMES:
        row: dict[str, object] = {
            "instance": name,
            "gap": default[name][0],
            "solver": default[name][1],
            "tabu": tabu[name][0],
        }
        if "--no-peers" not in sys.argv:
            row |= {method: scipy_gap(load(name), method, seconds) for method in ("faq", "2opt")}
        rows.append(row)
    for what, pick in (("mean", statistics.mean), ("worst", max)):
        summary: dict[str, object] = {"instance": what}
        for key in ("gap", "tabu", "faq", "2opt"):
            if key in rows[0]:
                summary[key] = pick([row[key] for row in rows if row["instance"] in NAMES])  # type: ignore[type-var]
        rows.append(summary)
    report(f"qap_small_{seconds:g}s", rows)


if __name__ == "__main__":
    main()
