"""Swiss tournaments: what holds of every pairing and of every final table."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.selection.tournaments.matching import maximum_matching
from mezan.solvers.selection.tournaments.swiss import Played, default_rounds, pair, standings

NAMES = "ABCDEFGHIJKLMN"


def largest(n, edges):
    """The size of a maximum matching, by trying everything."""
    if n < 2:
        return 0
    best = largest(n - 1, {edge for edge in edges if n - 1 not in edge})
    for i, j in edges:
        if j == n - 1:
            left = [v for v in range(n - 1) if v != i]
            place = {v: k for k, v in enumerate(left)}
            rest = {(place[a], place[b]) for a, b in edges if a in place and b in place}
            best = max(best, 1 + largest(n - 2, rest))
    return best


@given(st.integers(0, 8).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.sampled_from([*combinations(range(n), 2)] or [(0, 1)])))))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_maximum_matching_has_as_many_pairs_as_there_can_be(graph):
    """Compared with trying everything; partners are mutual and joined."""
    n, edges = graph
    edges = {edge for edge in edges if max(edge) < n}
    mate = maximum_matching(n, lambda i, j: (min(i, j), max(i, j)) in edges)
    pairs = {(i, j) for i, j in enumerate(mate) if j > i}
    assert pairs <= edges
    assert all(mate[j] == i for i, j in enumerate(mate) if j != -1)
    assert len(pairs) == largest(n, edges)


def test_a_blossom_is_seen_through():
    """Two triangles joined by an edge between vertices of each: only a search that shrinks odd circles pairs all six."""
    edges = {(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (3, 5)}
    mate = maximum_matching(6, lambda i, j: (min(i, j), max(i, j)) in edges)
    assert mate == [1, 0, 3, 2, 5, 4]


def feasible(players, met):
    """Whether a round without a rematch exists, by trying everything."""
    if not players:
        return True
    first, rest = players[0], players[1:]
    return any(
        frozenset((first, other)) not in met and feasible([p for p in rest if p != other], met) for other in rest
    )


class Tournament:
    """Plays rounds with outcomes that a test draws."""

    def __init__(self, size):
        self.players = list(NAMES[:size])
        self.points, self.met, self.byes, self.rounds = {}, set(), {}, []

    def next(self):
        return pair(self.players, self.points, self.met, self.byes)

    def play(self, pairing, outcomes):
        matches = []
        for (a, b), score in zip(pairing.pairs, outcomes, strict=False):
            matches.append(Played(a, b, score, 2 - score))
            self.met.add(frozenset((a, b)))
            self.points[a] = self.points.get(a, 0) + matches[-1].points
            self.points[b] = self.points.get(b, 0) + 1 - matches[-1].points
        if pairing.bye is not None:
            self.byes[pairing.bye] = self.byes.get(pairing.bye, 0) + 1
            self.points[pairing.bye] = self.points.get(pairing.bye, 0) + 1
        self.rounds.append((matches, pairing.bye))


@given(st.integers(2, 9), st.integers(1, 9), st.data())
@settings(max_examples=80, deadline=None)
def test_every_round_keeps_the_rules(size, rounds, data):
    """Everybody plays or has the bye; rematches and second byes only when unavoidable; the same again gives the same."""
    tournament = Tournament(size)
    for _ in range(rounds):
        pairing = tournament.next()
        assert pairing == tournament.next()
        playing = [player for two in pairing.pairs for player in two]
        assert sorted(playing + [pairing.bye] * (size % 2)) == tournament.players
        again = sum(frozenset(two) in tournament.met for two in pairing.pairs)
        if size % 2:
            fewest = min(tournament.byes.get(player, 0) for player in tournament.players)
            assert tournament.byes.get(pairing.bye, 0) == fewest
            free = [player for player in tournament.players if tournament.byes.get(player, 0) == fewest]
        else:
            free = [None]
        avoidable = any(feasible([p for p in tournament.players if p != bye], tournament.met) for bye in free)
        assert (again == 0) == avoidable
        tournament.play(pairing, data.draw(st.lists(st.sampled_from([0, 1, 2]), min_size=4, max_size=4)))
        table = standings(tournament.players, tournament.rounds)
        assert sum(own.points for own in table) == len(tournament.rounds) * ((size + 1) // 2)
        assert {own.player: own.points for own in table} == {
            player: tournament.points.get(player, 0) for player in tournament.players
        }


@given(st.integers(2, 14).filter(lambda size: size % 2 == 0))
def test_the_first_round_is_upper_half_against_lower_half(size):
    """In the order at the start."""
    pairing = Tournament(size).next()
    half = size // 2
    assert pairing.pairs == tuple(zip(NAMES[:half], NAMES[half:size], strict=True))


def test_an_odd_number_gives_the_lowest_a_bye():
    """First the last of the start, then the lowest that has not had one, though the one that had is lower."""
    tournament = Tournament(5)
    first = tournament.next()
    assert (first.bye, first.pairs) == ("E", (("A", "C"), ("B", "D")))
    tournament.play(first, [2, 2])
    second = tournament.next()
    assert (second.bye, second.pairs) == ("D", (("A", "B"), ("E", "C")))


def test_who_finds_no_opponent_floats_down():
    """Three with a point: the first two meet, the third meets the best of those below that it has not met."""
    points = {"A": 1.0, "B": 1.0, "C": 1.0, "D": 0.0, "E": 0.0, "F": 0.0}
    pairing = pair("ABCDEF", points, {frozenset("CD")}, {})
    assert pairing.pairs == (("A", "B"), ("C", "E"), ("D", "F"))


def test_a_group_is_paired_within_itself_where_that_is_possible():
    """The upper half's first choice, A with C, would leave B and D, who have met: A takes D instead."""
    pairing = pair("ABCD", {}, {frozenset("BD")}, {})
    assert pairing.pairs == (("A", "D"), ("B", "C"))


