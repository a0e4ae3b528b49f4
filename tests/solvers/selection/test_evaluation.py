"""Off-policy estimates: closed forms, unbiasedness, and intervals that cover the truth of full-information logs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bandit_logs import aslib, simulate, synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.selection.evaluation.losses_model import predicted
from mezan.solvers.selection.evaluation.off_policy import Decisions, evaluate, losses_model
from mezan.solvers.selection.registry import Policies

ASLIB = Path(__file__).parents[4] / "shared" / "data" / "aslib"
POLICIES = Policies.default()
TARGETS = [POLICIES.policy(name) for name in ("single_best", "ucb1", "elo_ucb", "epsilon_greedy")]
LOGGING = ["epsilon_greedy", "thompson"]


def log(chosen, losses, propensities, known=None, features=None, instances=None):
    """Decisions from lists."""
    n, k = np.shape(propensities)
    return Decisions(
        tuple(f"toy.s{i}" for i in range(k)),
        np.array(chosen),
        np.array(losses, float),
        np.array(propensities, float),
        np.full((n, k), np.nan) if known is None else np.array(known, float),
        np.zeros((n, 0)) if features is None else features,
        np.arange(n) if instances is None else np.array(instances),
    )


def test_closed_forms():
    """IPS, SNIPS, DR, agreement and effective sample size of four decisions, by hand."""
    decisions = log([0, 1, 0, 1], [0.2, 0.8, 0.4, 0.6], [[0.5, 0.5]] * 4)
    target = np.array([[1.0, 0.0], [1.0, 0.0], [0.25, 0.75], [0.5, 0.5]])
    q = np.array([[0.3, 0.7]] * 4)
    w = np.array([2.0, 0.0, 0.5, 1.0])
    found = evaluate(decisions, target, q)
    assert found.ips.value == pytest.approx((0.4 + 0.0 + 0.2 + 0.6) / 4)
    assert found.snips.value == pytest.approx((0.4 + 0.2 + 0.6) / 3.5)
    # limit is max(1, 4 / 5): a weight of 2 is beyond it, and the prediction stands alone there
    summands = [0.3, 0.3, 0.6 + 0.5 * (0.4 - 0.3), 0.5 + 1.0 * (0.6 - 0.7)]
    assert found.summands == pytest.approx(summands)
    assert found.dr.value == pytest.approx(np.mean(summands))
    assert found.agreement == pytest.approx((1 + 0 + 0.25 + 0.5) / 4)
    assert found.effective == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert found.unsupported == pytest.approx((1 + 1 + 0.75) / 4)


def test_a_policy_that_agrees_everywhere_gets_the_logged_mean():
    """On-policy there is nothing to estimate, whatever the predictions."""
    rng = np.random.default_rng(0)
    losses = rng.random(50)
    decisions = log([0] * 50, losses, [[1.0, 0.0]] * 50)
    found = evaluate(decisions, decisions.propensities, rng.random((50, 2)))
    for estimate in (found.dr, found.ips, found.snips):
        assert estimate.value == pytest.approx(losses.mean())
        assert estimate.lower < losses.mean() < estimate.upper
    assert (found.agreement, found.known, found.unsupported, found.effective) == pytest.approx((1, 1, 0, 50))


def test_known_outcomes_decide_where_nothing_was_left_to_chance():
    """A deterministic log whose other outcomes are known from shadow runs gives the other policy's exact mean."""
    rng = np.random.default_rng(1)
    table = rng.random((40, 2))
    known = np.column_stack([np.full(40, np.nan), table[:, 1]])
    decisions = log([0] * 40, table[:, 0], [[1.0, 0.0]] * 40, known)
    other = np.tile([0.0, 1.0], (40, 1))
    found = evaluate(decisions, other)
    assert found.dr.value == pytest.approx(table[:, 1].mean())
    assert found.matched == pytest.approx(table[:, 1].mean())
    assert (found.known, found.unsupported, found.snips) == (1.0, 0.0, None)
    assert found.dr.upper - found.dr.lower < 0.4


def test_without_overlap_or_known_outcomes_the_interval_says_that_nothing_is_known():
    """All that could be lost, and words that say why."""
    rng = np.random.default_rng(2)
    decisions = log([0] * 40, rng.random(40), [[1.0, 0.0]] * 40)
    found = evaluate(decisions, np.tile([0.0, 1.0], (40, 1)))
    assert (found.dr.lower, found.dr.upper) == (0.0, 1.0)
    assert found.matched is None
    assert "certain" in found.warnings[0]
    assert "0%" in found.warnings[0]


def test_poor_overlap_and_few_decisions_are_said():
    """In words, beside the figures."""
    decisions = log([0, 0, 1, 0] * 5, [0.5] * 20, [[0.99, 0.01]] * 20)
    found = evaluate(decisions, np.tile([0.0, 1.0], (20, 1)))
    assert any("poor overlap: 100%" in warning for warning in found.warnings)
    assert any("only 20 decisions" in warning for warning in found.warnings)


