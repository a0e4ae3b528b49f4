"""The clusters of instances: how many, what tells them apart, and who is best there."""

from typing import Any

from mezan.projections.bradley_terry import State as Ladders
from mezan.projections.bradley_terry import strengths
from mezan.projections.clusters import Described, described
from mezan.projections.clusters import State as Groups
from mezan.projections.elo import EloState

from .families import check_family

Json = dict[str, Any]
STANDING_OUT = 3
"""Features named per cluster."""


def clusters(groups: Groups, elo: EloState, ladders: Ladders, family: str | None) -> list[Json]:
    """One object per cluster of a family's latest generation (of all families for None); raises BadInput for an unknown family."""
    if family is not None:
        check_family(family, groups)
    rows = []
    for name in sorted(groups):
        if family in {None, name}:
            for one in described(groups, name):
                compared = strengths(ladders, name, one.cluster).in_cluster
                rows.append(_cluster(name, one, elo, {s: x.rating for s, x in compared.items() if x.ranked}))
    return rows


def _cluster(family: str, one: Described, elo: EloState, rated: dict[str, float]) -> Json:
    records = elo.cluster_records(one.cluster)
    losses = {solver: record.mean_loss for solver, record in records.items() if record.mean_loss is not None}
    least = min(sorted(losses), key=lambda solver: losses[solver]) if losses else None
    best = max(sorted(rated), key=lambda solver: rated[solver]) if rated else None
    away = sorted(one.centre, key=lambda name: (-abs(one.scores[name]), name))[:STANDING_OUT]
    return {
        "family": family,
        "cluster": one.cluster,
        "instances": one.instances,
        "outcomes": sum(record.outcomes for record in records.values()),
        "best": None if best is None else {"solver": best, "rating": rated[best]},
        "least_mean_loss": None if least is None else {"solver": least, "mean_loss": losses[least]},
        "stands_out": [{"feature": name, "centre": one.centre[name], "z": one.scores[name]} for name in away],
        "centre": dict(one.centre),
    }
