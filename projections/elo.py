"""Elo ratings of solvers, per family and per cluster, from games that were really played.

Elo, "The Rating of Chessplayers, Past and Present" (1978): ``E = 1 / (1 + 10^((R_b - R_a) / 400))`` (eq. 1) and
``R' = R + K (S - E)`` (eq. 2).

A result meets, in this order of preference:

1. every other solver's latest result on the same instance under the same budget: the better objective wins, and values
   within a relative 1e-9 draw. With ``m`` such opponents each game has weight ``1 / m``, so that one result does not
   count as many;
2. the par opponent of its cluster, whose rating stays 1500: the score is ``1 - F(loss)``, ``F`` the mid-rank empirical
   distribution of the last 256 losses in the cluster. Without earlier losses there is no game at all. A loss says
   how hard the instance was as well as how good the solver is, so against par a solver that has played ``g`` games of
   the first kind moves ``1 / (1 + g)`` as far: otherwise the solver that is trusted with the hard instances would sink
   for it.

A failure or timeout has loss 1 and meets par, with all its weight; a transient failure that will be tried again is no
outcome. An attempt that started from a known result is not rated: a solver that was handed the answer has not earned it,
nor does it fail on even terms. It is counted as ``seeded``, so that policies know that the solver has been tried.

The two results of a race meet each other, once, and nobody else: each had a part of the time and was told what the other
found, so their losses are not their own, and they count as ``seeded`` too. What a pan found itself is what is compared,
so the one that found the final best wins. A pan whose rival broke has no game; the rival's failure is a failure.

An imported outcome counts like one that happened here.

``K = max(2, 960 / (30 + n))`` with ``n`` the outcomes and races of the solver in the same table: 32 at first, 7 after
100, and 2 from 450 on. A step in proportion to ``1 / n`` is an average (Robbins and Monro, Annals of Mathematical
Statistics 22, 1951), so late ratings depend little on the order of events, and the floor lets them follow a change. With
the first outcome of a version that was not seen before ``n`` falls to 30, where it is greater: the rating stays, and
moves up to eight times as far again. The last eight versions of a solver are remembered.

A solver enters a cluster with its global rating of that moment, which is how a new generation of clusters starts.
Ratings move on a grid of 2^-20, which keeps a last-bit difference between two libraries' ``pow`` from spreading.
"""

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from dataclasses import dataclass, field
from math import floor
from typing import Any

from mezan.engine.log import Recorded
from mezan.solvers.gaps import equal
from mezan.solvers.selection.standings import START_RATING, Record

from .canonical import dumps, loads
from .outcomes import ENDS, solved

PAR_RATING = START_RATING
WINDOW = 256
MATCHES = 4096
GRID = 2.0**20
VERSIONS = 8
KNOWN = 30
"""Outcomes that a solver keeps for ``n`` when its version changes."""

RATING, GAMES, WINS, DRAWS, OUTCOMES, LOSS, SQUARES, FAILURES, SEEDED, MET, SETTLED = range(11)
"""Where a record keeps what; the order of the fields of :class:`Record`."""

Records = dict[str, list[Any]]
MatchKey = tuple[str, str, float, int | None, float | None, float | None]
"""Family, instance, time limit, iteration limit, target, gap."""


@dataclass(slots=True)
class Pool:
    """One cluster: its solvers' records, and the last losses in order of arrival and sorted."""

    records: Records = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    ordered: list[float] = field(default_factory=list)

    def par_score(self, loss: float) -> float:
        """``1 - F(loss)`` with mid-ranks over the window, which must not be empty."""
        below = bisect_left(self.ordered, loss)
        upto = bisect_right(self.ordered, loss, below)
        return 1.0 - (below + upto) / (2 * len(self.ordered))

    def remember(self, loss: float) -> None:
        """Add a loss and forget the oldest beyond the window."""
        self.losses.append(loss)
        insort(self.ordered, loss)
        if len(self.losses) > WINDOW:
            del self.ordered[bisect_left(self.ordered, self.losses.pop(0))]


