"""What a policy reads, put together from the ratings and the clusters."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn

from mezan.solvers.errors import SolverFailed
from mezan.solvers.selection.models.comparisons import Strength, Strengths
from mezan.solvers.selection.standings import Record, Standings

from .bradley_terry import strengths
from .clusters import assign
from .examples import examples


def standings(
    states: Mapping[str, Any],
    family: str,
    features: Mapping[str, float],
    position: int,
    cluster: str | None = None,
    *,
    compared: bool = True,
) -> Standings:
    """The standings of a family's solvers for one instance, from the states of ``elo``, ``clusters``, ``examples`` and ``bradley_terry`` as of ``position``.

    Pure: the engine calls it on live states to choose, verification on refolded ones to check. A solver without an
    outcome in the instance's cluster stands there at its global rating, which is where its first game will start.
    ``cluster`` asks as if the instance had fallen into another one. Without ``compared`` the strengths are not prepared.
    """
    elo = states["elo"]
    cluster = cluster or assign(states["clusters"], family, features)
    overall = {solver: Record(*kept) for solver, kept in elo.overall.get(family, {}).items()}
    here = elo.cluster_records(cluster)
    local = {solver: here.get(solver) or Record(record.rating) for solver, record in overall.items()}
    learnt = examples(states["examples"], family)
    played = strengths(states["bradley_terry"], family, cluster) if compared else UNPREPARED
    return Standings(family, position, cluster, overall, local, learnt, played)


class _Unprepared(Strengths):
    """In the place of strengths that nobody said would be read: reading them is an error, not a choice on nothing."""

    @cached_property
    def overall(self) -> dict[str, Strength]:
        return _refuse()

    @cached_property
    def in_cluster(self) -> dict[str, Strength]:
        return _refuse()


UNPREPARED = _Unprepared()


def _refuse() -> NoReturn:
    msg = "a policy that reads standings.strengths must say so with an attribute compares = True; this one does not"
    raise SolverFailed(msg)
