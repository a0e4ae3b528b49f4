"""The kept neighbourhood against full evaluation."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.qap import QAP, moves
from mezan.solvers.qap.annealing import swap_delta
from mezan.solvers.qap.evaluate import evaluate

START = jax.jit(moves.start)
SWAP = jax.jit(moves.swap)
DELTA = jax.jit(swap_delta)


def expected(problem, p):
    """Every swap's change by evaluating both permutations."""
    n, here = problem.size, evaluate(problem, p).objective
    D = np.zeros((n, n))
    for r in range(n):
        for s in range(n):
            q = p.copy()
            q[[r, s]] = q[[s, r]]
            D[r, s] = evaluate(problem, q).objective - here
    return D


@st.composite
def cases(draw):
    n = draw(st.integers(2, 7))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    high = draw(st.sampled_from([9, 9, 2**20]))
    A, B = (rng.integers(-high, high, (n, n)) for _ in range(2))
    if draw(st.booleans()):
        A, B = A / 7, B / 3
    symmetric = draw(st.sampled_from([(True, True), (True, False), (False, True), (False, False)]))
    A, B = (M + M.T if s else M for M, s in zip((A, B), symmetric, strict=True))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), min_size=1, max_size=6))
    return QAP(A=A, B=B), rng.permutation(n), pairs


@given(cases())
@settings(deadline=None, max_examples=60)
def test_deltas_stay_exact_over_moves(case):
    """After any swaps every kept delta equals full re-evaluation, and so does the O(n) delta; exactly, for integers."""
    problem, p, pairs = case
    a = moves.prepare(problem, 8)
    n, scale = problem.size, int(a["scale"])
    rtol = 0 if a["A"].dtype.kind == "i" else 1e-9
    atol = 1e-9 * np.abs(problem.A).max() * np.abs(problem.B).max() if rtol else 0
    with jax.enable_x64(a["A"].dtype.itemsize == 8):
        nb = START(a, np.concatenate([p, np.arange(n, 8)]).astype(np.int32))
        for r, s in pairs:
            p = p.copy()
            p[[r, s]] = p[[s, r]]
            nb = SWAP(a, nb, np.int32(r), np.int32(s))
            wanted = scale * expected(problem, p)
            assert np.abs(wanted).max() <= a["reach"]
            np.testing.assert_array_equal(np.asarray(nb["p"])[:n], p)
            np.testing.assert_allclose(np.asarray(nb["D"])[:n, :n], wanted, rtol=rtol, atol=atol)
            assert DELTA(a, nb["p"], np.int32(r), np.int32(s)) == pytest.approx(wanted[r, s], rel=rtol, abs=atol)


def test_the_dtype_follows_from_the_magnitudes(draw):
    """Small integers take int32, larger ones int64, reals float64; one asymmetric matrix is symmetrised at scale 2."""
    small = draw(6, 0)
    assert moves.prepare(small)["A"].dtype == np.int32
    assert moves.prepare(QAP(A=small.A * 10**5, B=small.B * 10**5))["A"].dtype == np.int64
    assert moves.prepare(draw(6, 0, real=True))["A"].dtype == np.float64
    one = moves.prepare(draw(6, 0, symmetric=(False, True)))
    assert one["scale"] == 2
    assert "At" not in one
    assert "At" in moves.prepare(draw(6, 0, symmetric=(False, False)))
