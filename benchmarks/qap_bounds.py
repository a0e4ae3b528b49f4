"""Lower bounds on all of QAPLIB: how far below the best known value, and the CPU time of each.

usage: python benchmarks/qap_bounds.py

``projection`` is the published bound; ``levelled`` is ours over several diagonals. ``quick`` is what every request is profiled
with, the better of ``gilmore_lawler`` and ``levelled``; ``tight`` is what :func:`tighten` adds for up to 30 facilities.
Gaps are in percent of the best known value.
"""

from collections.abc import Callable
from pathlib import Path

from common import SHARED, Clock, report

from mezan.solvers.problem import Bound
from mezan.solvers.qap import QAP
from mezan.solvers.qap.bounds import bound, gilmore_lawler, projection, tighten


def timed(method: Callable[[], Bound | None]) -> tuple[Bound | None, float]:
    """What it returns, and its CPU milliseconds: the least of three."""
    times = []
    for _ in range(3):
        with Clock() as clock:
            found = method()
        times.append(1e3 * clock.cpu)
    return found, min(times)


def row(problem: QAP) -> dict[str, object]:
    """One instance."""
    best = problem.best_known
    assert best is not None

    def gap(found: Bound | None) -> float | None:
        if found is None or best == 0:
            return None
        assert found.value <= best, problem.name
        return round(100 * (best - found.value) / best, 2)

    quick, quick_ms = timed(lambda: bound(problem))
    assert quick is not None
    tight, tight_ms = timed(lambda: tighten(problem, quick))
    return {
        "instance": problem.name,
        "best_known": int(best),
        "gilmore_lawler": gap(gilmore_lawler(problem)),
        "projection": gap(projection(problem, levels=False)),
        "levelled": gap(projection(problem)),
        "quick": gap(quick),
        "quick_ms": round(quick_ms, 2),
        "tight": gap(tight),
        "tight_ms": round(tight_ms, 1),
        "method": (tight or quick).method,
    }


def main() -> None:
    """Measure, print, keep."""
    paths = sorted((Path(SHARED) / "qaplib").glob("*.dat"))
    bound(QAP.from_qaplib(paths[0]))
    report("qap_bounds", [row(QAP.from_qaplib(path)) for path in paths])


if __name__ == "__main__":
    main()
