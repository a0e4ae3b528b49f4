import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mezan.solvers.qap.auction import assign

ASSIGN = jax.jit(jax.vmap(assign, (0, None, 0)))
TIGHT = jax.jit(jax.vmap(lambda C, n, v: assign(C, n, v, patience=10_000, precision=0.9), (0, None, 0)))


@pytest.mark.parametrize("n", [1, 2, 13, 16])
def test_assignments_are_valid_and_nearly_optimal(n):
    """Every answer is an assignment of the live part; on small integer costs a patient auction is optimal."""
    rng = np.random.default_rng(n)
    C = np.zeros((12, 16, 16), np.float32)
    C[:, :n, :n] = rng.integers(0, 2, (12, n, n))
    C[:6, :n, :n] = rng.normal(size=(6, n, n))
    for solve in (ASSIGN, TIGHT):
        columns, _ = solve(C, np.int32(n), jnp.zeros((12, 16)))
        columns = np.asarray(columns)
        assert all(np.array_equal(np.sort(c[:n]), np.arange(n)) for c in columns)
        assert np.array_equal(columns[:, n:], np.tile(np.arange(n, 16), (12, 1)))
    for k in range(6, 12):
        # Costs of 0 and 1: within n * epsilon = 0.9 of the optimum is the optimum.
        assert C[k, np.arange(n), columns[k, :n]].sum() == C[k][linear_sum_assignment(C[k, :n, :n])].sum()


def test_running_out_of_patience_still_assigns():
    """With no patience everyone takes the best free column."""
    C = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    columns, _ = jax.jit(lambda C: assign(C, np.int32(8), jnp.zeros(8), patience=0))(C)
    assert sorted(np.asarray(columns).tolist()) == list(range(8))
