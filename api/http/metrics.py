"""Read models in Prometheus' terms: a collector over their states, in no registry. Labels are few whatever the log holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import fsum
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from mezan.engine.errors import ProjectionBroken
from mezan.engine.follower import ProjectionStatus
from mezan.projections.run_counts import Counts, run_counts
from mezan.projections.solver_stats import StatsState
from mezan.projections.throughput import STEPS, Flow, Histogram, middle
from mezan.projections.under_way import Work

FIRST, LAST = -10, 12
"""Powers of two, in seconds, that the histogram's buckets end at: 1 ms to 68 min."""
SOLVERS = 100
"""Solvers that have labels of their own, those with the most attempts; the others are added up."""
DEVICES = 32
WIDEST = 80
OTHER = "other"
ENDED = ("completed", "failed", "cancelled")
OUTCOMES = {"successes": "succeeded", "failures": "failed", "timeouts": "timed_out"}
READ = ("throughput", "solver_stats", "run_counts", "under_way")
"""The read models that are looked at."""


class Collector:
    """The metrics as of one position.

    Args:
        states: values of the projections in `READ`; one that broke may raise ProjectionBroken and is left out.
        position: what they are the fold of.
        head: the end of the log; None for a moment of the past.
        follower: how each projection is doing; likewise.
        save_failed: whether read models cannot be saved now.
    """

    def __init__(
        self,
        states: Mapping[str, Any],
        position: int,
        *,
        head: int | None = None,
        follower: Sequence[ProjectionStatus] | None = None,
        save_failed: bool = False,
    ) -> None:
        self._states, self._position = states, position
        self._head, self._follower, self._save_failed = head, follower, save_failed

    def collect(self) -> Iterator[Metric]:
        """Every metric, in the same order each time."""
        yield GaugeMetricFamily("mezan_log_position", "The log position that these figures are the fold of", self._position)  # fmt: skip
        yield from self._of("throughput", _flow)
        yield from self._of("solver_stats", _solvers)
        yield from self._of("run_counts", _waiting)
        yield from self._of("under_way", _work)
        if self._follower is not None and self._head is not None:
            yield from _projections(self._follower, self._head)
            yield GaugeMetricFamily("mezan_log_head", "The last position of the log", self._head)
            yield GaugeMetricFamily("mezan_save_failed", "1 while read models cannot be saved; nothing is lost", int(self._save_failed))  # fmt: skip

    def _of(self, name: str, metrics: Callable[[Any], Iterator[Metric]]) -> Iterator[Metric]:
        try:
            state = self._states[name]
        except ProjectionBroken:
            return  # mezan_projection_broken says so
        yield from metrics(state)


def _flow(flow: Flow) -> Iterator[Metric]:
    yield CounterMetricFamily("mezan_events", "Events in the log", flow.totals["events"])
    yield CounterMetricFamily("mezan_runs_requested", "Runs that were asked for", flow.totals["requested"])
    ended = CounterMetricFamily("mezan_runs_ended", "Runs that ended, by how", labels=["status"])
    for status in ENDED:
        ended.add_metric([status], flow.totals[status])
    yield ended
    seconds = HistogramMetricFamily(
        "mezan_run_seconds", "Seconds from request to end of completed and failed runs; the sum is within 2 percent"
    )
    seconds.add_metric([], _buckets(flow.latency), fsum(middle(i) * n for i, n in sorted(flow.latency.items())))
    yield seconds


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulated counts. A duration of exactly a power of two is counted one bucket higher."""
    found: list[tuple[str, float]] = []
    for power in range(FIRST, LAST + 1):
        below = sum(count for index, count in histogram.items() if index // STEPS <= power)
        found.append((str(2.0**power), below))
    return [*found, ("+Inf", sum(histogram.values()))]


def _solvers(stats: StatsState) -> Iterator[Metric]:
    by_solver: dict[tuple[str, str], dict[str, float]] = {}
    for figures in stats.solvers.values():
        key = ((figures["family"] or "")[:WIDEST], figures["solver"][:WIDEST])
        _add(by_solver.setdefault(key, {}), figures)
    ranked = sorted(by_solver, key=lambda key: (-by_solver[key]["attempts"], key))
    for key in ranked[SOLVERS:]:
        _add(by_solver.setdefault((OTHER, OTHER), {}), by_solver.pop(key))
    started = CounterMetricFamily("mezan_attempts_started", "Attempts that began", labels=["family", "solver"])
    outcomes = CounterMetricFamily("mezan_attempts_ended", "Attempts that ended, by how; those handed a known result are left out", labels=["family", "solver", "outcome"])  # fmt: skip
    seconds = CounterMetricFamily("mezan_attempt_seconds", "Seconds that ended attempts took", labels=["family", "solver"])  # fmt: skip
    proofs = CounterMetricFamily("mezan_proofs", "Results proved optimal", labels=["family", "solver"])
    for (family, solver), figures in sorted(by_solver.items()):
        started.add_metric([family, solver], figures["attempts"])
        for name, outcome in OUTCOMES.items():
            outcomes.add_metric([family, solver, outcome], figures[name])
        seconds.add_metric([family, solver], figures["seconds"])
        proofs.add_metric([family, solver], figures["proofs"])
    yield from (started, outcomes, seconds, proofs)


def _add(total: dict[str, float], figures: Mapping[str, Any]) -> None:
    for name in ("attempts", *OUTCOMES, "seconds", "proofs"):
        total[name] = total.get(name, 0) + figures[name]


def _waiting(counts: Counts) -> Iterator[Metric]:
    waiting = run_counts(counts).get("requested", 0)
    yield GaugeMetricFamily("mezan_runs_waiting", "Runs that no attempt has begun for", waiting)


def _work(work: Work) -> Iterator[Metric]:
    counts: dict[str, int] = {}
    for about in work.running.values():
        device = about["device"][:WIDEST]
        device = device if device in counts or len(counts) < DEVICES else OTHER
        counts[device] = counts.get(device, 0) + 1
    running = GaugeMetricFamily("mezan_attempts_running", "Attempts under way, by device", labels=["device"])
    for device, count in sorted(counts.items()):
        running.add_metric([device], count)
    yield running


def _projections(statuses: Sequence[ProjectionStatus], head: int) -> Iterator[Metric]:
    lag = GaugeMetricFamily("mezan_projection_lag", "Events that a read model has not folded yet", labels=["projection"])  # fmt: skip
    broken = GaugeMetricFamily("mezan_projection_broken", "1 for a read model whose fold failed", labels=["projection"])
    for status in sorted(statuses, key=lambda status: status.name):
        lag.add_metric([status.name], max(0, head - status.position))
        broken.add_metric([status.name], int(status.error is not None))
    yield from (lag, broken)
