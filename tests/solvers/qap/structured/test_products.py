"""Transforms against dense products in exact arithmetic."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qap_structures import flows, grid, manhattan, torus, torus_distances, xor

from mezan.solvers.driver import load
from mezan.solvers.qap import QAP, moves
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.structure import structures_of
from mezan.solvers.qap.structured.exact import dft_error
from mezan.solvers.qap.structured.products import factors, hadamard, product
from mezan.solvers.qap.tabu import RobustTabu
from mezan.solvers.seeds import key_data

KERNEL = load(next(solver for solver in FAMILY.solvers if solver.name == "qap.fft"))


def wide(arrays):
    return any(v.dtype.itemsize == 8 for v in arrays.values())


@st.composite
def matrices(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    high = draw(st.sampled_from([2, 1000, 2**20]))
    kind = draw(st.sampled_from(["torus", "xor", "grid"]))
    shape = draw(st.sampled_from([(2, 3), (3, 3), (2, 5), (1, 7), (3, 4), (4, 4), (1, 11)]))
    if kind == "grid":
        r, c = max(shape[0], 2), shape[1]
        return grid(*(rng.integers(-high, high, (k, k)) for k in (r, c))), kind, rng
    if kind == "xor":
        return xor(rng.integers(-high, high, draw(st.sampled_from([4, 8, 16])))), kind, rng
    return torus(*shape, rng.integers(-high, high, shape[0] * shape[1])), kind, rng


@given(matrices(), st.sampled_from("AB"), st.booleans())
@settings(deadline=None, max_examples=60)
def test_products_are_exact(case, name, transpose):
    """Integers of any sign, symmetric or not: the transform gives the very integers of the dense product."""
    M, kind, rng = case
    n = len(M)
    problem = QAP(**{name: M, "AB".replace(name, ""): rng.integers(-1000, 1000, (n, n))})
    structure = next((s for s in structures_of(problem) if s.kind == kind and s.matrix == name), None)
    if structure is None:  # a stronger structure by chance
        return
    a = moves.prepare(problem)
    a |= factors(problem, structure, a)
    Z = a["AB".replace(name, "")][:n]
    with jax.enable_x64(wide(a)):
        got = np.asarray(product(a, name, Z, transpose=transpose))
    prepared = a[name][:n, :n].astype(object)
    assert (got == (prepared.T if transpose else prepared) @ Z.astype(object)).all()


def test_hadamard_is_the_hadamard_matrix():
    """Against the Sylvester construction, and its own inverse up to n."""
    H = np.ones((1, 1), int)
    while len(H) < 16:
        H = np.block([[H, H], [H, -H]])
    np.testing.assert_array_equal(hadamard(np.eye(16, dtype=int)), H)
    np.testing.assert_array_equal(hadamard(hadamard(np.arange(16))), 16 * np.arange(16))


@given(st.integers(0, 2**32 - 1), st.sampled_from([(4, 4), (5, 7), (1, 97), (8, 16), (1, 64), (11, 13)]))
@settings(deadline=None, max_examples=30)
def test_the_error_bound_holds(seed, shape):
    """Measured errors of magnitudes up to 2^25 stay below the bound, and it grows with the magnitudes."""
    rng = np.random.default_rng(seed)
    f, z = rng.integers(-(2**25), 2**25, (2, *shape))
    exact = sum(
        int(f[i, j]) * np.roll(z, (i, j), (0, 1)).astype(object) for i in range(shape[0]) for j in range(shape[1])
    )
    got = np.fft.irfft2(np.fft.rfft2(f) * np.fft.rfft2(z), s=shape)
    error = max(abs(float(g - int(e))) for g, e in zip(got.ravel(), exact.ravel(), strict=True))
    bound = dft_error(shape, f.astype(float), float(np.linalg.norm(z)))
    assert error <= bound
    assert dft_error(shape, 2.0 * f, float(np.linalg.norm(z))) == pytest.approx(2 * bound)


INSTANCES = {
    "torus": QAP(A=flows(12, 1), B=torus_distances(3, 4)),
    "torus of flows": QAP(A=torus_distances(3, 5), B=flows(15, 2)),
    "directed ring": QAP(A=torus(1, 9, np.arange(9)), B=flows(9, 3)),
    "directed ring, both asymmetric": QAP(A=np.triu(flows(9, 3)), B=torus(1, 9, np.arange(9))),
    "xor": QAP(A=flows(16, 4), B=xor(np.arange(16) % 7)),
    "xor beyond int32": QAP(A=flows(16, 4) * 2000, B=xor(np.arange(16) * 2000)),
    "grid": QAP(A=manhattan(3, 4), B=flows(12, 5)),
    "grid, both asymmetric": QAP(A=np.triu(flows(12, 5)), B=grid(np.triu(flows(3, 6)), flows(4, 7))),
}


@pytest.mark.parametrize("problem", INSTANCES.values(), ids=INSTANCES)
def test_searches_begin_as_tabu_search_does(problem):
    """The structured set-up gives bit for bit the state that dense products give, padding included."""
    a = KERNEL.arrays(problem)
    plain = moves.prepare(problem)
    assert set(a) > set(plain)
    with jax.enable_x64(wide(a)):
        ours = jax.jit(KERNEL.init)(a, key_data(5))
        theirs = jax.jit(RobustTabu().init)(plain, key_data(5))
    assert set(ours) == set(theirs)
    for name, leaf in theirs.items():
        np.testing.assert_array_equal(ours[name], leaf, err_msg=name)


def test_real_data_agree_to_rounding():
    """A torus of reals: the same neighbourhood within rounding."""
    problem = QAP(A=flows(12, 1) / 7, B=torus_distances(3, 4) / 3)
    a = KERNEL.arrays(problem)
    with jax.enable_x64(True):
        ours = jax.jit(KERNEL.init)(a, key_data(5))
        theirs = jax.jit(RobustTabu().init)(moves.prepare(problem), key_data(5))
    np.testing.assert_allclose(ours["D"], theirs["D"], atol=1e-9 * float(a["reach"]))
