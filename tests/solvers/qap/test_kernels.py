"""What every kernel of the portfolio must keep."""

from itertools import permutations

import jax
import numpy as np
import pytest

from mezan.solvers.driver import Drive, load, shape_key
from mezan.solvers.qap import QAP, moves
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.symmetry import symmetries
from mezan.solvers.seeds import key_data

# qap.fft takes only instances with a structure: structured/test_fft.py asks the same of it.
SOLVERS = {solver.name: solver for solver in FAMILY.solvers if solver.name != "qap.fft"}
BUDGET = {
    "qap.enhanced": 300,
    "qap.hybrid": 350,
    "qap.instance_adaptive": 300,
    "qap.aggressive": 300,
    "qap.tabu": 300,
    "qap.annealing": 16_000,
    "qap.faq": 1_200,
    "qap.descent": 1_500,
    "qap.nesterov": 1_500,
}
SMALL = ("chr12a", "esc16a", "had12", "nug12", "rou12", "tai12a")
each = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def optimum(problem):
    """By enumeration."""
    return min(evaluate(problem, np.array(p)).objective for p in permutations(range(problem.size)))


def by_shape(kernel, problems):
    """Lists of problems that can be driven together: what an instance is searched as may depend on its structure."""
    shapes = [shape_key(kernel, problem) for problem in problems]
    return [[p for p, s in zip(problems, shapes, strict=True) if s == shape] for shape in dict.fromkeys(shapes)]


def advance(solver, problems, counts, **where):
    """Advance by each count in turn; the last verified incumbents, and the drive."""
    drive = Drive(FAMILY, solver, problems, range(len(problems)), **where)
    best = [None] * len(problems)
    for count in counts:
        for i, report in enumerate(drive.advance(count)):
            best[i] = report.incumbent or best[i]
    return best, drive


def test_the_portfolio_is_in_order_of_quality():
    """Untried solvers are taken strongest first."""
    strongest = ["qap.enhanced", "qap.hybrid", "qap.instance_adaptive", "qap.aggressive"]
    assert list(SOLVERS) == [*strongest, "qap.tabu", "qap.descent", "qap.annealing", "qap.nesterov", "qap.faq"]


@each
def test_best_known_values_are_reached(solver, instance):
    """Six QAPLIB instances, one batch, a fixed number of iterations: every best known value."""
    problems = [instance(name) for name in SMALL]
    best, _ = advance(solver, problems, [BUDGET[solver.name]])
    assert {p.name: b.objective for p, b in zip(problems, best, strict=True)} == {
        p.name: p.best_known for p in problems
    }


@pytest.mark.parametrize(
    ("name", "symmetric"),
    [(name, both) for name in SOLVERS for both in ((True, True), (False, False))]
    + [("qap.tabu", (True, False)), ("qap.tabu", (False, True))],
)
def test_optima_are_found(name, symmetric, draw):
    """Sizes 2 to 7 with diagonals and negative entries: the optimum of enumeration, symmetric or not."""
    problems = [draw(n, n, symmetric=symmetric) for n in (2, 3, 4, 5, 6, 6, 7, 7)]
    for alike in by_shape(load(SOLVERS[name]), problems):
        best, _ = advance(SOLVERS[name], alike, [0, 1, 200, 200])
        assert [b.objective for b in best] == [optimum(p) for p in alike]


@pytest.mark.parametrize("name", ["qap.tabu", "qap.descent"])
def test_real_data(name, draw):
    """Real numbers reach the optimum of enumeration, recomputed without kernel error."""
    problem = draw(6, 1, real=True)
    (found,), _ = advance(SOLVERS[name], [problem], [500])
    assert found.objective == pytest.approx(optimum(problem), rel=1e-12)


def test_large_integers(draw):
    """Objectives beyond int32 are exact."""
    small = draw(6, 2)
    large = QAP(A=small.A * 10**5 + 1, B=small.B * 10**5 + 1)
    (found,), drive = advance(SOLVERS["qap.annealing"], [large], [500])
    assert found.objective == optimum(large) > 2**33
    kernel = load(SOLVERS["qap.annealing"])
    assert kernel.arrays(large)["A"].dtype == np.int64
    assert drive.advance(100)[0].incumbent is None


@each
def test_chunks_do_not_matter(solver, instance):
    """Where chunks end and whether a checkpoint lies between them changes no bit of the state."""
    problem = [instance("nug12")]
    _, whole = advance(solver, problem, [137])
    _, parts = advance(solver, problem, [0, 1, 60])
    _, restored = advance(solver, problem, [])
    restored.restore(parts.checkpoint())
    restored.advance(76)
    assert restored.checkpoint() == whole.checkpoint()


@each
def test_lanes_do_not_matter(solver, instance):
    """A problem has the same course alone and among others, in any lane, at the same batch size."""
    problems = [instance(name) for name in SMALL]
    together, _ = advance(solver, problems, [3, 50])
    drive = Drive(FAMILY, solver, [problems[4]], [4], lanes=8, lane=4)
    alone = [drive.advance(k)[0].incumbent for k in (3, 50)]
    last = [incumbent for incumbent in alone if incumbent][-1]
    assert last.objective == together[4].objective
    assert last.solution.tolist() == together[4].solution.tolist()


@each
def test_padding_does_not_matter(solver, draw):
    """The same key gives the same incumbent unpadded as in the instance's bucket, where no two swaps tie."""
    one, other = draw(12, 0), draw(12, 1)
    kernel, problem = load(solver), QAP(A=11 * one.A + other.A, B=13 * other.B - one.B)

    @jax.jit
    def run(arrays):
        return kernel.best(arrays, kernel.step(arrays, kernel.init(arrays, key_data(0)), 40))

    arrays = moves.prepare(problem, problem.size)
    if "length" in (bucketed := kernel.arrays(problem)):  # the memetic ones
        turns = {f"{x}_turns": symmetries(M, problem.size) for x, M in (("A", problem.A), ("B", problem.B))}
        arrays |= turns | {"length": bucketed["length"]}
    objective, p = run(arrays)
    (best,), _ = advance(solver, [problem], [40])
    assert objective == best.objective
    assert kernel.solution(problem, p).tolist() == best.solution.tolist()


def test_fully_asymmetric_instances_are_solved(instance):
    """bur26a, both of whose matrices are asymmetric with diagonals: the optimum within a fixed budget."""
    problem = instance("bur26a")
    (best,), _ = advance(SOLVERS["qap.tabu"], [problem], [1_000])
    assert best.objective == problem.best_known


def test_a_search_ends_with_its_counter():
    """Tabu search stops itself before its iteration counter could overflow, and says so."""
    kernel = load(SOLVERS["qap.tabu"])
    problem = QAP(A=np.ones((3, 3)), B=np.ones((3, 3)))
    a = kernel.arrays(problem)
    state = jax.jit(kernel.init)(a, np.array([0, 1], np.uint32))
    step = jax.jit(kernel.step)
    state["it"] = np.int32(2**31 - 2**16 - 10)
    assert not kernel.done(a, step(a, state, 1))
    assert kernel.done(a, step(a, state, 5))


def test_faq_refuses_what_its_steps_cannot_afford():
    """Cubic steps are kept to sizes where one is short."""
    large = QAP(A=np.zeros((513, 513)), B=np.zeros((513, 513)))
    assert "at most 512" in SOLVERS["qap.faq"].refuses(large)
    assert SOLVERS["qap.tabu"].refuses(large) is None
