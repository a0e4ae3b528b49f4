"""The guard: the single best solver wherever the policy's pick is by evidence worse."""

import random

from mezan.solvers.selection.elo_ucb import EloUCB
from mezan.solvers.selection.guard import Guard, clearly_worse
from mezan.solvers.selection.policy import Candidate, Choice, Scored
from mezan.solvers.selection.standings import Record, Standings

ALL = (Candidate("qap.a", "1"), Candidate("qap.b", "1"), Candidate("qap.c", "1"))
GUARD = Guard(EloUCB(), name="elo_ucb")


def record(rating, losses):
    return Record(
        rating=rating,
        games=len(losses),
        outcomes=len(losses),
        loss_sum=sum(losses),
        loss_squares=sum(x * x for x in losses),
    )


def standings(overall, local=None):
    return Standings("qap", 9, "qap/0", overall, local or overall)


def test_the_guard_falls_back_where_wins_hide_large_losses():
    """A solver that wins often but now and then loses everything has the higher Elo and the worse mean loss."""
    gambler = record(1700, [0.0] * 30 + [1.0] * 20)
    steady = record(1500, [0.05] * 40)
    seen = standings({"qap.a": gambler, "qap.b": steady})
    assert EloUCB().choose(seen, {}, ALL[:2], 0).solver == "qap.a"
    choice = GUARD.choose(seen, {}, ALL[:2], 0)
    assert choice.solver == "qap.b"
    assert [scored.propensity for scored in choice.scored] == [0.0, 1.0]
    assert choice.reason.startswith("guard: elo_ucb_strict would take qap.a")
    assert "qap.b: 0.05 (40)" in choice.reason


def test_the_guard_is_one_sided_and_needs_evidence():
    """A pick that is better, equal, or worse within chance, or on too few outcomes, stays."""
    steady = [0.05, 0.06] * 10
    for losses in ([0.01] * 20, steady, [0.05, 0.07] * 3, [1.0] * 4):
        seen = standings({"qap.a": record(1700, losses), "qap.b": record(1500, steady)})
        assert GUARD.choose(seen, {}, ALL[:2], 0) == EloUCB().choose(seen, {}, ALL[:2], 0)


def test_the_clusters_evidence_comes_before_the_familys():
    """A solver that is bad elsewhere but good in this cluster is not set aside here."""
    overall = {"qap.a": record(1600, [0.5] * 40), "qap.b": record(1500, [0.1] * 40)}
    here = {"qap.a": record(1700, [0.02] * 6), "qap.b": record(1500, [0.1] * 6)}
    assert GUARD.choose(standings(overall, here), {}, ALL[:2], 0).solver == "qap.a"
    promising = {"qap.a": record(1700, [0.02] * 2), "qap.b": record(1500, [0.1] * 6)}
    assert GUARD.choose(standings(overall, promising), {}, ALL[:2], 0).solver == "qap.a"
    unknown = {"qap.a": Record(rating=1700), "qap.b": record(1500, [0.1] * 6)}
    assert GUARD.choose(standings(overall, unknown), {}, ALL[:2], 0).solver == "qap.b"


def test_propensities_of_a_random_policy_stay_true():
    """What a random inner policy gives to a solver that is set aside goes to the single best, whichever was drawn."""

    class Uniform:
        name, version = "uniform", "1"

        def choose(self, standings, features, candidates, key):
            pick = candidates[key % 3].solver
            return Choice(pick, tuple(Scored(c, None, 1 / 3) for c in candidates), f"{pick} was drawn")

    seen = standings(
        {"qap.a": record(1500, [0.9] * 9), "qap.b": record(1500, [0.1] * 9), "qap.c": record(1500, [0.1] * 3)}
    )
    guard = Guard(Uniform(), name="guarded")
    picks = [guard.choose(seen, {}, ALL, key) for key in range(3)]
    assert [choice.solver for choice in picks] == ["qap.b", "qap.b", "qap.c"]
    for choice in picks:
        assert [scored.propensity for scored in choice.scored] == [0.0, 2 / 3, 1 / 3]


def test_equal_solvers_are_rarely_called_worse():
    """The test is at level 0.1: of many equal pairs about a tenth is called worse, not more."""
    rng = random.Random(5)
    draws = [
        clearly_worse(record(1500, [rng.random() for _ in range(30)]), record(1500, [rng.random() for _ in range(30)]))
        for _ in range(2_000)
    ]
    assert 0.07 < sum(draws) / len(draws) < 0.13
