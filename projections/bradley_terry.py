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

Kept per family are the 8,192 matches with the smallest keys, a hash of instance and budget, and of each solver in a match the
four results with the smallest digests: bottom-k samples (Cohen and Kaplan, "Summarizing Data Using Bottom-k Sketches", PODC
2007), which are the same in whatever order their elements came, however many were left out. All sums are of integers. So the
state depends on the events alone, not on their order, and its ratings (see `mezan.solvers.selection.models.comparisons`) do too.
"""

import math
from bisect import insort
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import heapify, heappush, heappushpop
from typing import Any

from mezan.engine.log import Recorded
from mezan.solvers.gaps import TIE
from mezan.solvers.selection.models.comparisons import GAME, NO_STRENGTHS, Counts, Strengths

from .canonical import dumps, loads
from .outcomes import ENDS, solved

MATCHES = 8192
RESULTS = 4
DIRTY = 64
"""Matches whose games are counted again at a time."""
NONE = (0, 0)

Result = list[Any]
"""A digest and an objective to be minimised: infinite for a failure."""


@dataclass(slots=True)
class Counted:
    """The games of one match: its solvers in order, the weight of each game, and the scores of a against b for a before b."""

    solvers: list[str]
    clusters: list[str]
    weight: int
    scores: list[int]


@dataclass(slots=True)
class Match:
    """Results by solver, each list sorted; the clusters that they name, sorted; whether results of one digest are a race.

    ``counted`` are its games as they entered the sums; None when they are those of the results as they are, or none have yet,
    or when there is only one solver.
    """

    results: dict[str, list[Result]] = field(default_factory=dict)
    clusters: list[str] = field(default_factory=list)
    race: bool = False
    counted: Counted | None = field(default=None, compare=False)
    text: str | None = field(default=None, compare=False)
    """Its canonical JSON, once it has been dumped or before it was loaded; None when it has changed since."""

    def add(self, solver: str, digest: str, value: float) -> None:
        """Take one more result, unless there are enough with smaller digests."""
        results = self.results.get(solver)
        if results is None:
            self.results[solver] = [[digest, value]]
        else:
            insort(results, [digest, value])
            del results[RESULTS:]

    def full(self, solver: str, digest: str) -> bool:
        """Whether there are enough results of the solver with smaller digests."""
        results = self.results.get(solver)
        return results is not None and len(results) == RESULTS and bool(results[-1][0] < digest)

    def games(self) -> Counted:
        """One game for each pair of solvers."""
        solvers = sorted(self.results)
        weight = 3 * GAME // (len(solvers) + 1)
        scores: list[int] = []
        before: list[list[float]] = []
        for solver in solvers:
            theirs = [value for _, value in self.results[solver]]
            for own in before:
                if self.race:
                    score = sum(_score([x], [y]) for x, y in zip(own, theirs, strict=True))
                    scores.append(weight * score // (2 * len(own)))
                else:
                    scores.append(weight * _score(own, theirs) // (2 * len(own) * len(theirs)))
            before.append(theirs)
        return Counted(solvers, list(self.clusters), weight, scores)


class Matches(dict[int, Match]):
    """Matches by key. One that was loaded is decoded when it is asked for: most are not, before the state is forgotten."""

    __slots__ = ("texts",)

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[int, str] = {}
        """Those that are not decoded."""

    def __missing__(self, key: int) -> Match:
        match = self[key] = _match(self.texts[key])
        del self.texts[key]
        return match

    def get(self, key: int, default: Any = None) -> Match | Any:
        """As of a dict."""
        match = super().get(key)
        if match is not None:
            return match
        return self[key] if key in self.texts else default

    def pop(self, key: int, *default: Any) -> Any:
        """As of a dict."""
        self.get(key)
        return super().pop(key, *default)

    def dumped(self) -> list[tuple[int, str]]:
        """Every match's canonical JSON, by key; only those that changed are encoded."""
        texts = self.texts.copy()
        for key, match in super().items():
            if match.text is None:
                match.text = dumps([match.results, match.clusters, match.race]).decode()
            texts[key] = match.text
        return sorted(texts.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matches) and self.dumped() == other.dumped()

    __hash__ = None

    def __len__(self) -> int:
        return super().__len__() + len(self.texts)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self.texts

    def values(self) -> Any:
        """As of a dict: decodes all of them."""
        for key in list(self.texts):
            self.get(key)
        return super().values()