def test_estimates_are_unbiased():
    """The mean of 400 DR and IPS estimates on one table is the truth, within three standard errors; for wrong predictions too."""
    rng = np.random.default_rng(3)
    n, k = 60, 3
    table = rng.random((n, k))
    mu, pi = rng.dirichlet(np.full(k, 4.0), n), rng.dirichlet(np.ones(k), n)
    mu = 0.7 * mu + 0.3 / k
    truth, wrong = (pi * table).sum(1).mean(), np.full((n, k), 0.9)
    dr, ips = [], []
    for _ in range(400):
        chosen = (rng.random((n, 1)) > mu.cumsum(1)).sum(1)
        found = evaluate(log(chosen, table[np.arange(n), chosen], mu), pi, wrong)
        dr.append(found.summands.mean())
        ips.append(found.ips.value)
    assert found.unsupported == 0
    for values in (dr, ips):
        assert abs(np.mean(values) - truth) < 3 * np.std(values) / 20


@pytest.mark.parametrize("logging", LOGGING)
@pytest.mark.parametrize("shadow", [0.0, 0.1])
def test_intervals_cover_the_truth(logging, shadow):
    """In at least nine of ten simulated logs for every target; here 30 logs of 150 decisions each."""
    covered = {target.name: 0 for target in TARGETS}
    for seed in range(30):
        made = simulate(synthetic(seed), POLICIES.policy(logging), TARGETS, 150, seed, shadow=shadow)
        q = losses_model(made.decisions)
        for name, chances in made.chances.items():
            dr = evaluate(made.decisions, chances, q).dr
            covered[name] += dr.lower <= made.truth[name] <= dr.upper
    assert min(covered.values()) >= 27, covered


@pytest.mark.shared
@pytest.mark.skipif(not ASLIB.exists(), reason="wants ASlib in ../shared/data/aslib beside the checkout")
@pytest.mark.parametrize("scenario", ["CPMP-2015", "QBF-2011"])
def test_intervals_cover_the_truth_of_algorithm_selection_scenarios(scenario):
    """Eight logs of 200 decisions: PAR10 losses, of which at most one may be missed per target."""
    table, covered = aslib(ASLIB / scenario), {target.name: 0 for target in TARGETS}
    for seed in range(8):
        made = simulate(table, POLICIES.policy(LOGGING[seed % 2]), TARGETS, 200, seed)
        q = losses_model(made.decisions)
        for name, chances in made.chances.items():
            dr = evaluate(made.decisions, chances, q).dr
            covered[name] += dr.lower <= made.truth[name] <= dr.upper
    assert min(covered.values()) >= 7, covered


def test_dr_is_closer_to_the_truth_than_ips():
    """Over all pairs of 15 logs, by root mean square."""
    errors = []
    for seed in range(15):
        made = simulate(synthetic(seed), POLICIES.policy("thompson"), TARGETS, 200, seed)
        q = losses_model(made.decisions)
        for name, chances in made.chances.items():
            found = evaluate(made.decisions, chances, q)
            errors.append((found.dr.value - made.truth[name], found.ips.value - made.truth[name]))
    dr, ips = np.sqrt(np.mean(np.square(errors), axis=0))
    assert dr < 0.6 * ips


def test_an_outcome_has_no_part_in_the_prediction_for_its_own_instance():
    """Changing one loss changes no prediction on its instance, and some elsewhere."""
    made = simulate(synthetic(1), POLICIES.policy("thompson"), [], 200, 1).decisions
    before = losses_model(made)
    losses = made.losses.copy()
    losses[7] = 1 - losses[7]
    after = losses_model(replace(made, losses=losses))
    same = made.instances % 5 == made.instances[7] % 5
    assert np.array_equal(before[same], after[same])
    assert not np.array_equal(before[~same], after[~same])


def test_predictions_find_a_linear_loss():
    """Ridge regression against the truth that made the losses; far better than the solvers' means."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 4))
    truth = 0.5 + X @ rng.normal(0, 0.06, size=(4, 2))
    rows, solvers = np.arange(300), rng.integers(0, 2, 300)
    noisy = np.clip(truth[rows, solvers] + rng.normal(0, 0.03, 300), 0, 1)
    found = predicted(X, rows, rows, solvers, noisy, 2)
    assert np.abs(found - truth).mean() < 0.25 * np.abs(truth - truth.mean(0)).mean()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_intervals_are_ordered_and_within_the_unit_interval(data):
    """For any log, however small or odd."""
    n, k = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    mu = rng.dirichlet(np.full(k, 0.3), n) + 1e-6
    mu /= mu.sum(1, keepdims=True)
    pi = np.eye(k)[rng.integers(0, k, n)]
    known = np.where(rng.random((n, k)) < 0.2, rng.random((n, k)), np.nan)
    decisions = log(rng.integers(0, k, n), rng.random(n), mu, known, rng.normal(size=(n, 2)), rng.integers(0, 4, n))
    found = evaluate(decisions, pi)
    for estimate in (found.dr, found.ips, found.snips):
        if estimate is not None:
            assert 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1
    assert -1e-9 <= found.unsupported <= 1
    assert -1e-9 <= found.known <= 1 + 1e-9
    assert found.effective <= n + 1e-6