@dataclass(slots=True)
class EloState:
    """Records per family and per cluster, the latest objective of each solver per instance and budget, and its versions."""

    overall: dict[str, Records] = field(default_factory=dict)
    clusters: dict[str, Pool] = field(default_factory=dict)
    matches: OrderedDict[MatchKey, dict[str, float]] = field(default_factory=OrderedDict)
    versions: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def record(self, family: str, solver: str) -> Record | None:
        """A solver's record over all clusters; None before its first outcome."""
        kept = self.overall.get(family, {}).get(solver)
        return None if kept is None else Record(*kept)

    def cluster_records(self, cluster: str) -> dict[str, Record]:
        """The records of every solver with an outcome in a cluster."""
        pool = self.clusters.get(cluster)
        return {} if pool is None else {solver: Record(*kept) for solver, kept in pool.records.items()}


def new_record(rating: float = START_RATING) -> list[Any]:
    """A record before the first game, in the order of the fields of :class:`Record`."""
    return [rating, 0, 0, 0, 0, 0.0, 0.0, 0, 0, 0, 0]


def k_factor(settled: int) -> float:
    """How far a rating moves, after so many outcomes."""
    return max(2.0, 960.0 / (30.0 + settled))


def _move(record: list[Any], surprise: float) -> None:
    record[RATING] = floor((record[RATING] + k_factor(record[SETTLED]) * surprise) * GRID + 0.5) / GRID  # eq. 2


class Elo:
    """See the module."""

    name = "elo"
    version = 5
    handles = ENDS

    def initial(self) -> EloState:
        """No games."""
        return EloState()

    def apply(self, state: EloState, event: Recorded) -> EloState:
        """One outcome."""
        data = event.data
        succeeded = solved(event)
        if not succeeded and data.get("transient") and data["retry_in"] is not None:
            return state
        solver: str = data["solver"]
        table = state.overall.get(data["family"])
        if table is None:
            table = state.overall[data["family"]] = {}
        pool = state.clusters.get(data["cluster"])
        if pool is None:
            pool = state.clusters[data["cluster"]] = Pool()
        own = table.get(solver)
        if own is None:
            own = table[solver] = new_record()
        _note_version(state, data["family"], solver, data["version"])
        local = pool.records.get(solver) or _enter(pool.records, solver, own)
        if data.get("seeded_from") is not None:
            own[SEEDED] += 1
            local[SEEDED] += 1
            return state
        if (rival := data.get("rival")) is not None:
            own[SEEDED] += 1
            local[SEEDED] += 1
            _race(table, pool.records, own, local, data, rival)
            return state
        loss = float(data["loss"]) if succeeded else 1.0
        rivals = _meet(state, data, solver) if succeeded and data["objective"] is not None else None
        if rivals:
            _play_rivals(table, pool.records, own, local, data["objective"], data["sense"], rivals)
        elif pool.ordered:
            score = pool.par_score(loss)
            weight = 1.0 / (1.0 + own[MET]) if succeeded else 1.0
            _play_par(own, score, weight)
            _play_par(local, score, weight)
        square = loss * loss
        own[OUTCOMES] += 1
        own[LOSS] += loss
        own[SQUARES] += square
        local[OUTCOMES] += 1
        local[LOSS] += loss
        local[SQUARES] += square
        own[SETTLED] += 1
        local[SETTLED] += 1
        if not succeeded:
            own[FAILURES] += 1
            local[FAILURES] += 1
        pool.remember(loss)
        return state

    def dump(self, state: EloState) -> bytes:
        """See :class:`Projection`."""
        return dumps(packed(state))

    def load(self, content: bytes) -> EloState:
        """See :class:`Projection`."""
        return unpacked(loads(content))


def packed(state: EloState) -> dict[str, Any]:
    """As JSON values; matches are a list, for their order decides which is forgotten first."""
    return {
        "overall": state.overall,
        "clusters": {name: [pool.records, pool.losses] for name, pool in state.clusters.items()},
        "matches": [[key, results] for key, results in state.matches.items()],
        "versions": state.versions,
    }


def unpacked(kept: dict[str, Any]) -> EloState:
    """The inverse of :func:`packed`."""
    return EloState(
        kept["overall"],
        {name: Pool(records, losses, sorted(losses)) for name, (records, losses) in kept["clusters"].items()},
        OrderedDict((tuple(key), results) for key, results in kept["matches"]),
        kept["versions"],
    )