@dataclass(slots=True)
class Table:
    """Sums over matches: weight and score per pair of solvers, and in how many matches each solver met another."""

    games: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    matches: dict[str, int] = field(default_factory=dict)
    counts: Counts | None = None
    strengths: tuple[Counts, Strengths] | None = None

    def count(self, games: Counted, pairs: list[tuple[str, str]], sign: int) -> None:
        """Add a match's games, or take them away."""
        self.counts = None
        change, sums = sign * games.weight, self.games
        for pair, own in zip(pairs, games.scores, strict=True):
            weight, score = sums.get(pair, NONE)
            weight += change
            if weight:
                sums[pair] = (weight, score + sign * own)
            else:
                del sums[pair]
        for solver in games.solvers:
            matches = self.matches.get(solver, 0) + sign
            if matches:
                self.matches[solver] = matches
            else:
                del self.matches[solver]

    def correct(self, changes: list[tuple[tuple[str, str], int]]) -> None:
        """Add to the scores of games that are counted already."""
        self.counts = None
        for pair, change in changes:
            weight, score = self.games[pair]
            self.games[pair] = (weight, score + change)

    def frozen(self) -> Counts:
        """The sums as of now: the same object until they change."""
        if self.counts is None:
            self.counts = Counts(dict(self.games), dict(self.matches))
        return self.counts


@dataclass(slots=True)
class Ladder:
    """One family: its matches by key. The rest is derived: the greatest key first, the sums, and the matches that changed since."""

    matches: Matches = field(default_factory=Matches)
    keys: list[int] = field(default_factory=list, compare=False)
    overall: Table = field(default_factory=Table, compare=False)
    clusters: dict[str, Table] = field(default_factory=dict, compare=False)
    dirty: set[int] = field(default_factory=set, compare=False)

    def match(self, key: int, *, race: bool) -> Match | None:
        """The match of that key, to be changed; None when its key is too great to be kept."""
        match = self.matches.get(key)
        if match is None:
            if len(self.keys) < MATCHES:
                heappush(self.keys, -key)
            else:
                last = -heappushpop(self.keys, -key)
                if last == key:
                    return None
                self._forget(last)
            match = self.matches[key] = Match(race=race)
        elif match.counted is None and len(match.results) > 1 and key not in self.dirty:
            match.counted = match.games()
        if key not in self.dirty:
            if len(self.dirty) >= DIRTY:
                self.settle()
            self.dirty.add(key)
            match.text = None
        return match

    def settle(self) -> None:
        """Bring the sums up to date with the matches that changed."""
        for key in self.dirty:
            match = self.matches[key]
            if len(match.results) < 2:
                continue
            old, new = match.counted, match.games()
            match.counted = new
            if old is None or old.solvers != new.solvers or old.clusters != new.clusters:
                if old is not None:
                    self._count(old, -1)
                self._count(new, 1)
            elif old.scores != new.scores:
                changed = zip(_pairs(new.solvers), old.scores, new.scores, strict=True)
                changes = [(pair, score - before) for pair, before, score in changed if score != before]
                for table in self._tables(new):
                    table.correct(changes)
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

    def _forget(self, key: int) -> None:
        match = self.matches.pop(key)
        if key in self.dirty:
            self.dirty.remove(key)
            if match.counted is not None:
                self._count(match.counted, -1)
        elif len(match.results) > 1:
            self._count(match.counted or match.games(), -1)

    def _count(self, games: Counted, sign: int) -> None:
        pairs = _pairs(games.solvers)
        for table in self._tables(games):
            table.count(games, pairs, sign)

    def _tables(self, games: Counted) -> list[Table]:
        tables = [self.overall]
        for cluster in games.clusters:
            table = self.clusters.get(cluster)
            if table is None:
                table = self.clusters[cluster] = Table()
            tables.append(table)
        return tables


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
        if data.get("seeded_from") is not None:
            return state
        solver, succeeded = data["solver"], solved(event)
        names = ""
        if (rival := data.get("rival")) is not None:
            if rival["objective"] is None or solver > rival["solver"]:
                return state
            names = f"{solver}\0{rival['solver']}"
        elif not succeeded:
            if data.get("transient") and data["retry_in"] is not None:
                return state
        elif data["objective"] is None:
            return state
        ladder = state.get(data["family"])
        if ladder is None:
            ladder = state[data["family"]] = Ladder()
        digest, key = event.digest[:8].hex(), key_of(data["instance"], data["budget"], names)
        cluster, match = data["cluster"], ladder.matches.get(key)
        if match is not None and match.full(solver, digest) and cluster in match.clusters:
            return state
        match = ladder.match(key, race=rival is not None)
        if match is None:
            return state
        sign = -1.0 if succeeded and data["sense"] == "max" else 1.0
        match.add(solver, digest, sign * data["objective"] if succeeded else math.inf)
        if rival is not None:
            match.add(rival["solver"], digest, sign * rival["objective"])
        if cluster not in match.clusters:
            insort(match.clusters, cluster)
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


