"""Crossover, the population and its end; pairs; symmetries."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.driver import Drive
from mezan.solvers.qap import QAP, memetic, moves, pairs
from mezan.solvers.qap.enhanced import POPULATION, Enhanced
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.symmetry import symmetries

SOLVERS = {solver.name: solver for solver in FAMILY.solvers}
KEY = np.array([0, 7], np.uint32)
M = 16


def permutation(rng, n=M):
    """A random permutation of the first ``n`` of M, the identity beyond."""
    return np.append(rng.permutation(n), np.arange(n, M)).astype(np.int32)


def prepared(problem):
    """The arrays of the memetic."""
    return {name: jnp.asarray(a) for name, a in Enhanced().arrays(problem).items()}


@given(st.integers(0, 2**32 - 1), st.integers(2, M), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_child_has_what_its_parents_share_and_mostly_what_one_of_them_has(seed, n, it):
    """Crossover gives a permutation, keeps agreements, and takes nearly every location from a parent."""
    rng = np.random.default_rng(seed)
    u = permutation(rng, n)
    v = u.copy()
    some = rng.permutation(n)[: rng.integers(1, n + 1)]
    v[some] = v[rng.permutation(some)]
    child = np.asarray(jax.jit(memetic.crossover)(u, v, np.uint32(seed), np.int32(it)))
    assert sorted(child) == list(range(M))
    assert (child[u == v] == u[u == v]).all()
    inherited = (child == u) | (child == v)
    assert inherited.sum() >= M - (u != v).sum() / 2


def test_a_lottery_is_a_random_permutation():
    """Over many draws each facility comes first about equally often, and the padding stays behind."""
    a = {"n": jnp.int32(5), "A": jnp.zeros((M, M))}
    draws = jax.vmap(lambda count: moves.lottery(a, jnp.uint32(3), count, 0))(jnp.arange(4000))
    assert (np.sort(np.asarray(draws), 1) == np.arange(M)).all()
    assert (np.asarray(draws)[:, 5:] == np.arange(5, M)).all()
    first = np.bincount(np.asarray(draws)[:, 0], minlength=5)
    assert abs(first - 800).max() < 120  # 4.7 standard deviations


def test_the_population_keeps_the_best_and_no_duplicates(draw):
    """Of many candidates the best 15 stay; what nearly equals a member replaces it only if better."""
    problem = draw(16, 3)
    a, rng = prepared(problem), np.random.default_rng(0)
    pop = memetic.empty(M, a["A"].dtype)
    insert = jax.jit(memetic.insert)
    candidates = [permutation(rng) for _ in range(60)]
    for p in candidates * 2:
        pop = insert(a, pop, p, moves.objective(a, p))
    values = sorted(int(evaluate(problem, p).objective) for p in candidates)
    assert sorted(np.asarray(pop["values"]).tolist()) == values[: memetic.SIZE]
    assert len({tuple(p) for p in np.asarray(pop["members"])}) == memetic.SIZE
    for p, value in zip(np.asarray(pop["members"]), np.asarray(pop["values"]), strict=True):
        assert evaluate(problem, p).objective == value


def test_a_population_ends_in_the_hall_of_fame_and_every_fifth_returns(draw):
    """Stagnation empties the population, keeps its best, and after five populations their best begin the next."""
    problem = draw(16, 3)
    a, rng = prepared(problem), np.random.default_rng(0)
    pop, bests = memetic.empty(M, a["A"].dtype), []
    for _ in range(memetic.HALL):
        while not memetic.full(pop):
            p = permutation(rng)
            pop = memetic.insert(a, pop, p, moves.objective(a, p))
        bests.append(int(pop["values"].min()))
        assert memetic.renewed({**pop, "stale": jnp.int32(memetic.STAGNATION - 1)})["ended"] == pop["ended"]
        pop = memetic.renewed({**pop, "stale": jnp.int32(memetic.STAGNATION)})
    assert sorted(np.asarray(pop["hall_values"]).tolist()) == sorted(bests)
    assert sorted(np.asarray(pop["values"])[: memetic.HALL].tolist()) == sorted(bests)
    assert not memetic.full(pop)
    value, p = memetic.best(pop)
    assert value == min(bests) == evaluate(problem, np.asarray(p)).objective


@pytest.mark.parametrize(("r", "c", "count"), [(4, 4, 8), (2, 8, 4), (1, 16, 2)])
def test_the_symmetries_of_a_grid_are_found(r, c, count):
    """Distances of a square have eight symmetries, of a rectangle four, of a line two; each leaves every objective alone."""
    at = np.stack(np.divmod(np.arange(16), c), 1)
    A = np.abs(at[:, None] - at).sum(2)
    found = {tuple(sigma) for sigma in symmetries(A, 16)}
    assert len(found) == count
    rng = np.random.default_rng(0)
    B, p = rng.integers(0, 9, (16, 16)), rng.permutation(16)
    for sigma in found:
        assert evaluate(QAP(A=A, B=B), p[list(sigma)]).objective == evaluate(QAP(A=A, B=B), p).objective
        assert evaluate(QAP(A=B, B=A), np.array(sigma)[p]).objective == evaluate(QAP(A=B, B=A), p).objective
    A[3, 5] += 1
    assert {tuple(sigma) for sigma in symmetries(A, 16)} == {tuple(range(16))}


def test_candidates_are_turned_to_agree():
    """A mirrored copy of a member is that member: nothing new enters."""
    at = np.stack(np.divmod(np.arange(16), 4), 1)
    A = np.abs(at[:, None] - at).sum(2)
    rng = np.random.default_rng(1)
    problem = QAP(A=A, B=rng.integers(0, 9, (16, 16)))
    a = prepared(problem)
    p = permutation(rng)
    pop = memetic.insert(a, memetic.empty(M, a["A"].dtype), p, moves.objective(a, p))
    mirrored = p.reshape(4, 4)[::-1].T.ravel()
    assert (mirrored != p).any()
    pop = memetic.insert(a, pop, mirrored, moves.objective(a, mirrored))
    assert (np.asarray(pop["values"]) < memetic.largest(a["A"].dtype)).sum() == 1


@given(st.integers(1, 8).map(lambda h: 2 * h), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_pairs_are_each_in_one_cell(m, seed):
    """Folding keeps every pair once; a pair's cell and a cell's pair are inverse; differences agree with the folded ones."""
    rng = np.random.default_rng(seed)
    S = rng.integers(0, 10**6, (m, m))
    S = S + S.T
    folded = np.asarray(pairs.fold(S))
    held = ~np.asarray(pairs.empty(m))
    assert held.sum() == m * (m - 1) // 2
    seen = set()
    for a, b in zip(*np.nonzero(held), strict=True):
        i, j = (int(x) for x in pairs.pair(a, b, m))
        assert folded[a, b] == S[i, j]
        assert tuple(int(x) for x in pairs.cell(i, j, m)) == tuple(int(x) for x in pairs.cell(j, i, m)) == (a, b)
        seen.add(frozenset((i, j)))
    assert len(seen) == held.sum()
    assert int(pairs.cell(3 % m, 3 % m, m)[0]) == m
    v, w = rng.integers(-99, 99, (2, m))
    product = np.asarray(pairs.differences(jnp.asarray(v)) * pairs.differences(jnp.asarray(w)))
    expected = np.asarray(pairs.fold((v[:, None] - v) * (w[:, None] - w)))
    assert (product[held] == expected[held]).all()


@pytest.mark.parametrize("name", ["qap.enhanced", "qap.hybrid"])
def test_generations_follow_one_another_and_stay_exact(name, draw):
    """Beyond the first generations every value that the state holds is that of its permutation."""
    problem = draw(14, 5, symmetric=(True, False))
    kernel = SimpleNamespace(kernel=type(SOLVERS[name].load())(restarts=3, length=3)).kernel
    a = kernel.arrays(problem)
    state = jax.jit(kernel.step)(a, jax.jit(kernel.init)(a, KEY), np.int32(400))
    assert int(state["ended"]) >= 1 or memetic.full({name: state[name] for name in POPULATION})
    scale = int(a["scale"])
    there = np.asarray(state["values"]) < memetic.largest(state["values"].dtype)
    for p, value in zip(np.asarray(state["members"])[there], np.asarray(state["values"])[there], strict=True):
        assert scale * evaluate(problem, p[:14].astype(int)).objective == value
    for p, value in zip(np.asarray(state["p"]), np.asarray(state["cost"]), strict=True):
        assert scale * evaluate(problem, p[:14].astype(int)).objective == value


@pytest.mark.parametrize("solver", [s for s in FAMILY.solvers if s.name != "qap.fft"], ids=lambda s: s.name)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_tiny_instances_stay_feasible(solver, n, draw):
    """Where nearly every swap is tabu no search swaps a facility with the padding."""
    problem = draw(n, n, symmetric=(n % 2 == 0, n % 2 == 1))
    drive = Drive(FAMILY, solver, [problem], [1])
    best = None
    for count in (1, 5, 100):
        best = drive.advance(count)[0].incumbent or best
    assert evaluate(problem, best.solution).feasible
