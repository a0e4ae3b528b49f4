"""Overview: how much, how well, how fast; what waits and what runs; the latest decisions."""

from collections.abc import Mapping
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.projections.run_counts import run_counts
from mezan.projections.throughput import MINUTE, percentile

from ..view import View

PATH, TITLE, TEMPLATE = "/ui", "Overview", "overview.html"
NEEDS = Scope.RUNS_READ
LATEST = 12
RUNNING = 12


async def context(view: View) -> Mapping[str, Any]:
    """Figures, the last hour by minute, work under way, latest decisions."""
    moment = view.moment
    states = await moment.states("throughput", "under_way", "run_counts")
    flow, work = states["throughput"], states["under_way"]
    totals = dict(flow.totals)
    ended = totals["completed"] + totals["failed"]
    minutes = range(flow.current - 59, flow.current + 1) if flow.minutes else range(0)
    counts = [flow.minutes.get(minute, {}) for minute in minutes]
    latency = {q: percentile(flow.latency, q / 100) for q in (50, 90, 99)}
    running = [
        {"run": key.partition("/")[0], "task": key.split("/")[1], **about}
        for key, about in list(work.running.items())[-RUNNING:]
    ]
    devices: dict[str, int] = {}
    for about in work.running.values():
        devices[about["device"]] = devices.get(about["device"], 0) + 1
    waiting, under_way = run_counts(states["run_counts"]).get("requested", 0), len(work.running)
    decisions = await moment.rows("decisions", limit=LATEST)
    return {
        "totals": totals,
        "success": totals["completed"] / ended if ended else None,
        "latency": latency,
        "waiting": waiting,
        "under_way": under_way,
        "devices": devices,
        "running": running,
        "decisions": [row.data for row in decisions],
        "plot": {
            "x": [minute * MINUTE // 1_000_000 for minute in minutes],
            "time": True,
            "x_label": "minute (UTC)",
            "y_label": "per minute",
            "series": [
                {
                    "label": "runs requested",
                    "values": [c.get("requested", 0) for c in counts],
                    "paint": "c4",
                    "bars": True,
                },
                {"label": "runs completed", "values": [c.get("completed", 0) for c in counts], "paint": "c2"},
                {"label": "runs failed", "values": [c.get("failed", 0) for c in counts], "paint": "c5"},
            ],
        },
        "minutes": [
            {
                "at": minute * MINUTE,
                **{k: c.get(k, 0) for k in ("requested", "completed", "failed", "cancelled", "events")},
            }
            for minute, c in zip(minutes, counts, strict=True)
            if c
        ],
    }