def _pairs(solvers: list[str]) -> list[tuple[str, str]]:
    """(a, b) with a before b, in the order of :attr:`Counted.scores`."""
    return [(a, b) for j, b in enumerate(solvers) for a in solvers[:j]]


def _score(own: list[float], theirs: list[float]) -> int:
    """Twice the score of all objectives of one against all of the other; ties as in :func:`mezan.solvers.gaps.equal`."""
    score = 0
    for x in own:
        for y in theirs:
            if x < y:  # then max(|x|, |y|) is the larger of -x and y
                ahead = y - x
                score += 2 if y == math.inf or (ahead > TIE * y and ahead > -TIE * x) else 1
            elif x == y:
                score += 1
            elif x != math.inf:
                behind = x - y
                score += not (behind > TIE * x and behind > -TIE * y)
    return score


def _packed(ladder: Ladder) -> dict[str, Any]:
    ladder.settle()
    return {
        "matches": ladder.matches.dumped(),
        "overall": _packed_table(ladder.overall),
        "clusters": {name: _packed_table(table) for name, table in ladder.clusters.items() if table.games},
    }


def _unpacked(kept: dict[str, Any]) -> Ladder:
    ladder = Ladder(overall=_unpacked_table(kept["overall"]))
    ladder.clusters = {name: _unpacked_table(table) for name, table in kept["clusters"].items()}
    ladder.matches.texts = {
        key: text[0] if isinstance(text[0], str) else dumps(text).decode() for key, *text in kept["matches"]
    }
    ladder.keys = [-key for key in ladder.matches.texts]
    heapify(ladder.keys)
    return ladder


def _match(text: str) -> Match:
    results, clusters, race = loads(text.encode())
    for entries in results.values():
        for entry in entries:
            if entry[1] is None:  # JSON knows no infinity
                entry[1] = math.inf
    return Match(results, clusters, race, text=text)


def _packed_table(table: Table) -> list[Any]:
    return [[[a, b, *sums] for (a, b), sums in sorted(table.games.items())], table.matches]


def _unpacked_table(kept: list[Any]) -> Table:
    games, matches = kept
    return Table({(a, b): (weight, score) for a, b, weight, score in games}, matches)
