"""Bradley-Terry ratings: against independent solvers, and whether their intervals keep their word."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from mezan.solvers.selection.models.comparisons import (
    CLUSTER_SD,
    GAME,
    LEAST_MATCHES,
    SCALE,
    Counts,
    Strength,
    Strengths,
    ratings,
)

NAMES = "abcdefgh"
PRECISION = (SCALE / 350) ** 2


def counts(wins, matches=50):
    """From {(winner, loser): weight}; every named solver has so many matches."""
    games = {}
    for (winner, loser), weight in wins.items():
        pair = min(winner, loser), max(winner, loser)
        total, score = games.get(pair, (0, 0))
        games[pair] = (total + round(weight * GAME), score + (winner < loser) * round(weight * GAME))
    return Counts(games, {name: matches for pair in games for name in pair})


tables = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1]),
    st.integers(1, 400).map(lambda n: n / 4),
    min_size=1,
    max_size=20,
)


def posterior(wins, names, means, precisions):
    """The negative log-posterior and its gradient, written with NumPy from the definition."""
    index = {name: i for i, name in enumerate(names)}
    winner = np.array([index[a] for a, _ in wins])
    loser = np.array([index[b] for _, b in wins])
    weight = np.array(list(wins.values()))

    def value(theta):
        d = theta[winner] - theta[loser]
        away = theta - means
        gradient = precisions * away
        pull = weight / (1 + np.exp(d))
        np.subtract.at(gradient, winner, pull)
        np.add.at(gradient, loser, pull)
        return (weight * np.logaddexp(0, -d)).sum() + 0.5 * (precisions * away**2).sum(), gradient

    return value


@settings(max_examples=60, deadline=None)
@given(wins=tables, data=st.data())
def test_ratings_are_the_mode_that_a_general_optimiser_finds(wins, data):
    """Whatever the games and the priors, BFGS on the posterior from its definition ends within a hundredth of a point."""
    names = sorted({name for pair in wins for name in pair})
    priors = None
    if data.draw(st.booleans()):
        priors = {
            name: Strength(data.draw(st.floats(1200, 1800)), data.draw(st.floats(50, 400)))
            for name in data.draw(st.sets(st.sampled_from(NAMES)))
        }
        names = sorted({*names, *priors})
    before = [(priors or {}).get(name, Strength()) for name in names]
    means = np.array([(prior.rating - 1500) / SCALE for prior in before])
    precisions = np.array([(SCALE / prior.error) ** 2 for prior in before])
    value = posterior(wins, names, means, precisions)
    best = minimize(value, means, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 2_000})
    found = ratings(counts(wins), priors)
    assert list(found) == names
    assert [one.rating for one in found.values()] == pytest.approx(list(1500 + SCALE * best.x), abs=0.02)
    at = np.array([(one.rating - 1500) / SCALE for one in found.values()])
    assert value(at)[0] <= best.fun + 1e-9


def test_ratings_are_those_of_logistic_regression():
    """One row a game, +1 for the first and -1 for the second, no intercept, C = 1 / precision: the same numbers."""
    rng = np.random.default_rng(0)
    skill = rng.normal(size=8)
    first, second = rng.integers(8, size=(2, 600))
    keep = first != second
    first, second = first[keep], second[keep]
    won = rng.random(len(first)) < 1 / (1 + np.exp(skill[second] - skill[first]))
    X = np.zeros((len(first), 8))
    X[np.arange(len(first)), first], X[np.arange(len(first)), second] = 1, -1
    model = LogisticRegression(C=1 / PRECISION, fit_intercept=False, tol=1e-10, max_iter=1_000).fit(X, won)
    wins = {}
    for a, b, one in zip(first, second, won, strict=True):
        pair = (NAMES[a], NAMES[b]) if one else (NAMES[b], NAMES[a])
        wins[pair] = wins.get(pair, 0) + 1
    found = ratings(counts(wins))
    assert [one.rating for one in found.values()] == pytest.approx(list(1500 + SCALE * model.coef_[0]), abs=1e-2)


@settings(max_examples=40, deadline=None)
@given(wins=tables)
def test_errors_are_the_inverse_of_the_curvature(wins):
    """Finite differences of the gradient give the Hessian; errors are of deviations from the mean of the main group."""
    names = sorted({name for pair in wins for name in pair})
    k = len(names)
    found = ratings(counts(wins))
    value = posterior(wins, names, np.zeros(k), np.full(k, PRECISION))
    at = np.array([(one.rating - 1500) / SCALE for one in found.values()])
    hessian = np.array([(value(at + h)[1] - value(at - h)[1]) / 2e-4 for h in np.eye(k) * 1e-4])
    covariance = np.linalg.inv(hessian)
    main = [i for i, name in enumerate(names) if found[name].ranked]
    centre = np.eye(k)
    centre[np.ix_(main, main)] -= 1 / len(main)
    variances = np.diag(centre @ covariance @ centre.T)
    assert [one.error for one in found.values()] == pytest.approx(list(SCALE * np.sqrt(variances)), rel=1e-3)


@pytest.mark.parametrize("games", [1, 100, 10**6])
def test_who_wins_every_game_has_a_finite_rating(games):
    """The likelihood alone has no maximum there; the prior gives it one, further out with more games."""
    found = ratings(counts({("a", "b"): games, ("b", "c"): games}))
    a, b, c = (found[name] for name in "abc")
    assert a.rating > b.rating > c.rating
    assert b.rating == pytest.approx(1500, abs=1e-5)
    assert a.rating + c.rating == pytest.approx(3000, abs=1e-5)
    assert all(math.isfinite(x) for one in found.values() for x in (one.rating, one.error))
    less = ratings(counts({("a", "b"): games / 2, ("b", "c"): games / 2}))
    assert a.rating > less["a"].rating


def test_groups_without_a_game_between_them_are_not_compared():
    """The smaller group is not ranked, and neither is a solver without games; each group's mean is 1500."""
    wins = {("a", "b"): 9, ("b", "c"): 9, ("c", "a"): 6, ("x", "y"): 9}
    table = counts(wins)
    found = ratings(Counts(table.games, {**table.matches, "z": 0}))
    assert [name for name, one in found.items() if one.ranked] == ["a", "b", "c"]
    assert found["x"].rating + found["y"].rating == pytest.approx(3000, abs=1e-5)
    assert (found["z"].rating, found["z"].error) == (1500, 350)
    assert ratings(Counts()) == {}


