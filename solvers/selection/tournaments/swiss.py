"""Swiss tournaments: who meets whom, and the final order. Pure; engine and command line play them.

Pairing follows the Dutch system (FIDE Handbook C.04.3) without its colours: players are ordered by points, then by their
order at the start; in each group of equal points the upper half meets the lower half; who finds no opponent there floats down
to the next group. Nobody meets the same opponent twice, nor has a second bye, while any pairing of the round avoids it: each
choice is checked by a maximum matching of those that are left.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, fsum, log2

from .matching import maximum_matching

WIN, DRAW, LOSS = 1.0, 0.5, 0.0


@dataclass(frozen=True, slots=True)
class Pairing:
    """One round: the pairs, the stronger player first, and who has a bye."""

    pairs: tuple[tuple[str, str], ...]
    bye: str | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """One match: games won by each side, a draw being half a game, and their mean losses in it."""

    a: str
    b: str
    score_a: float
    score_b: float
    loss_a: float = 0.0
    loss_b: float = 0.0

    @property
    def points(self) -> float:
        """Of the side ``a``: 1, 0.5 or 0."""
        return WIN if self.score_a > self.score_b else DRAW if self.score_a == self.score_b else LOSS


@dataclass(slots=True)
class Standing:
    """One player's tournament: points, and what breaks ties between equal ones, in this order.

    ``buchholz`` is the sum of the opponents' points, ``buchholz_cut`` without the lowest; ``sonneborn_berger`` the points of
    the beaten and half of those of the drawn. A bye is no opponent. ``mean_loss`` is over all games.
    """

    player: str
    points: float = 0.0
    buchholz: float = 0.0
    buchholz_cut: float = 0.0
    sonneborn_berger: float = 0.0
    mean_loss: float | None = None
    wins: int = 0
    draws: int = 0
    losses: int = 0
    byes: int = 0
    met: list[tuple[str, float]] = field(default_factory=list)
    """Each opponent, and the points got from it."""


def default_rounds(players: int) -> int:
    """``ceil(log2 m) + 2``, but never more than there are opponents."""
    return max(1, min(ceil(log2(players)) + 2, players - 1 + players % 2))


def pair(
    players: Sequence[str],
    points: Mapping[str, float],
    met: Collection[frozenset[str]],
    byes: Mapping[str, int],
) -> Pairing:
    """The next round.

    Args:
        players: everybody, in their order at the start: the strongest first.
        points: those of everybody that has any.
        met: the pairs that have met.
        byes: how many byes everybody had.
    """
    order = sorted(players, key=lambda player: -points.get(player, 0.0))  # stable: then the order at the start
    bye = None
    if len(order) % 2:
        fewest = min(byes.get(player, 0) for player in order)
        free = [player for player in reversed(order) if byes.get(player, 0) == fewest]
        bye = min(free, key=lambda player: _rematches([p for p in order if p != player], met))  # the lowest of equals
        order.remove(bye)
    pairs = []
    needed = _rematches(order, met)
    while order:
        top = order.pop(0)
        other = _opponent(top, order, points, met, needed)
        order.remove(other)
        needed -= frozenset((top, other)) in met
        pairs.append((top, other))
    return Pairing(tuple(pairs), bye)


def _opponent(
    top: str, rest: Sequence[str], points: Mapping[str, float], met: Collection[frozenset[str]], needed: int
) -> str:
    """The first opponent in the order of the Dutch system that leaves the others with no rematch but what cannot be avoided."""
    group = [player for player in rest if points.get(player, 0.0) == points.get(top, 0.0)]
    inside = _most([top, *group], met)
    possible = []
    for other in _candidates(top, rest, points):
        again = frozenset((top, other)) in met
        left = [player for player in rest if player != other]
        if _rematches(left, met) + again > needed:
            continue
        possible.append((again, other))
        if again:
            continue
        if other in group:
            if 1 + _most([player for player in group if player != other], met) == inside:
                return other  # and everybody else of the group who can stay in it does
        elif _most(group, met) == inside:
            return other  # floating down costs the group nothing
    return min(possible, key=lambda choice: choice[0])[1]


def _candidates(top: str, rest: Sequence[str], points: Mapping[str, float]) -> Iterator[str]:
    """Opponents as the Dutch system tries them: the lower half from its first, the upper half from its last, then lower groups."""
    own = points.get(top, 0.0)
    group = [player for player in rest if points.get(player, 0.0) == own]
    half = max(0, (len(group) + 1) // 2 - 1)  # of the group with the top player, without it
    yield from group[half:]
    yield from reversed(group[:half])
    yield from (player for player in rest if points.get(player, 0.0) != own)


def _most(players: Sequence[str], met: Collection[frozenset[str]]) -> int:
    """The most pairs of players who have not met."""
    mate = maximum_matching(len(players), lambda i, j: frozenset((players[i], players[j])) not in met)
    return sum(partner != -1 for partner in mate) // 2


def _rematches(players: Sequence[str], met: Collection[frozenset[str]]) -> int:
    """The fewest rematches of a round of all these players, an even number: those left over meet each other again."""
    return len(players) // 2 - _most(players, met)


def standings(players: Sequence[str], rounds: Sequence[tuple[Sequence[Played], str | None]]) -> list[Standing]:
    """The final order, or that of the moment: (matches, bye) of each round so far; ties in everything keep the order at the start."""
    table = {player: Standing(player) for player in players}
    losses: dict[str, list[float]] = {player: [] for player in players}
    for matches, bye in rounds:
        if bye is not None:
            table[bye].byes += 1
            table[bye].points += WIN
        for match in matches:
            for one, other, got in ((match.a, match.b, match.points), (match.b, match.a, WIN - match.points)):
                own = table[one]
                own.points += got
                own.met.append((other, got))
                own.wins += got == WIN
                own.draws += got == DRAW
                own.losses += got == LOSS
            losses[match.a].append(match.loss_a)
            losses[match.b].append(match.loss_b)
    for player, own in table.items():
        theirs = [table[other].points for other, _ in own.met]
        own.buchholz = fsum(theirs)
        own.buchholz_cut = own.buchholz - min(theirs, default=0.0)
        own.sonneborn_berger = fsum(got * table[other].points for other, got in own.met)
        own.mean_loss = fsum(losses[player]) / len(losses[player]) if losses[player] else None
    return sorted(table.values(), key=_rank)


def _rank(own: Standing) -> tuple[float, ...]:
    loss = 1.0 if own.mean_loss is None else own.mean_loss
    return (-own.points, -own.buchholz, -own.buchholz_cut, -own.sonneborn_berger, loss)
