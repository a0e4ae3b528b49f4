"""Accelerated mirror descent: what its steps keep, and what its runs find."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mezan.solvers.driver import Drive
from mezan.solvers.qap import QAP, mirror, moves
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY

SOLVER = next(solver for solver in FAMILY.solvers if solver.name == "qap.nesterov")


def search(problem, iterations, seed=1):
    """The best that one drive reports."""
    drive = Drive(FAMILY, SOLVER, [problem], [seed])
    return drive.advance(iterations)[0].incumbent.objective


def relax(problem, steps=60, size=None):
    """One annealed run from a start that is a third random, and its padded arrays."""
    a = moves.prepare(problem, size)

    @jax.jit
    def run(a, p):
        z = mirror.begin(a, p, jnp.float32(0.3), jnp.float32(0.5))
        return jax.lax.fori_loop(0, steps, lambda i, z: mirror.step(a, z, i / jnp.float32(steps)), z)

    return run(a, jnp.arange(a["A"].shape[0], dtype=jnp.int32))


@pytest.mark.parametrize("seed", range(3))
def test_planted_isomorphisms_are_found(seed):
    """Graph matching: B is a copy of a random graph on 20 vertices with other names, and every edge falls on an edge."""
    rng = np.random.default_rng(seed)
    A = np.triu(rng.random((20, 20)) < 0.5, 1).astype(int)
    A += A.T
    p = rng.permutation(20)
    assert search(QAP(A=-A, B=A[np.ix_(p, p)]), 1_000) == -A.sum()


def test_directed_isomorphisms_are_found():
    """The same where no matrix is symmetric: the gradient has two terms then."""
    rng = np.random.default_rng(7)
    A = (rng.random((18, 18)) < 0.4).astype(int)
    p = rng.permutation(18)
    assert search(QAP(A=-A, B=A[np.ix_(p, p)]), 1_000) == -A.sum()


@pytest.mark.parametrize("name", ["nug12", "bur26a", "chr12a"])
def test_the_relaxation_stays_doubly_stochastic(instance, name):
    """After every number of steps columns sum to one, rows nearly, and nothing is negative or beyond the live part."""
    problem = instance(name)
    for steps in (1, 10, 60):
        X = np.asarray(relax(problem, steps)["X"])
        n = problem.size
        assert X.min() >= 0
        assert X[n:].sum() == X[:, n:].sum() == 0
        assert X[:n, :n].sum(0) == pytest.approx(np.ones(n), abs=1e-4)
        assert X[:n, :n].sum(1) == pytest.approx(np.ones(n), abs=0.15)


def test_padding_changes_a_step_by_no_more_than_rounding(instance):
    """The same run in a larger bucket has the same masses."""
    problem = instance("had12")
    plain, padded = (np.asarray(relax(problem, 5, size)["X"])[:12, :12] for size in (12, 24))
    assert padded == pytest.approx(plain, abs=1e-3)


@pytest.mark.parametrize("name", ["had12", "nug12", "rou12", "tai12a"])
def test_one_run_is_good_without_polishing(instance, name):
    """Its rounding is within 3 % of the optimum, where the best of 1000 random permutations is not.

    With steps of a fixed length had12 and rou12 ended in a cycle, no better than random.
    """
    problem, rng = instance(name), np.random.default_rng(0)
    rounded = linear_sum_assignment(-np.asarray(relax(problem)["X"])[:12, :12])[1]
    found = evaluate(problem, rounded).objective
    assert found < 1.03 * problem.best_known
    assert found < min(evaluate(problem, rng.permutation(12)).objective for _ in range(1000))


@pytest.mark.parametrize(("name", "gap"), [("bur26a", 0.002), ("tai12a", 0.0), ("chr12a", 0.0)])
def test_runs_are_good(instance, name, gap):
    """A fixed number of iterations: within the stated gap of the best known value."""
    problem = instance(name)
    assert search(problem, 2_000) <= problem.best_known * (1 + gap)


def test_flat_and_tiny_instances_have_an_answer():
    """No gradient, two facilities, empty matrices: the only objective there is."""
    assert search(QAP(A=np.ones((5, 5)), B=np.ones((5, 5))), 200) == 25
    assert search(QAP(A=np.zeros((4, 4)), B=np.ones((4, 4))), 200) == 0
    assert search(QAP(A=[[0, 3], [1, 0]], B=[[0, 2], [5, 0]]), 200) == 11


def test_it_refuses_what_its_steps_cannot_afford():
    """Cubic steps are kept to sizes where one is short."""
    large = QAP(A=np.zeros((513, 513)), B=np.zeros((513, 513)))
    assert "qap.nesterov takes at most 512" in SOLVER.refuses(large)
