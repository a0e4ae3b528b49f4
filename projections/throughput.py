"""How much the engine does and how long runs take: rates over the last hour, latency percentiles, success rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import frexp

from mezan.engine.log import Recorded
from mezan.engine.upcast import TYPES

from .canonical import dumps, loads

MINUTE = 60_000_000
"""Microseconds."""
MINUTES = 60
STEPS = 16
"""Buckets per doubling: a percentile is within about 3 % of the true one."""
ENDS = {"RunCompleted": "completed", "RunFailed": "failed", "RunCancelled": "cancelled"}
RUNS = {"RunRequested": "requested", **ENDS}

Histogram = dict[int, int]
"""Bucket to count. Histograms of several logs merge by adding counts."""


def bucket(seconds: float) -> int:
    """The bucket of a duration: logarithmic, linear between powers of two (exact arithmetic)."""
    mantissa, exponent = frexp(max(seconds, 1e-6))
    return exponent * STEPS + int((mantissa - 0.5) * 2 * STEPS)


def middle(index: int) -> float:
    """The duration in the middle of a bucket, in seconds."""
    exponent, step = divmod(index, STEPS)
    return float((0.5 + (step + 0.5) / (2 * STEPS)) * 2.0**exponent)


def merge(a: Mapping[int, int], b: Mapping[int, int]) -> Histogram:
    """The histogram of both."""
    return {index: a.get(index, 0) + b.get(index, 0) for index in a.keys() | b.keys()}


def percentile(histogram: Mapping[int, int], q: float) -> float | None:
    """The duration below which a share ``q`` of all lies, by nearest rank; None when there is none."""
    total = sum(histogram.values())
    rank = max(1.0, q * total)
    seen = 0
    for index in sorted(histogram):
        seen += histogram[index]
        if seen >= rank:
            return middle(index)
    return None


@dataclass(slots=True)
class Flow:
    """Totals, the latency histogram of ended runs, and per minute (since the epoch) the counts of the last hour."""

    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(["events", *RUNS.values()], 0))
    latency: Histogram = field(default_factory=dict)
    minutes: dict[int, dict[str, int]] = field(default_factory=dict)
    current: int = -1
    now: dict[str, int] = field(default_factory=dict, compare=False)
    """The counts of the current minute."""


class Throughput:
    """Runs and events per minute, latencies of completed and failed runs, and outcomes. See :func:`summary`."""

    name = "throughput"
    version = 1
    handles = frozenset(TYPES)

    def initial(self) -> Flow:
        """Nothing yet."""
        return Flow()

    def apply(self, state: Flow, event: Recorded) -> Flow:
        """One event of any type."""
        minute = event.recorded_at // MINUTE
        if minute != state.current:
            state.current = minute
            state.now = state.minutes.setdefault(minute, {"events": 0})
            for old in [kept for kept in state.minutes if kept <= minute - MINUTES]:
                del state.minutes[old]
        state.now["events"] += 1
        state.totals["events"] += 1
        if (kind := RUNS.get(event.type)) is not None:
            _count(state, kind, event)
        return state

    def dump(self, state: Flow) -> bytes:
        """See :class:`Projection`."""
        return dumps(
            {
                "totals": state.totals,
                "latency": sorted(state.latency.items()),
                "minutes": sorted(state.minutes.items()),
                "current": state.current,
            }
        )

    def load(self, content: bytes) -> Flow:
        """See :class:`Projection`."""
        kept = loads(content)
        minutes = dict(kept["minutes"])
        totals = Flow().totals | kept["totals"]  # in the order of figures that were folded here
        return Flow(totals, dict(kept["latency"]), minutes, kept["current"], minutes.get(kept["current"], {}))


def _count(state: Flow, kind: str, event: Recorded) -> None:
    state.now[kind] = state.now.get(kind, 0) + 1
    state.totals[kind] += 1
    if kind in {"completed", "failed"}:
        index = bucket(event.data["seconds"])
        state.latency[index] = state.latency.get(index, 0) + 1


def summary(state: Flow, now: int, minutes: int = 5) -> dict[str, float | int | None]:
    """Figures as of ``now`` (microseconds since the epoch): rates over the last whole ``minutes``, percentiles over all."""
    last = now // MINUTE
    window = [counts for minute, counts in state.minutes.items() if last - minutes <= minute < last]
    ended = state.totals["completed"] + state.totals["failed"]
    return {
        **state.totals,
        "events_per_minute": sum(counts["events"] for counts in window) / minutes,
        "runs_per_minute": sum(counts.get("requested", 0) for counts in window) / minutes,
        "success_rate": state.totals["completed"] / ended if ended else None,
        "p50": percentile(state.latency, 0.50),
        "p95": percentile(state.latency, 0.95),
        "p99": percentile(state.latency, 0.99),
    }
