from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.qap import QAP
from mezan.solvers.qap.bounds import gilmore_lawler, rearrangement
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.features import features


@st.composite
def problems(draw):
    n = draw(st.integers(2, 5))
    kind = draw(st.sampled_from([st.integers(-5, 20), st.floats(-5, 20, width=32)]))
    A, B = (np.array(draw(st.lists(kind, min_size=n * n, max_size=n * n))).reshape(n, n) for _ in range(2))
    return QAP(A=A + A.T if draw(st.booleans()) else A, B=B + B.T if draw(st.booleans()) else B)


@given(problems())
@settings(deadline=None)
def test_the_bound_never_exceeds_the_optimum(problem):
    """Enumeration finds nothing below the bound: any sign, symmetry, diagonal, integers or reals."""
    optimum = min(evaluate(problem, np.array(p)).objective for p in permutations(range(problem.size)))
    assert gilmore_lawler(problem).value <= optimum
    assert rearrangement(problem).value <= optimum


PUBLISHED = {"chr12a": 7245, "esc16a": 38, "had12": 1536, "nug12": 493, "rou12": 202272, "tai12a": 195918}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_bounds(instance, name):
    """The bound is the one QAPLIB lists, lifted to the next even number where every objective is even."""
    assert gilmore_lawler(instance(name)).value == PUBLISHED[name] + PUBLISHED[name] % 2


@pytest.mark.shared
def test_no_bound_exceeds_a_best_known_value(shared):
    """Over all of QAPLIB the bound stays at or below the best known value, and proves chr18b and lipa20b optimal."""
    found = {}
    for path in shared:
        problem = QAP.from_qaplib(path)
        found[path.stem] = problem.best_known - gilmore_lawler(problem).value
    assert min(found.values()) >= 0
    assert found["chr18b"] == found["lipa20b"] == 0


def test_features_have_fixed_names_and_finite_values(draw, instance):
    """Every instance has the same feature names, in the same order, and only finite values."""
    constant = QAP(A=np.ones((4, 4)), B=np.zeros((4, 4)))
    all_of_them = [features(p) for p in (constant, draw(7, 1, real=True), instance("bur26a"), instance("nug12"))]
    assert len({tuple(f) for f in all_of_them}) == 1
    assert all(np.isfinite(value) for f in all_of_them for value in f.values())


def test_features_do_not_depend_on_scale_or_order(draw):
    """Scaling the flows changes no feature; dominance is the coefficient of variation in percent."""
    problem = draw(9, 3, symmetric=(False, True))
    scaled = QAP(A=problem.A * 7, B=problem.B)
    assert features(scaled) == pytest.approx(features(problem))
    off = problem.B[~np.eye(9, dtype=bool)]
    assert features(problem)["distance_dominance"] == pytest.approx(100 * off.std() / abs(off.mean()))


def test_structures_are_found(instance):
    """Grids, tori and hypercubes are recognised, and nothing else is."""
    k = np.arange(12)
    grid = np.abs(k[:, None] // 4 - k // 4) + np.abs(k[:, None] % 4 - k % 4)
    wrap = np.minimum(np.abs(k[:, None] // 4 - k // 4), 3 - np.abs(k[:, None] // 4 - k // 4)) + (k - k[:, None]) % 4
    f = features(QAP(A=grid, B=wrap))
    assert (f["flow_grid"], f["flow_torus"], f["distance_torus"], f["distance_grid"]) == (1, 0, 1, 0)
    assert features(instance("esc16a"))["distance_xor"] == 1
    tai = features(instance("tai12a"))
    assert not any(tai[f"{m}_{s}"] for m in ("flow", "distance") for s in ("grid", "torus", "xor"))
    assert features(instance("bur26a"))["distance_asymmetry"] > 0.1
