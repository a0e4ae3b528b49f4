"""The kernel `qap.fft`: optima, what every kernel must keep, and the published instances."""

from itertools import combinations, permutations

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from qap_structures import classes, flows, manhattan, torus_distances, xor

from mezan.solvers.driver import Drive, Incumbent, load
from mezan.solvers.errors import BadInput
from mezan.solvers.qap import QAP
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.structure import structure_of
from mezan.solvers.qap.structured.collapse import collapse, permutation_of, subset_of
from mezan.solvers.qap.structured.kernel import StructuredSearch
from mezan.solvers.qap.structured.subset import SubsetSearch
from mezan.solvers.seeds import key_data

FFT = next(solver for solver in FAMILY.solvers if solver.name == "qap.fft")
LOADED = load(FFT)


def grey(r, c, k):
    return QAP(A=classes(np.arange(r * c) < k, (1, 0, 0, 0), (1, 0)), B=torus_distances(r, c))


def directed(n, k, seed):
    rng = np.random.default_rng(seed)
    u = np.isin(np.arange(n), rng.permutation(n)[:k])
    return QAP(A=classes(u, rng.integers(-9, 9, 4), rng.integers(-9, 9, 2)), B=rng.integers(-20, 20, (n, n)))


def partly_idle(n, busy, seed):
    """Flows of which only the first few facilities have any."""
    A = flows(n, seed)
    A[busy:] = A[:, busy:] = 0
    return A[::-1, ::-1]


EACH = {
    "idle": QAP(A=partly_idle(16, 7, 6), B=xor(np.arange(16) % 5)),
    "subset": grey(4, 5, 7),
    "torus": QAP(A=flows(12, 1), B=torus_distances(3, 4)),
    "xor": QAP(A=flows(16, 2), B=xor(np.arange(16) % 5)),
    "grid": QAP(A=manhattan(3, 4), B=flows(12, 3)),
}
each = pytest.mark.parametrize("problem", EACH.values(), ids=EACH)


def advance(problem, counts, seed=0):
    drive = Drive(FAMILY, FFT, [problem], [seed])
    best = None
    for count in counts:
        best = drive.advance(count)[0].incumbent or best
    return best, drive


def by_permutations(problem):
    return min(evaluate(problem, np.array(p)).objective for p in permutations(range(problem.size)))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize(("n", "k"), [(3, 1), (4, 2), (6, 3), (7, 2), (7, 5), (7, 6)])
def test_small_subset_problems_are_solved(n, k, real, turned):
    """Any class values, diagonals, asymmetric distances, flows and distances exchanged: the optimum of all permutations."""
    problem = directed(n, k, 10 * n + k)
    A, B = (problem.B, problem.A) if turned else (problem.A, problem.B)
    problem = QAP(A=A / 7, B=B / 3) if real else QAP(A=A, B=B)
    structure = structure_of(problem)
    assert structure is not None
    assert (structure.matrix, structure.kind) == ("B" if turned else "A", "subset")
    found, _ = advance(problem, [0, 5])
    assert found.objective == pytest.approx(by_permutations(problem), rel=1e-12, abs=1e-9 if real else 0)


@pytest.mark.parametrize(("r", "c", "k"), [(3, 3, 4), (3, 4, 5), (4, 4, 6), (4, 5, 8)])
def test_grey_patterns_are_solved(r, c, k):
    """Small tori: the optimum of every subset of locations."""
    problem = grey(r, c, k)
    found, _ = advance(problem, [5])
    assert found.objective == min(
        int(problem.B[np.ix_(S, S)].sum()) for S in combinations(range(r * c), k)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["torus", "xor", "grid"])
def test_small_instances_of_each_invariance_are_solved(name):
    """Eight facilities on a 2 x 4 torus, a cube and a grid: the optimum of all permutations."""
    B = {"torus": torus_distances(2, 4), "xor": xor(np.array([0, 3, 5, 6, 2, 9, 4, 1])), "grid": manhattan(2, 4)}[name]
    problem = QAP(A=flows(8, 4), B=B)
    assert structure_of(problem).kind in {"xor", name}
    assert advance(problem, [300])[0].objective == by_permutations(problem)


