"""What two moments of the log differ in: totals, ratings and ranks, clusters, solvers' attempts, A/B tests."""

from collections.abc import Mapping
from typing import Any

from mezan.api.views.leaderboard import rated
from mezan.projections.clusters import State as Groups
from mezan.projections.experiments import State as Tests
from mezan.projections.solver_stats import StatsState
from mezan.projections.throughput import Flow, percentile

Json = dict[str, Any]
READ = ("throughput", "elo", "clusters", "solver_stats", "experiments")
"""The projections that :func:`portrait` takes."""


def portrait(states: Mapping[str, Any]) -> Json:
    """The figures of one moment that :func:`changes` compares; a copy that later events do not change."""
    flow: Flow = states["throughput"]
    stats: StatsState = states["solver_stats"]
    groups: Groups = states["clusters"]
    tests: Tests = states["experiments"]
    attempts = [figures["attempts"] for figures in stats.solvers.values()]
    failures = [figures["failures"] + figures["timeouts"] for figures in stats.solvers.values()]
    return {
        "totals": {
            **flow.totals,
            "attempts": sum(attempts),
            "attempts failed": sum(failures),
            "median seconds": percentile(flow.latency, 0.5),
        },
        "ratings": {
            (row["family"], row["solver"]): {
                name: row[name] for name in ("rank", "rating", "error", "games", "outcomes")
            }
            for row in rated(states["elo"], {}, None, None)
        },
        "clusters": {
            family: {
                "instances": group.count,
                "fitted at": group.fitted,
                "clusters": len(group.fit.centres) if group.fit else 1,
            }
            for family, group in groups.items()
        },
        "tests": {
            name: {
                "status": test.stopped["reason"] if test.stopped else test.reached or "running",
                "outcomes": sum(arm.outcomes for arm in test.arms.values()),
                "p_value": test.test.p_value,
            }
            for name, test in tests.tests.items()
        },
    }


def changes(before: Json, after: Json) -> Json:
    """What differs between two portraits, each thing with its figures before and after (None: it was not there)."""
    totals = [
        {"name": name, "before": before["totals"][name], "after": value, "changed": value != before["totals"][name]}
        for name, value in after["totals"].items()
    ]
    ratings = [
        {"family": family, "solver": solver, **sides}
        for (family, solver), sides in _both(before["ratings"], after["ratings"])
    ]
    for row in ratings:
        old, new = row["before"], row["after"]
        row["moved"] = None if old is None or new is None else new["rating"] - old["rating"]
    ratings.sort(key=lambda row: (row["family"], -(row["after"] or row["before"])["rating"], row["solver"]))
    clusters = [{"family": family, **sides} for family, sides in _both(before["clusters"], after["clusters"])]
    tests = [{"experiment": name, **sides} for name, sides in _both(before["tests"], after["tests"])]
    return {"totals": totals, "ratings": ratings, "clusters": clusters, "tests": tests}


def _both(before: Mapping[Any, Json], after: Mapping[Any, Json]) -> list[tuple[Any, Json]]:
    names = sorted(after.keys() | before.keys())
    sides = [(name, {"before": before.get(name), "after": after.get(name)}) for name in names]
    return [(name, side) for name, side in sides if side["before"] != side["after"]]