def test_players_are_ranked_by_points_then_by_the_tie_breaks():
    """A hand-made tournament of four in two rounds; every figure computed by hand."""
    rounds = [
        ([Played("A", "C", 3, 1, 0.1, 0.3), Played("B", "D", 2, 2, 0.2, 0.2)], None),
        ([Played("A", "B", 2, 2, 0.3, 0.0), Played("D", "C", 4, 0, 0.1, 0.5)], None),
    ]
    table = standings("ABCD", rounds)
    assert [(own.player, own.points, own.buchholz, own.buchholz_cut, own.sonneborn_berger) for own in table] == [
        ("D", 1.5, 1.0, 1.0, 0.5),  # drew with B (1), beat C (0); its loss is less than A's
        ("A", 1.5, 1.0, 1.0, 0.5),  # beat C (0), drew with B (1)
        ("B", 1.0, 3.0, 1.5, 1.5),
        ("C", 0.0, 3.0, 1.5, 0.0),
    ]
    assert [own.mean_loss for own in table] == [pytest.approx(0.15), pytest.approx(0.2), 0.1, 0.4]


def test_equal_points_and_tie_breaks_are_decided_by_the_loss():
    """Two that drew with each other: the one that lost less is first."""
    table = standings("AB", [([Played("A", "B", 1, 1, 0.4, 0.1)], None)])
    assert [own.player for own in table] == ["B", "A"]


@pytest.mark.parametrize(("players", "rounds"), [(2, 1), (3, 3), (4, 3), (5, 5), (8, 5), (9, 6), (16, 6)])
def test_the_number_of_rounds_is_that_of_the_logarithm(players, rounds):
    """ceil(log2 m) + 2, and no more than there are opponents."""
    assert default_rounds(players) == rounds


def test_a_large_tournament_is_paired_at_once():
    """Twenty-four players and as many rounds, of which the last must repeat: no search that explodes."""
    players = [f"p{i:02}" for i in range(24)]
    points, met = {}, set()
    for number in range(24):
        pairing = pair(players, points, met, {})
        again = [two for two in pairing.pairs if frozenset(two) in met]
        assert number >= 12 or not again
        for a, b in pairing.pairs:
            met.add(frozenset((a, b)))
            points[min(a, b)] = points.get(min(a, b), 0) + 1
    assert len(met) > 24 * 23 // 4