@pytest.mark.parametrize("busy", [1, 2, 4, 5])
def test_instances_with_idle_facilities_are_solved(busy):
    """Swaps among facilities without flow are left out, and the optimum of all permutations is found all the same."""
    problem = QAP(A=partly_idle(8, busy, busy) + 0, B=manhattan(2, 4))
    assert structure_of(problem) is not None
    assert advance(problem, [0, 200])[0].objective == by_permutations(problem)


def test_no_move_is_spent_on_idle_facilities():
    """Whatever the search does, each move places a facility with flow anew."""
    problem = EACH["idle"]
    a = LOADED.arrays(problem)
    assert a["idle"].sum() == 9
    state, step = jax.jit(LOADED.init)(a, key_data(2)), jax.jit(LOADED.step)
    for _ in range(60):
        before, state = np.asarray(state["p"]), step(a, state, np.int32(1))
        moved = before != np.asarray(state["p"])
        assert (moved.sum(1) == 2).all()
        assert moved[:, ~a["idle"]].any(1).all()
    for p, cost in zip(state["p"], state["cost"], strict=True):
        assert evaluate(problem, np.asarray(p)[:16]).objective == cost


@given(st.integers(3, 9), st.integers(0, 2**32 - 1), st.sampled_from([1, 2**12, 2**19]))
@example(3, 775, 1)
@settings(deadline=None, max_examples=60)
def test_the_collapse_is_the_objective(n, seed, unit):
    """Every permutation's objective is that of its subset, exactly, and subsets and permutations translate both ways."""
    rng = np.random.default_rng(seed)
    problem = directed(n, int(rng.integers(1, n)), seed)
    problem = QAP(A=problem.A * unit, B=problem.B * unit)
    structure = structure_of(problem)
    a = collapse(problem, structure)
    p = rng.permutation(n)
    S = subset_of(problem, structure, p)
    assert S.sum() == a["k"] == structure.shape[0]
    Q, w = a["Q"][:n, :n].astype(object), a["w"][:n].astype(object)
    value = Q[np.ix_(S, S)].sum() // 2 + w[S].sum() + int(a["constant"])
    assert value == evaluate(problem, p).objective
    assert (subset_of(problem, structure, permutation_of(problem, structure, S)) == S).all()
    assert max(abs(int(x)) for x in (Q @ S.astype(int) + w)) <= a["reach"]


@pytest.mark.parametrize("problem", [grey(4, 5, 7), directed(17, 6, 3)], ids=["torus", "directed"])
def test_what_is_kept_stays_exact(problem):
    """After moves, births and an injection every search's gains and costs equal a full recomputation."""
    search, a = SubsetSearch(searches=5, moves=7), LOADED.arrays(problem)
    state = jax.jit(search.step)(a, jax.jit(search.init)(a, key_data(3)), np.int32(40))
    state = jax.jit(search.inject)(a, state, state["best_S"][2])
    state = jax.jit(search.step)(a, state, np.int32(3))
    assert state["births"] > 5
    assert state["record"] <= state["best"].min()
    for i in range(5):
        for S, cost in ((state["S"][i], state["cost"][i]), (state["best_S"][i], state["best"][i])):
            members = np.flatnonzero(S)
            assert len(members) == a["k"]
            assert members.max() < problem.size
            assert a["Q"][np.ix_(members, members)].sum() // 2 + a["w"][members].sum() == cost
        np.testing.assert_array_equal(state["h"][i], a["Q"] @ np.asarray(state["S"][i]).astype(int) + a["w"])


@each
def test_chunks_do_not_matter(problem):
    """Where chunks end and whether a checkpoint lies between them changes no bit of the state."""
    _, whole = advance(problem, [37])
    _, parts = advance(problem, [0, 1, 20])
    _, restored = advance(problem, [])
    restored.restore(parts.checkpoint())
    restored.advance(16)
    assert restored.checkpoint() == whole.checkpoint()


