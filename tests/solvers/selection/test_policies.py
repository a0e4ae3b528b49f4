"""Policies: what they choose, what they say about it, and that they say the same every time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import NoCandidate, UnknownName
from mezan.solvers.selection.bradley_terry import BradleyTerry
from mezan.solvers.selection.elo_ucb import EloUCB
from mezan.solvers.selection.elo_ucb_scaled import EloUCBScaled
from mezan.solvers.selection.forced import Forced
from mezan.solvers.selection.models.comparisons import GAME, Counts, Strengths
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies
from mezan.solvers.selection.single_best import SingleBest
from mezan.solvers.selection.standings import Record, Standings

NAMES = ("qap.a", "qap.b", "qap.c", "qap.d")
ALL = tuple(Candidate(name, "1") for name in NAMES)


def standings(overall, in_cluster=None):
    return Standings("qap", 100, "qap/40.1", overall, in_cluster or {})


records = st.builds(
    lambda rating, losses, failures: Record(
        rating=rating,
        games=len(losses),
        outcomes=len(losses),
        loss_sum=sum(losses),
        loss_squares=sum(x * x for x in losses),
        failures=min(failures, len(losses)),
    ),
    rating=st.floats(800, 2400),
    losses=st.lists(st.floats(0, 1), max_size=12),
    failures=st.integers(0, 3),
)
tables = st.dictionaries(st.sampled_from(NAMES), records)
candidates = st.lists(st.sampled_from([None, "too large"]), min_size=4, max_size=4).map(
    lambda refusals: tuple(Candidate(name, "1", why) for name, why in zip(NAMES, refusals, strict=True))
)


@pytest.mark.parametrize("policy", list(Policies.default()), ids=lambda policy: policy.name)
@given(overall=tables, local=tables, offered=candidates, key=st.integers(0, 2**63 - 1))
def test_every_choice_is_a_distribution_over_the_able_and_repeats_to_the_bit(policy, overall, local, offered, key):
    """Propensities sum to 1, a refused solver has none, the pick has some, and equal arguments give an equal choice."""
    seen = standings(overall, local)
    if all(candidate.refused for candidate in offered):
        with pytest.raises(NoCandidate, match="too large"):
            policy.choose(seen, {}, offered, key)
        return
    choice = policy.choose(seen, {}, offered, key)
    assert [scored.candidate for scored in choice.scored] == list(offered)
    assert math.fsum(scored.propensity for scored in choice.scored) == 1.0
    for scored in choice.scored:
        assert scored.propensity >= 0
        assert not (scored.candidate.refused and (scored.propensity or scored.score is not None))
        assert (scored.candidate.solver == choice.solver) <= (scored.propensity > 0)
    assert choice.reason
    assert policy.choose(seen, {}, offered, key) == choice


@pytest.mark.parametrize(
    "policy", [EloUCB(), Policies.default().policy(), SingleBest()], ids=lambda policy: policy.name
)
def test_untried_solvers_go_first_in_catalogue_order_without_a_score(policy):
    """However good the tried ones are, the first solver without an outcome is taken."""
    star = Record(rating=2400, games=50, outcomes=50, loss_sum=0.0)
    choice = policy.choose(standings({"qap.a": star, "qap.c": star}), {}, ALL, 0)
    assert choice.solver == "qap.b"
    assert [scored.score is None for scored in choice.scored] == [False, True, False, True]


@pytest.mark.parametrize("policy", list(Policies.default()), ids=lambda policy: policy.name)
def test_no_candidate_at_all_is_an_error(policy):
    """An empty portfolio cannot be chosen from."""
    with pytest.raises(NoCandidate, match="none is registered"):
        policy.choose(standings({}), {}, (), 0)


def test_the_formula_is_the_specification():
    """0.5 global + 0.5 cluster + 1.4 sqrt(ln N / n), computed by hand."""
    overall = {"qap.a": Record(rating=1600, outcomes=30), "qap.b": Record(rating=1580, outcomes=5)}
    local = {"qap.a": Record(rating=1500, outcomes=16), "qap.b": Record(rating=1520, outcomes=4)}
    choice = EloUCB().choose(standings(overall, local), {}, ALL[:2], 0)
    a, b = (scored.score for scored in choice.scored)
    assert a == pytest.approx(1550 + 1.4 * math.sqrt(math.log(20) / 16), abs=1e-12)
    assert b == pytest.approx(1550 + 1.4 * math.sqrt(math.log(20) / 4), abs=1e-12)
    assert choice.solver == "qap.b"
    assert "4 trials" in choice.reason


def test_a_solver_new_to_the_cluster_is_scored_with_half_a_trial():
    """After a refit of the clusters nobody is sent round again, and the bonus stays finite."""
    overall = {"qap.a": Record(rating=1700, outcomes=9), "qap.b": Record(rating=1500, outcomes=9)}
    local = {"qap.a": Record(rating=1700), "qap.b": Record(rating=1500)}
    choice = EloUCB().choose(standings(overall, local), {}, ALL[:2], 0)
    assert choice.solver == "qap.a"
    assert choice.scored[0].score == pytest.approx(1700 + 1.4 * math.sqrt(math.log(2) / 0.5))


def test_single_best_shrinks_a_lucky_first_outcome():
    """One loss of 0.09 does not beat twenty of 0.1 when the others pull the pooled mean up."""
    overall = {
        "qap.a": Record(outcomes=1, loss_sum=0.09),
        "qap.b": Record(outcomes=20, loss_sum=2.0),
        "qap.c": Record(outcomes=20, loss_sum=12.0),
    }
    choice = SingleBest().choose(standings(overall), {}, ALL[:3], 0)
    pooled = 14.09 / 41
    assert choice.solver == "qap.b"
    assert [scored.score for scored in choice.scored] == pytest.approx(
        [1 - (0.09 + 2 * pooled) / 3, 1 - (2 + 2 * pooled) / 22, 1 - (12 + 2 * pooled) / 22]
    )


def test_forced_takes_the_named_solver_or_says_why_not():
    """A forced choice has propensity 1; a refusal or an unknown name is an error that says so."""
    choice = Forced("qap.c").choose(standings({}), {}, ALL, 0)
    assert (choice.solver, [scored.propensity for scored in choice.scored]) == ("qap.c", [0, 0, 1, 0])
    with pytest.raises(NoCandidate, match="too large"):
        Forced("qap.c").choose(standings({}), {}, (ALL[0], Candidate("qap.c", "1", "too large")), 0)
    with pytest.raises(NoCandidate, match=r"qap\.a, qap\.b.*'qap\.z'"):
        Forced("qap.z").choose(standings({}), {}, ALL, 0)


def test_the_registry_knows_its_names_and_the_default():
    """The default learns from features; an unknown name suggests the nearest; a name is taken once."""
    policies = Policies.default()
    assert {"elo_ucb", "elo_ucb_strict", "single_best"} <= {policy.name for policy in policies}
    assert policies.policy().name == DEFAULT_POLICY == "default"
    with pytest.raises(UnknownName, match="did you mean 'elo_ucb'"):
        policies.policy("elo-ucb")
    with pytest.raises(ValueError, match="'single_best' is registered twice"):
        Policies([SingleBest(), SingleBest()])


def test_a_prior_decides_until_there_is_evidence():
    """Untried solvers of a family with priors are scored, the best expected first; ten trials halve a prior."""
    offered = (Candidate("qap.a", "1"), Candidate("qap.b", "1", None, 100.0), Candidate("qap.c", "1", None, 60.0))
    first = EloUCB().choose(standings({}), {}, offered, 0)
    assert first.solver == "qap.b"
    assert first.reason.endswith("and its author expects +100")
    assert None not in [scored.score for scored in first.scored]
    worse = {"qap.b": Record(rating=1470, games=10, outcomes=10)}
    assert EloUCB().score(standings(worse, worse), "qap.b", 100.0) == pytest.approx(
        1470 + 50 + 1.4 * math.sqrt(math.log(10) / 10)
    )
    assert EloUCB().choose(standings(worse, worse), {}, offered, 0).solver == "qap.c"


def test_the_scaled_bonus_is_in_proportion_to_the_standard_error():
    """0.15 sd sqrt(ln N) with sd = 173.7 / sqrt(n p (1 - p) + 0.246), by hand: 20 trials, 9 wins and a draw of 18 games."""
    local = {"qap.a": Record(rating=1500, outcomes=20, games=18, wins=9, draws=0), "qap.b": Record(outcomes=80)}
    p = 10 / 20
    sd = 173.7178 / math.sqrt(20 * p * (1 - p) + (173.7178 / 350) ** 2)
    scaled = EloUCBScaled()
    assert scaled.score(standings(local, local), "qap.a") == pytest.approx(1500 + 0.15 * sd * math.sqrt(math.log(100)))
    rare = scaled.bonus(Record(outcomes=2, games=2, wins=1), 100)
    assert 5 < rare / scaled.bonus(Record(outcomes=200, games=200, wins=100), 100) < 10
    assert rare > 10 * EloUCB().bonus(Record(outcomes=2), 100)


def compared(wins, overall=None):
    """Standings with that many wins of the first over the second, each on an instance of its own."""
    games, matches = {}, {}
    for (a, b), (won, of) in wins.items():
        games[a, b] = of * GAME, won * GAME
        for name in (a, b):
            matches[name] = matches.get(name, 0) + of
    played = Strengths(Counts(games, matches), Counts(games, matches))
    return replace(standings(overall or {}), strengths=played)


def test_bradley_terry_takes_who_beats_the_others_whatever_the_losses_say():
    """a won 45 of 50 against each: it is taken, though it was given the hard instances and has the greatest mean loss."""
    overall = {
        "qap.a": Record(outcomes=100, loss_sum=60.0),
        "qap.b": Record(outcomes=100, loss_sum=20.0),
        "qap.c": Record(outcomes=100, loss_sum=20.0),
    }
    wins = {("qap.a", "qap.b"): (45, 50), ("qap.a", "qap.c"): (45, 50)}
    choice = BradleyTerry().choose(compared(wins, overall), {}, ALL[:3], 0)
    assert choice.solver == "qap.a"
    assert "by evidence" in choice.reason
    assert choice.scored[0].score > choice.scored[1].score + 100


def test_bradley_terry_lets_losses_decide_between_equals():
    """a and b are within chance of each other and c is not: the least expected loss of the first two, not c's."""
    overall = {
        "qap.a": Record(outcomes=100, loss_sum=50.0),
        "qap.b": Record(outcomes=100, loss_sum=30.0),
        "qap.c": Record(outcomes=100, loss_sum=5.0),
    }
    wins = {("qap.a", "qap.b"): (26, 50), ("qap.a", "qap.c"): (45, 50), ("qap.b", "qap.c"): (45, 50)}
    choice = BradleyTerry().choose(compared(wins, overall), {}, ALL[:3], 0)
    assert choice.solver == "qap.b"
    assert "of the 2 solvers that are within chance" in choice.reason


def test_bradley_terry_tries_everyone_once_unless_there_are_priors():
    """An untried solver goes first; with priors it is scored at 1500 and its prior."""
    overall = {"qap.a": Record(outcomes=10, loss_sum=1.0)}
    assert BradleyTerry().choose(standings(overall), {}, ALL[:2], 0).solver == "qap.b"
    offered = (Candidate("qap.a", "1"), Candidate("qap.b", "1", None, -1000.0))
    choice = BradleyTerry().choose(standings(overall), {}, offered, 0)
    assert (choice.solver, choice.scored[1].score) == ("qap.a", 500)
