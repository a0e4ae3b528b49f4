"""Policies that draw: their propensities are the chances that they state, and what they expect follows the losses."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.seeds import derive
from mezan.solvers.selection.choices import drawn
from mezan.solvers.selection.epsilon_greedy import EpsilonGreedy
from mezan.solvers.selection.losses import Expected, expected_losses
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.standings import Record, Standings
from mezan.solvers.selection.thompson import Thompson, chances
from mezan.solvers.selection.ucb1 import UCB1

NAMES = ("qap.a", "qap.b", "qap.c")
ALL = tuple(Candidate(name, "1") for name in NAMES)


def record(*losses):
    return Record(outcomes=len(losses), loss_sum=math.fsum(losses), loss_squares=math.fsum(x * x for x in losses))


def standings(overall, local=None):
    return Standings("qap", 9, "qap/0", overall, local or {})


KNOWN = standings(
    {"qap.a": record(*[0.1, 0.2] * 10), "qap.b": record(*[0.2, 0.3] * 10), "qap.c": record(*[0.7, 0.8] * 10)},
    {"qap.a": record(*[0.1, 0.2] * 2), "qap.b": record(*[0.2, 0.3] * 2), "qap.c": record(*[0.7, 0.8] * 2)},
)


@pytest.mark.parametrize("policy", [EpsilonGreedy(), EpsilonGreedy(epsilon=0.5), Thompson()], ids=lambda p: p.name)
def test_picks_are_as_frequent_as_their_propensities(policy):
    """Over 3,000 keys, within four standard errors."""
    keys = [derive(1, i) for i in range(3_000)]
    choices = [policy.choose(KNOWN, {}, ALL, key) for key in keys]
    picked = Counter(choice.solver for choice in choices)
    assert len({choice.scored for choice in choices}) == 1
    for scored in choices[0].scored:
        p = scored.propensity
        assert abs(picked[scored.candidate.solver] / len(keys) - p) <= 4 * math.sqrt(p * (1 - p) / len(keys)) + 1e-9


@given(weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=20).filter(any), key=st.integers(0, 2**63 - 1))
def test_a_lottery_sums_to_one_exactly_and_picks_something_possible(weights, key):
    """However small or large the weights."""
    names = {f"s{i}": weight for i, weight in enumerate(weights)}
    choice = drawn(names, [Candidate(name, "1") for name in names], {}, key, str)
    propensities = {scored.candidate.solver: scored.propensity for scored in choice.scored}
    assert math.fsum(propensities.values()) == 1.0
    assert propensities[choice.solver] > 0
    total = math.fsum(weights)
    assert all(abs(propensities[name] - weight / total) < 1e-7 for name, weight in names.items())


def test_epsilon_greedy_gives_every_solver_its_share():
    """``1 - epsilon + epsilon / k`` and ``epsilon / k``."""
    choice = EpsilonGreedy(epsilon=0.3).choose(KNOWN, {}, ALL, 0)
    assert [scored.propensity for scored in choice.scored] == pytest.approx([0.8, 0.1, 0.1], abs=1e-8)
    assert "expected loss" in choice.reason


def test_expected_losses_by_hand():
    """The cluster's mean shrunk to the family's, that to all solvers'."""
    overall = {"qap.a": record(0.2, 0.4), "qap.b": record(0.6, 0.6, 0.6, 0.6)}
    found = expected_losses(standings(overall, {"qap.a": record(0.2)}), ALL)
    mean = 3.0 / 6
    of_a = (0.6 + 2 * mean) / 4
    variance = (0.02 + 2 / 12) / (6 - 2 + 2)
    assert found["qap.a"].loss == pytest.approx((0.2 + 10 * of_a) / 11)
    assert found["qap.a"].error == pytest.approx(math.sqrt(variance / (1 + 1 + 10 * 1 / 11)))
    assert found["qap.b"].loss == pytest.approx((2.4 + 2 * mean) / 6)
    assert found["qap.c"] == Expected(mean, pytest.approx(math.sqrt(variance)), 0, 0)