def _play_par(record: list[Any], score: float, weight: float) -> None:
    surprise = score - 1.0 / (1.0 + 10.0 ** ((PAR_RATING - record[RATING]) / 400.0))  # eq. 1
    _move(record, weight * surprise)
    record[GAMES] += 1
    if score > 0.5:
        record[WINS] += 1
    elif score == 0.5:
        record[DRAWS] += 1


def _note_version(state: EloState, family: str, solver: str, version: str) -> None:
    """With a version that was not seen before, the solver's ratings become less certain everywhere."""
    solvers = state.versions.get(family)
    if solvers is None:
        solvers = state.versions[family] = {}
    seen = solvers.get(solver)
    if seen is None:
        solvers[solver] = [version]
        return
    if version in seen:
        return
    seen.append(version)
    del seen[:-VERSIONS]
    tables = [pool.records for cluster, pool in state.clusters.items() if cluster.startswith(f"{family}/")]
    for table in (state.overall[family], *tables):
        if (record := table.get(solver)) is not None:
            record[SETTLED] = min(record[SETTLED], KNOWN)


def _enter(records: Records, solver: str, own: list[Any]) -> list[Any]:
    local = records.get(solver)
    if local is None:
        local = records[solver] = new_record(own[RATING])
    return local


def match_key(data: dict[str, Any]) -> MatchKey:
    """The instance and budget of an outcome: what its opponents must share."""
    budget = data["budget"]
    return (
        data["family"],
        data["instance"],
        budget["time_limit"],
        budget["iterations"],
        budget["target"],
        budget["gap"],
    )


def _meet(state: EloState, data: dict[str, Any], solver: str) -> dict[str, float]:
    """The other solvers' latest results on this instance and budget; enters this one for those to come."""
    key = match_key(data)
    results = state.matches.get(key)
    if results is None:
        state.matches[key] = {solver: data["objective"]}
        if len(state.matches) > MATCHES:
            state.matches.popitem(last=False)
        return {}
    rivals = {name: objective for name, objective in results.items() if name != solver}
    results[solver] = data["objective"]
    return rivals


def _race(
    table: Records, records: Records, own: list[Any], local: list[Any], data: dict[str, Any], rival: dict[str, Any]
) -> None:
    """The game of a race, from the one event of the two whose solver comes first: each of them knows both results."""
    other: str = rival["solver"]
    if rival["objective"] is None or data["solver"] > other:
        return
    if other not in table:
        table[other] = new_record()
    _play_rivals(table, records, own, local, data["objective"], data["sense"], {other: rival["objective"]})
    for record in (own, local, table[other], records[other]):
        record[SETTLED] += 1


def _play_rivals(
    table: Records,
    records: Records,
    own: list[Any],
    local: list[Any],
    objective: float,
    sense: str,
    rivals: dict[str, float],
) -> None:
    """All games of one result, from the ratings before it, so that the order of opponents does not matter."""
    weight = 1.0 / len(rivals)
    rating, local_rating = own[RATING], local[RATING]
    gained = local_gained = 0.0
    wins = draws = 0
    for name in sorted(rivals) if len(rivals) > 1 else rivals:
        other = rivals[name]
        ahead = other - objective if sense == "min" else objective - other
        score = 0.5 if equal(objective, other) else float(ahead > 0)
        wins += score == 1.0
        draws += score == 0.5
        rival = table[name]
        rival_local = _enter(records, name, rival)
        gained += _answer(rival, rating, score, weight)
        local_gained += _answer(rival_local, local_rating, score, weight)
    for record, surprise in ((own, gained), (local, local_gained)):
        record[GAMES] += len(rivals)
        record[MET] += len(rivals)
        record[WINS] += wins
        record[DRAWS] += draws
        _move(record, weight * surprise)


def _answer(rival: list[Any], rating: float, score: float, weight: float) -> float:
    """Move and count a rival that was met with ``score`` by a solver of that rating; returns that solver's surprise."""
    before = rival[RATING]
    surprise: float = score - 1.0 / (1.0 + 10.0 ** ((before - rating) / 400.0))
    rival[RATING] = floor((before - weight * k_factor(rival[SETTLED]) * surprise) * GRID + 0.5) / GRID
    rival[GAMES] += 1
    rival[MET] += 1
    if score < 0.5:
        rival[WINS] += 1
    elif score == 0.5:
        rival[DRAWS] += 1
    return surprise