def test_few_matches_are_not_enough():
    """A solver that has met others on four instances is rated and not ranked."""
    table = counts({("a", "b"): 6, ("b", "a"): 4})
    few = Counts(table.games, {"a": LEAST_MATCHES, "b": LEAST_MATCHES - 1})
    assert [one.ranked for one in ratings(few).values()] == [True, False]


def ranking(rng, theta):
    """Best first, drawn from the Plackett-Luce model: every pair in it obeys Bradley and Terry."""
    return sorted(theta, key=lambda name: theta[name] - math.log(-math.log(rng.random())), reverse=True)


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_intervals_cover_the_truth(k):
    """Of 200 simulated tables of 120 instances with k solvers on each, 95 % intervals contain 92 to 99 % of true ratings."""
    rng = random.Random(k)
    inside = 0
    for _ in range(200):
        theta = {name: rng.gauss(0, 0.6) for name in NAMES[:k]}
        mean = sum(theta.values()) / k
        wins = {}
        for _ in range(120):
            order = ranking(rng, theta)
            for i, a in enumerate(order):
                for b in order[i + 1 :]:
                    wins[a, b] = wins.get((a, b), 0) + 3 / (k + 1)
        found = ratings(counts(wins))
        inside += sum(found[name].low <= 1500 + SCALE * (theta[name] - mean) <= found[name].high for name in theta)
    assert 0.92 <= inside / (200 * k) <= 0.99


def test_a_clusters_ratings_lie_between_its_games_and_the_family():
    """Without games they are the family's, less sure; ten even games weigh as much as the family; many games win."""
    family = counts({("a", "b"): 600, ("b", "a"): 400})
    overall = ratings(family)
    alone = Strengths(family).in_cluster
    for name, one in alone.items():
        assert one.rating == pytest.approx(overall[name].rating, abs=1e-5)
        assert one.error == pytest.approx(math.hypot(overall[name].error, CLUSTER_SD), abs=1e-5)
    leads = [
        Strengths(family, counts({("b", "a"): 0.7 * n, ("a", "b"): 0.3 * n})).in_cluster for n in (2, 10, 50, 20_000)
    ]
    gaps = [one["b"].rating - one["a"].rating for one in leads]
    assert overall["b"].rating - overall["a"].rating < gaps[0] < gaps[1] < gaps[2] < gaps[3]
    assert gaps[3] == pytest.approx(SCALE * math.log(0.7 / 0.3), abs=2)
    assert leads[3]["a"].error < leads[1]["a"].error < alone["a"].error
