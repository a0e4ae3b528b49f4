"""What a benchmark says, as plain values: a row per solver, the tests, the profiles."""

from typing import Any

import numpy as np

from mezan.engine.grids import Benchmark

from .measures import Measures
from .paired import pairwise
from .profiles import TARGETS, data_profile, quality_profile, runtime_ecdf, time_profile
from .ranks import cliques, friedman, ranks_of

Json = dict[str, Any]


def report(benchmark: Benchmark, *, target: float = 0.0, alpha: float = 0.05) -> Json:
    """Everything as one document; ``target`` is the gap in percent that counts as solved.

    ``benchmark`` in it is the whole of what was measured: what `bench compare --baseline` reads.
    """
    measures = Measures(benchmark, target)
    return {
        "name": benchmark.name,
        "family": benchmark.opened.family,
        "closed": benchmark.closed is not None,
        "cells": benchmark.counts,
        "target": target,
        "solvers": rows(measures),
        "instances": instances(measures),
        "tests": tests(measures, alpha),
        "profiles": {
            "quality": _curves(quality_profile(measures)),
            "time": _curves(time_profile(measures)),
            "ecdf": {"targets": list(TARGETS), "curves": _curves(runtime_ecdf(measures))},
            "data": _curves(data_profile(measures)),
        },
        "benchmark": benchmark.model_dump(mode="json"),
    }


def rows(measures: Measures) -> list[Json]:
    """One row per solver, the best mean rank first; those that refused an instance have no rank and stand last.

    Gaps are of the cells with a result, in percent. ``wins`` counts problems on which nobody was better. Times are in seconds
    without compilation.
    """
    kept, columns = measures.ranked
    over = measures.by_instance[np.ix_(kept, columns)]
    ranks = dict(zip(kept, ranks_of(over).mean(axis=1).tolist(), strict=True)) if columns else {}
    gaps = np.round(measures.gaps, 7)
    least = np.where(np.isnan(gaps), np.inf, gaps).min(axis=0, initial=np.inf)
    made = []
    for i, entry in enumerate(measures.benchmark.opened.solvers):
        cells = [measures.cell(i, j) for j in range(len(measures.problems))]
        statuses = [cell.status for cell in cells]
        found = gaps[i][np.isfinite(gaps[i])]
        ran = ~np.isnan(gaps[i])
        made.append(
            {
                "solver": entry.solver,
                "version": entry.version,
                "cells": int(ran.sum()),
                "solved": int(np.isfinite(measures.times[i]).sum()),
                "best": int((gaps[i] == 0).sum()),
                "mean_gap": _mean(found),
                "median_gap": float(np.median(found)) if len(found) else None,
                "par10": _mean(measures.par10[i][ran]),
                "mean_rank": ranks.get(i),
                "wins": int((np.isfinite(gaps[i]) & (gaps[i] <= least)).sum()),
                "failures": statuses.count("failed"),
                "timeouts": statuses.count("timeout"),
                "refused": statuses.count("refused"),
                "seconds": _mean(measures.seconds[i][ran]),
            }
        )
    return sorted(made, key=lambda row: (row["mean_rank"] is None, row["mean_rank"] or 0.0))


def instances(measures: Measures) -> list[Json]:
    """One row per instance: its reference and every solver's mean gap, None where it has none."""
    table = measures.by_instance
    return [
        {
            "instance": each.label or each.instance[:12],
            "digest": each.instance,
            "size": each.size,
            "best_known": each.best_known,
            "reference": measures.references[each.instance],
            "gaps": {s: _finite(table[i, j]) for i, s in enumerate(measures.solvers)},
        }
        for j, each in enumerate(measures.benchmark.opened.instances)
    ]


def tests(measures: Measures, alpha: float) -> Json:
    """Friedman's test with the critical difference, and every two solvers by Wilcoxon's, over the ranked part of the grid."""
    kept, columns = measures.ranked
    names = [measures.solvers[i] for i in kept]
    values = measures.by_instance[np.ix_(kept, columns)]
    found = friedman(values, alpha)
    return {
        "solvers": names,
        "left_out": [solver for solver in measures.solvers if solver not in names],
        "instances": len(columns),
        "alpha": alpha,
        "friedman": None
        if found is None
        else {
            "chi2": found.chi2,
            "p": found.p,
            "f": _finite(found.f),
            "f_p": found.f_p,
            "mean_ranks": dict(zip(names, found.mean_ranks.tolist(), strict=True)),
            "critical_difference": found.critical_difference,
            "groups": [[names[i] for i in group] for group in cliques(found.mean_ranks, found.critical_difference)],
        },
        "wilcoxon": [
            {
                "first": names[pair.first],
                "second": names[pair.second],
                "wins": pair.wins,
                "losses": pair.losses,
                "median_difference": pair.difference,
                "p": pair.p,
                "holm": pair.adjusted,
                "effect": pair.effect,
            }
            for pair in pairwise(values)
        ],
    }


def _curves(curves: Any) -> list[Json]:
    return [{"solver": curve.solver, "x": curve.x, "y": curve.y} for curve in curves]


def _mean(values: Any) -> float | None:
    return float(values.mean()) if len(values) else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
