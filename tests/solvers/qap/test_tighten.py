"""Bounds that take their time: still bounds, and better ones."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.problem import Bound
from mezan.solvers.qap import QAP
from mezan.solvers.qap.bounds import bound, projection, split, tighten
from mezan.solvers.qap.bounds.convex import convex_quadratic
from mezan.solvers.qap.evaluate import evaluate

NOTHING = Bound(-np.inf, "none")


@st.composite
def problems(draw):
    n = draw(st.integers(2, 6))
    kind = draw(st.sampled_from([st.integers(-5, 20), st.integers(0, 9), st.floats(-5, 20, width=32)]))
    A, B = (np.array(draw(st.lists(kind, min_size=n * n, max_size=n * n))).reshape(n, n) for _ in range(2))
    for M, symmetric in ((A, True), (B, draw(st.booleans()))):
        if symmetric:
            M[:] = np.triu(M) + np.triu(M, 1).T
        if draw(st.booleans()):
            np.fill_diagonal(M, 0)
    return QAP(A=A, B=B) if draw(st.booleans()) else QAP(A=B, B=A)


def least(problem):
    """By enumeration, all permutations at once."""
    P = np.array(list(permutations(range(problem.size))))
    Bp = problem.B[P[:, :, None], P[:, None, :]]
    best = P[np.argmin((problem.A * Bp).sum((1, 2)))]
    return evaluate(problem, best).objective


@given(problems())
@settings(deadline=None, max_examples=60)
def test_the_tightened_bound_never_exceeds_the_optimum(problem):
    """Enumeration finds nothing below it: any sign, diagonal, integers or reals, one matrix asymmetric or none."""
    assert tighten(problem, NOTHING).value <= least(problem)


@pytest.mark.parametrize("real", [False, True])
def test_larger_optima_are_not_exceeded_either(draw, real):
    """Sizes 7 and 8, where the relaxation has room to be good."""
    for seed, (n, symmetric) in enumerate([(7, (True, True)), (7, (False, True)), (8, (True, False))]):
        problem = draw(n, seed, symmetric=symmetric, real=real)
        assert tighten(problem, NOTHING).value <= least(problem)


def test_convexity_adds_to_the_same_split(instance):
    """The convex quadratic bound is at least the projection bound that its dual solution comes from."""
    for name in ("nug12", "had12", "rou12", "chr12a", "esc16a"):
        first = split(instance(name))
        value, margin = convex_quadratic(first, 400)
        assert value > first.scale * (first.value - 1e-3 * abs(first.value))
        assert margin < 1e-5
    had12 = split(instance("had12"))
    assert convex_quadratic(had12, 400)[0] > had12.scale * had12.value + 10


@pytest.mark.parametrize(
    ("name", "at_least"), [("had12", 1606), ("nug12", 498), ("rou12", 205_000), ("tai12a", 199_500)]
)
def test_bounds_that_are_closed_further(instance, name, at_least):
    """Better than both quick bounds, by what was measured, and below the optimum."""
    problem = instance(name)
    found = tighten(problem, bound(problem))
    assert found.method == "convex-quadratic"
    assert max(bound(problem).value + 1, at_least) <= found.value <= problem.best_known


def test_nothing_better_is_none(instance, draw):
    """No answer where the quick bound is the better one, both matrices are asymmetric, or there are over 30 facilities."""
    chr12a = instance("chr12a")
    assert tighten(chr12a, bound(chr12a)) is None
    assert tighten(instance("bur26a"), NOTHING) is None
    assert tighten(draw(31, 1), NOTHING) is None
    assert tighten(draw(30, 1), NOTHING) is not None


def test_the_same_problem_has_the_same_bound(instance):
    """Iterations are counted, not timed."""
    problem = instance("nug12")
    assert tighten(problem, projection(problem)) == tighten(problem, projection(problem))


def test_degenerate_matrices_have_a_bound():
    """Two facilities, empty matrices, constant ones: the bound is the only objective there is."""
    zero, one = np.zeros((5, 5)), np.ones((5, 5))
    assert tighten(QAP(A=zero, B=one), NOTHING).value == 0
    assert tighten(QAP(A=one, B=one), NOTHING).value == 25
    assert tighten(QAP(A=[[0, 3], [3, 0]], B=[[0, 2], [2, 0]]), NOTHING).value == 12


@pytest.mark.parametrize(("x", "y"), [(1e150, 1e40), (1e195, 1.0), (1e-310, 1.0)])
def test_the_range_of_real_numbers_is_no_limit(draw, x, y):
    """Neither huge nor tiny entries overflow on the way: the bound scales with them."""
    small = draw(6, 1, real=True)
    A, B = np.abs(small.A) * x, np.abs(small.B) * y
    A[0, 0] = B[0, 0] = 0.5 * min(x, y, 1.0)
    for found in (projection(QAP(A=A, B=B)), tighten(QAP(A=A, B=B), NOTHING)):
        assert 0.1 * least(QAP(A=A, B=B)) < found.value <= least(QAP(A=A, B=B))


@pytest.mark.shared
def test_no_tightened_bound_exceeds_a_best_known_value(shared):
    """Over all of QAPLIB up to 30 facilities."""
    problems = [QAP.from_qaplib(path) for path in shared]
    found = [(p, tighten(p, NOTHING)) for p in problems if p.size <= 30]
    assert sum(t is not None for _, t in found) > 40
    assert all(t.value <= p.best_known for p, t in found if t is not None)