@pytest.mark.parametrize("name", ["subset", "idle"])
def test_padding_does_not_matter(name):
    """The same key gives the same incumbent hardly padded as in a large bucket; the others search as qap.tabu does."""
    problem = EACH[name]

    def run(a):
        with jax.enable_x64(any(v.dtype.itemsize == 8 for v in a.values())):
            state = jax.jit(LOADED.step)(a, jax.jit(LOADED.init)(a, key_data(0)), np.int32(20))
            objective, solution = LOADED.best(a, state)
            return int(objective), LOADED.solution(problem, np.asarray(solution)).tolist()

    kernel = LOADED
    size = problem.size
    assert run(kernel.prepared(problem, size + size % 2)) == run(kernel.prepared(problem, 32))


def test_lanes_do_not_matter():
    """A subset problem has the same course alone and among others of its bucket."""
    problems = [grey(4, 5, 7), grey(3, 7, 6), grey(2, 11, 9)]
    drive = Drive(FAMILY, FFT, problems, [0, 1, 2])
    together = [report.incumbent for report in drive.advance(6)]
    for i, problem in enumerate(problems):
        alone = Drive(FAMILY, FFT, [problem], [i], lanes=4, lane=i).advance(6)[0].incumbent
        assert alone.objective == together[i].objective
        assert alone.solution.tolist() == together[i].solution.tolist()


@each
def test_a_solution_from_outside_is_worked_in(problem):
    """What is injected is held and not reported as found here; padded solutions read back as equally good."""
    known, _ = advance(problem, [60], seed=9)
    drive = Drive(FAMILY, FFT, [problem], [1])
    drive.inject({0: Incumbent(known.objective, known.solution)})
    report = drive.advance(1)[0]
    assert report.incumbent is None or report.incumbent.objective < known.objective
    drive._best, drive._outside = [None], [None]
    assert drive.advance(0)[0].incumbent.objective <= known.objective
    back = LOADED.solution(problem, LOADED.padded(problem, known.solution))
    assert evaluate(problem, back).objective == known.objective


def test_a_single_facility_among_alike_ones_ends_by_itself():
    """One hub: once it has been tried everywhere nothing is left to do."""
    problem = QAP(A=classes(np.arange(9) == 4, (0, 1, 1, 0)), B=flows(9, 1))
    report = Drive(FAMILY, FFT, [problem], [0]).advance(1)[0]
    assert report.done
    assert report.incumbent.objective == 2 * problem.B.sum(0).min()


def test_without_structure_nothing_is_solved(draw):
    """No other mode in disguise: the kernel itself refuses too."""
    with pytest.raises(BadInput, match=r"qap\.fft needs a structure"):
        Drive(FAMILY, FFT, [draw(9, 0)], [0])


def test_settings_are_part_of_the_kernel():
    """Kernels are compared by value, so that equal ones share compiled programs."""
    assert StructuredSearch() == StructuredSearch(subset=SubsetSearch(searches=16))
    assert StructuredSearch() != StructuredSearch(subset=SubsetSearch(searches=4))


@pytest.mark.parametrize("name", ["esc16a", "nug12"])
def test_committed_instances_reach_their_optimum(name, instance):
    """A hypercube and a grid of QAPLIB."""
    problem = instance(name)
    assert advance(problem, [300])[0].objective == problem.best_known


@pytest.mark.shared
@pytest.mark.parametrize(
    ("prefix", "iterations"), [("esc16", 500), ("esc32", 1000), ("esc64", 500), ("esc128", 1000), ("tai64c", 20)]
)
def test_published_values_are_reached(prefix, iterations, shared):
    """Every instance of the class beside the checkout: its best known value within a fixed number of iterations."""
    for path in shared:
        if path.stem.startswith(prefix):
            problem = QAP.from_qaplib(path)
            assert advance(problem, [1, iterations])[0].objective == problem.best_known, path.stem
