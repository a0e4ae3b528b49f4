"""Paired comparisons of solvers per family and per cluster, counted so that the order of events does not matter.

A match is one instance under one budget, with the results of everyone that it was given to, at whatever time: the better
objective wins, values within a relative 1e-9 draw, a failure or timeout loses against a result and draws against another.
Every result of one solver meets every result of another, and together they are one game, however many they are: an instance
is asked once. With ``k`` solvers in a match each of its games weighs ``3 / (k + 1)``, for ``k (k - 1) / 2`` games of the same
``k`` results are not independent: so weighted, their information about a solver is that of its rank among ``k``, whose variance is
``(k^2 - 1) / 12`` (Friedman, JASA 32, 1937). A match counts in every cluster that one of its results names.

A race is a match of its own between its pans; of its two events the one whose solver comes first is taken. As in the Elo
ratings, a search that was handed a result and a failure that will be tried again are no results. Imported outcomes
count like those of here.

Kept per family are the 8,192 matches with the smallest keys, a hash of instance and budget, and of each solver in a
match the eight results with the smallest digests: bottom-k samples (Cohen and Kelley, "Bottom-k Sketches", SPAA 2007), which
are the same whatever the order in which their elements came, however many were left out. All sums are of integers. So the
state depends on the set of events alone, and its ratings (see `mezan.solvers.selection.comparisons`) do too.
"""

import math
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heapify, heappush, heappushpop
from typing import Any

from mezan.engine.log import Recorded
from mezan.solvers.gaps import TIE
from mezan.solvers.selection.comparisons import GAME, NO_STRENGTHS, Counts, Strengths

from .canonical import dumps, loads
from .examples import rated
from .outcomes import ENDS, solved

MATCHES = 8192
RESULTS = 8
DIRTY = 64
"""Matches whose games are counted again at a time."""

Result = list[Any]
"""A digest and an objective to be minimised: infinite for a failure."""
Game = tuple[str, str, int, int]
"""Two solvers in order of name, the weight of their game, and the first one's score."""


@dataclass(slots=True)
class Match:
    """Results by solver, each list sorted; the clusters that they name, sorted; whether results of one digest are a race."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    clusters: list[str] = field(default_factory=list)
    race: bool = False

    def add(self, solver: str, digest: str, value: float) -> None:
        """Take one more result, unless there are enough with smaller digests."""
        results = self.results.get(solver)
        if results is None:
            self.results[solver] = [[digest, value]]
        else:
            insort(results, [digest, value])
            del results[RESULTS:]

    def games(self) -> Iterator[Game]:
        """One game for each pair of solvers."""
        solvers = sorted(self.results)
        if len(solvers) < 2:
            return
        weight = 3 * GAME // (len(solvers) + 1)
        for j, b in enumerate(solvers):
            theirs = self.results[b]
            for a in solvers[:j]:
                own = self.results[a]
                if len(own) == len(theirs) == 1:
                    yield a, b, weight, weight * _score(own[0][1], theirs[0][1]) // 2
                elif self.race:
                    score = sum(_score(x[1], y[1]) for x, y in zip(own, theirs, strict=True))
                    yield a, b, weight, weight * score // (2 * len(own))
                else:
                    score = sum(_score(x[1], y[1]) for x in own for y in theirs)
                    yield a, b, weight, weight * score // (2 * len(own) * len(theirs))


@dataclass(slots=True)
class Table:
    """Sums over matches: weight and score per pair of solvers, and in how many matches each solver met another."""

    games: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    matches: dict[str, int] = field(default_factory=dict)
    counts: Counts | None = None
    strengths: tuple[Counts, Strengths] | None = None

    def count(self, games: list[Game], solvers: Iterator[str], sign: int) -> None:
        """Add a match, or take it away."""
        self.counts = None
        for a, b, weight, score in games:
            entry = self.games.get((a, b))
            if entry is None:
                entry = self.games[a, b] = [0, 0]
            entry[0] += sign * weight
            entry[1] += sign * score
            if not entry[0]:
                del self.games[a, b]
        for solver in solvers:
            matches = self.matches.get(solver, 0) + sign
            if matches:
                self.matches[solver] = matches
            else:
                del self.matches[solver]

    def frozen(self) -> Counts:
        """The sums as of now: the same object until they change."""
        if self.counts is None:
            games = {pair: (weight, score) for pair, (weight, score) in self.games.items()}
            self.counts = Counts(games, dict(self.matches))
        return self.counts


@dataclass(slots=True)
class Ladder:
    """One family: its matches by key. The rest is derived: the greatest key first, the sums, and the matches not in them yet."""

    matches: dict[int, Match] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list, compare=False)
    overall: Table = field(default_factory=Table, compare=False)
    clusters: dict[str, Table] = field(default_factory=dict, compare=False)
    dirty: set[int] = field(default_factory=set, compare=False)

    def match(self, key: int, *, race: bool) -> Match | None:
        """The match of that key, to be changed; None when its key is too great to be kept."""
        match = self.matches.get(key)
        if match is not None:
            if key not in self.dirty:
                self._count(match, -1)
                self._changed(key)
            return match
        if len(self.keys) < MATCHES:
            heappush(self.keys, -key)
        else:
            last = -heappushpop(self.keys, -key)
            if last == key:
                return None
            if last in self.dirty:
                self.dirty.remove(last)
            else:
                self._count(self.matches[last], -1)
            del self.matches[last]
        match = self.matches[key] = Match(race=race)
        self._changed(key)
        return match

    def settle(self) -> None:
        """Count the games of the matches that have changed."""
        for key in self.dirty:
            self._count(self.matches[key], 1)
        self.dirty.clear()

    def strengths(self, cluster: str) -> Strengths:
        """The ratings as of now: the same object until something changes, so that they are computed once."""
        self.settle()
        family, table = self.overall.frozen(), self.clusters.get(cluster)
        holder = self.overall if table is None else table
        local = Counts() if table is None else table.frozen()
        kept = holder.strengths
        if kept is None or kept[0] is not family or (kept[1].cluster is not local and table is not None):
            kept = holder.strengths = (family, Strengths(family, local))
        return kept[1]

    def _changed(self, key: int) -> None:
        if len(self.dirty) >= DIRTY:
            self.settle()
        self.dirty.add(key)

    def _count(self, match: Match, sign: int) -> None:
        games = list(match.games())
        if not games:
            return
        self.overall.count(games, iter(match.results), sign)
        for cluster in match.clusters:
            table = self.clusters.get(cluster)
            if table is None:
                table = self.clusters[cluster] = Table()
            table.count(games, iter(match.results), sign)


State = dict[str, Ladder]


class BradleyTerry:
    """See the module."""

    name = "bradley_terry"
    version = 1
    handles = ENDS

    def initial(self) -> State:
        """No matches."""
        return {}

    def apply(self, state: State, event: Recorded) -> State:
        """One outcome."""
        data = event.data
        succeeded = solved(event)
        rival = data.get("rival")
        if rival is None:
            if not rated(event.type, data) or (succeeded and data["objective"] is None):
                return state
            names = ""
        else:
            if data.get("seeded_from") is not None or rival["objective"] is None or data["solver"] > rival["solver"]:
                return state
            names = f"{data['solver']}\0{rival['solver']}"
        ladder = state.get(data["family"])
        if ladder is None:
            ladder = state[data["family"]] = Ladder()
        match = ladder.match(key_of(data["instance"], data["budget"], names), race=rival is not None)
        if match is None:
            return state
        digest = event.digest[:8].hex()
        sign = -1.0 if succeeded and data["sense"] == "max" else 1.0
        match.add(data["solver"], digest, sign * data["objective"] if succeeded else math.inf)
        if rival is not None:
            match.add(rival["solver"], digest, sign * rival["objective"])
        if data["cluster"] not in match.clusters:
            insort(match.clusters, data["cluster"])
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`."""
        return dumps({family: _packed(ladder) for family, ladder in state.items()})

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        return {family: _unpacked(kept) for family, kept in loads(content).items()}


