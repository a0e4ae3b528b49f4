"""Which games an outcome makes in the Elo ratings, and how they move one solver: what stands behind a point of its course."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mezan.engine.log import Recorded
from mezan.solvers.gaps import equal

from .elo import GAMES, RATING, Elo, EloState, match_key, new_record
from .outcomes import loss_of, solved


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody met in a game: ``solver`` None is the cluster's par; ``score`` 1, 0.5 or 0, against par anything between."""

    solver: str | None
    objective: float | None
    score: float


@dataclass(frozen=True, slots=True)
class Games:
    """The games of one outcome as one solver saw them.

    Attributes:
        event: the outcome.
        own: whether the outcome is this solver's; else it was met by another's.
        objective: this solver's; None for a failure.
        met: its opponents.
        before: its rating (overall, or in the cluster asked for) before the event.
        after: and after it.
    """

    event: Recorded
    own: bool
    objective: float | None
    met: tuple[Met, ...]
    before: float
    after: float


def opponents(state: EloState, event: Recorded) -> Mapping[str, float]:
    """The other solvers that this outcome will meet, each with its objective; none for a failure, and none for one that is not rated."""
    data = event.data
    if (rival := data.get("rival")) is not None:
        taken = rival["objective"] is not None and data["solver"] < rival["solver"]
        return {rival["solver"]: rival["objective"]} if taken else {}
    if not solved(event) or data["objective"] is None or data.get("seeded_from") is not None:
        return {}
    results = state.matches.get(match_key(data))
    if not results:
        return {}
    return {name: objective for name, objective in results.items() if name != data["solver"]}


def games_of(
    elo: Elo, state: EloState, event: Recorded, family: str, solver: str, cluster: str | None = None
) -> Games | None:
    """Fold one outcome into ``state``, and say how it moved a solver; None when it did not."""
    data = event.data
    if data["family"] != family or (cluster is not None and data["cluster"] != cluster):
        elo.apply(state, event)
        return None
    met = opponents(state, event)
    if data["solver"] != solver and solver not in met:
        elo.apply(state, event)
        return None
    was = _record(state, family, solver, cluster) or _entering(state, family, solver)
    pool = state.clusters.get(data["cluster"])
    par = pool.par_score(loss_of(event)) if pool is not None and pool.ordered else None
    elo.apply(state, event)
    now = _record(state, family, solver, cluster)
    if now is None or now[GAMES] == was[GAMES]:
        return None
    return _seen(event, solver, met, par, (was[RATING], now[RATING]))


def _record(state: EloState, family: str, solver: str, cluster: str | None) -> list[Any] | None:
    """A copy of what is kept of a solver."""
    if cluster is None:
        kept = state.overall.get(family, {}).get(solver)
    else:
        pool = state.clusters.get(cluster)
        kept = pool.records.get(solver) if pool is not None else None
    return None if kept is None else list(kept)


def _entering(state: EloState, family: str, solver: str) -> list[Any]:
    """What a solver enters a table with."""
    own = _record(state, family, solver, None)
    return new_record() if own is None else new_record(own[RATING])


def _seen(
    event: Recorded, solver: str, met: Mapping[str, float], par: float | None, moved: tuple[float, float]
) -> Games:
    data = event.data
    before, after = moved
    if not solved(event):
        return Games(event, own=True, objective=None, met=(Met(None, None, par or 0.0),), before=before, after=after)
    objective: float = data["objective"]
    if data["solver"] != solver:
        score = _score(met[solver], objective, data["sense"])
        theirs = Met(data["solver"], objective, score)
        return Games(event, own=False, objective=met[solver], met=(theirs,), before=before, after=after)
    found = [Met(name, met[name], _score(objective, met[name], data["sense"])) for name in sorted(met)]
    opposed = tuple(found) or (Met(None, None, par or 0.0),)
    return Games(event, own=True, objective=objective, met=opposed, before=before, after=after)


def _score(own: float, other: float, sense: str) -> float:
    if equal(own, other):
        return 0.5
    return float(own < other if sense == "min" else own > other)
