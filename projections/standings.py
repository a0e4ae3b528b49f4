"""What a policy reads, put together from the ratings and the clusters."""

from collections.abc import Mapping
from typing import Any

from mezan.solvers.selection.standings import Record, Standings

from .bradley_terry import strengths
from .clusters import assign
from .examples import examples


def standings(
    states: Mapping[str, Any], family: str, features: Mapping[str, float], position: int, cluster: str | None = None
) -> Standings:
    """The standings of a family's solvers for one instance, from the states of ``elo``, ``clusters``, ``examples`` and ``bradley_terry`` as of ``position``.

    Pure: the engine calls it on live states to choose, verification on refolded ones to check. A solver without an
    outcome in the instance's cluster stands there at its global rating, which is where its first game will start.
    ``cluster`` asks as if the instance had fallen into another one.
    """
    elo = states["elo"]
    cluster = cluster or assign(states["clusters"], family, features)
    overall = {solver: Record(*kept) for solver, kept in elo.overall.get(family, {}).items()}
    local = {solver: Record(rating=record.rating) for solver, record in overall.items()}
    local |= elo.cluster_records(cluster)
    learnt, compared = examples(states["examples"], family), strengths(states["bradley_terry"], family, cluster)
    return Standings(family, position, cluster, overall, local, learnt, compared)