def key_of(instance: str, budget: dict[str, Any], names: str) -> int:
    """64 bits hashed from the instance, the budget, and in a race its two solvers."""
    limits = (budget["time_limit"], budget["iterations"], budget["target"], budget["gap"])
    return int.from_bytes(blake2b(f"{instance}\0{limits!r}\0{names}".encode(), digest_size=8).digest())


def strengths(state: State, family: str, cluster: str) -> Strengths:
    """The Bradley-Terry ratings of a family and inside one of its clusters, as of now."""
    ladder = state.get(family)
    return NO_STRENGTHS if ladder is None else ladder.strengths(cluster)


def _score(x: float, y: float) -> int:
    """Twice the score of the objective ``x`` against ``y``; see :func:`mezan.solvers.gaps.equal`."""
    if x == y or abs(x - y) <= TIE * max(abs(x), abs(y)) < math.inf:
        return 1
    return 2 if x < y else 0


def _packed(ladder: Ladder) -> dict[str, Any]:
    ladder.settle()
    return {
        "matches": [[key, m.results, m.clusters, m.race] for key, m in sorted(ladder.matches.items())],
        "overall": _packed_table(ladder.overall),
        "clusters": {name: _packed_table(table) for name, table in ladder.clusters.items() if table.games},
    }


def _unpacked(kept: dict[str, Any]) -> Ladder:
    ladder = Ladder(overall=_unpacked_table(kept["overall"]))
    ladder.clusters = {name: _unpacked_table(table) for name, table in kept["clusters"].items()}
    for key, results, clusters, race in kept["matches"]:
        for entries in results.values():
            for entry in entries:
                if entry[1] is None:  # JSON knows no infinity
                    entry[1] = math.inf
        ladder.matches[key] = Match(results, clusters, race)
    ladder.keys = [-key for key in ladder.matches]
    heapify(ladder.keys)
    return ladder


def _packed_table(table: Table) -> list[Any]:
    return [[[a, b, *sums] for (a, b), sums in sorted(table.games.items())], table.matches]


def _unpacked_table(kept: list[Any]) -> Table:
    games, matches = kept
    return Table({(a, b): [weight, score] for a, b, weight, score in games}, matches)