def test_expected_losses_of_nothing_are_the_prior():
    """No outcome at all: everything is possible, and all are equal."""
    found = expected_losses(standings({}), ALL)
    assert {(one.loss, one.outcomes) for one in found.values()} == {(0.5, 0)}
    assert [scored.propensity for scored in Thompson().choose(standings({}), {}, ALL, 5).scored] == pytest.approx(
        [1 / 3] * 3, abs=1e-8
    )


def test_chances_agree_with_drawing_from_the_distributions():
    """The quadrature against 200,000 draws of Student's t with four degrees of freedom."""
    import numpy as np

    expected = [(0.2, 0.05), (0.25, 0.1), (0.4, 0.02), (0.2, 0.01)]
    rng = np.random.default_rng(1)
    draws = np.stack([loss + error * rng.standard_t(4, 200_000) for loss, error in expected])
    frequent = np.bincount(draws.argmin(0), minlength=4) / 200_000
    assert chances(expected) == pytest.approx(frequent.tolist(), abs=0.003)
    assert math.fsum(chances(expected)) == pytest.approx(1, abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(-6, -0.3).map(lambda power: 10**power)), min_size=1, max_size=20),
)
def test_chances_are_those_of_a_fine_quadrature(expected):
    """However unlike the errors are: within 0.01, none below 0, and they sum to one."""
    import numpy as np

    losses, errors = (np.array(column) for column in zip(*expected, strict=True))
    u = (2 * np.arange(4096) + 1) / 4096 - 1
    d = (losses[:, None] + errors[:, None] * (2 * u / np.sqrt(1 - u * u)))[:, None, :] - losses[None, :, None]
    v = d / np.sqrt(4 * errors[None, :, None] ** 2 + d * d)
    above = (1 - v) ** 2 * (2 + v) / 4
    own = np.arange(len(losses))
    above[own, own] = 0.75 * (1 - u * u) * (2 / 4096)
    found = chances(expected)
    assert found == pytest.approx(above.prod(axis=1).sum(axis=1).tolist(), abs=0.01)
    assert min(found) >= 0
    assert math.fsum(found) == pytest.approx(1, abs=1e-12)


def test_chances_of_what_is_sure():
    """Errors of 0, as rounding may leave them."""
    assert chances([(0.2, 0.0), (0.3, 0.0)]) == pytest.approx([1, 0], abs=1e-4)
    assert chances([(0.2, 0.0)] * 3) == pytest.approx([1 / 3] * 3)
    assert chances([(0.2, 0.0), (0.3, 0.05)])[0] == pytest.approx(0.942, abs=0.01)  # T of 4 degrees is below 2 so often
    assert chances([(0.2, 0.0)]) == [1.0]


def test_thompson_settles_on_the_better_and_still_looks_at_the_unknown():
    """A clearly worse solver is hardly drawn; one without outcomes is."""
    choice = Thompson().choose(KNOWN, {}, (*ALL, Candidate("qap.new", "1")), 1)
    a, b, c, new = (scored.propensity for scored in choice.scored)
    assert a > b > c
    assert c < 0.01 < new


def test_ucb1_by_hand():
    """Expected loss less the bonus of the paper, with the outcomes of the cluster."""
    choice = UCB1().choose(KNOWN, {}, ALL[:2], 0)
    expected = expected_losses(KNOWN, ALL[:2])
    bonus = math.sqrt(2 * math.log(8) / 4)
    assert [scored.score for scored in choice.scored] == pytest.approx(
        [1 - expected[name].loss + bonus for name in NAMES[:2]]
    )
    assert choice.solver == "qap.a"
    lonely = standings(KNOWN.overall, {**KNOWN.in_cluster, "qap.b": record(0.25)})
    assert UCB1().choose(lonely, {}, ALL[:2], 0).solver == "qap.b"
