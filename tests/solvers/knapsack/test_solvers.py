"""The portfolio and the bounds against independent exact methods."""

import csv
import ctypes
import math
import os
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.solvers.budget import Budget
from mezan.solvers.driver import Drive, load, shape_key
from mezan.solvers.errors import SolverFailed
from mezan.solvers.knapsack import Knapsack, highs
from mezan.solvers.knapsack.bounds import dantzig, fitting, martello_toth
from mezan.solvers.knapsack.family import FAMILY
from mezan.solvers.knapsack.reduce import reduce

DP, HIGHS, GREEDY = FAMILY.solvers
DATA = Path(__file__).parents[2] / "data" / "knapsack"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "allocation"
OWN = sorted(path for path in DATA.iterdir() if path.suffix in FAMILY.suffixes)


def instances(most_items, largest_weight, largest_value=1000):
    """Instances of every kind: weightless, worthless and too heavy items, nothing fits, everything fits."""
    item = st.tuples(st.integers(0, largest_value), st.integers(0, largest_weight))
    return st.builds(
        lambda items, share: Knapsack(
            values=[v for v, _ in items],
            weights=[w for _, w in items],
            capacity=int(share * sum(w for _, w in items)),
        ),
        st.lists(item, min_size=1, max_size=most_items),
        st.floats(0, 1.2),
    )


def correlated(n, seed, largest=40):
    """Instances that the bounds leave open: value = weight + a constant."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, largest, n)
    return Knapsack(values=weights + 10, weights=weights, capacity=int(weights.sum() * rng.uniform(0.2, 0.7)))


def solved(solver, problem):
    """A procedure's answer and its checked objective."""
    answer = load(solver)(problem, Budget(time_limit=20), 0)
    checked = FAMILY.evaluate(problem, answer.solution)
    assert checked.feasible, checked.why
    return answer, checked.objective


@pytest.mark.parametrize("path", OWN, ids=[path.stem for path in OWN])
def test_the_optima_in_the_repository_are_proved_and_reached(path, oracle, run_dp):
    """Each instance's recorded optimum is the oracle's, and both exact solvers reach it."""
    problem = FAMILY.read(path.read_text(), path.stem)
    optimum = oracle(problem)
    assert FAMILY.best_known(problem, path.with_suffix(FAMILY.solution_suffix).read_text()) == optimum
    objectives, solution = run_dp(problem)
    assert objectives[-1] == optimum
    assert FAMILY.evaluate(problem, solution).objective == optimum
    answer, objective = solved(HIGHS, problem)
    assert objective == optimum
    assert answer.proved_optimal or int(problem.values.max()) >= highs.PROVABLE


@settings(max_examples=150, deadline=None)
@given(problem=instances(10, 30))
def test_dynamic_programming_equals_enumeration(problem, oracle, run_dp):
    """On small instances of every kind the table finds the optimum over all subsets."""
    objectives, _ = run_dp(problem)
    assert objectives[-1] == oracle(problem)
    assert objectives == sorted(set(objectives))


@settings(max_examples=40, deadline=None)
@given(problem=instances(60, 100) | st.builds(correlated, st.integers(11, 60), st.integers(0, 10**6)))
def test_dynamic_programming_equals_an_independent_table(problem, oracle, run_dp):
    """On mid sizes it equals a table that neither sorts nor reduces."""
    assert run_dp(problem)[0][-1] == oracle(problem)


@settings(max_examples=20, deadline=None)
@given(problem=instances(10, 30, largest_value=2**31 - 1))
def test_values_on_both_sides_of_32_bits_are_exact(problem, oracle, run_dp):
    """Values whose total needs 64 bits, and single values near 2^31, lose nothing."""
    assert run_dp(problem)[0][-1] == oracle(problem)


@settings(max_examples=100, deadline=None)
@given(problem=instances(10, 30))
def test_bounds_hold_and_greedy_is_within_half(problem, oracle):
    """optimum <= Martello-Toth <= Dantzig, and greedy is feasible and at least half of the optimum."""
    optimum, fits = oracle(problem), fitting(problem)
    values, weights = problem.values[fits], problem.weights[fits]
    upper = martello_toth(values, weights, problem.capacity)
    assert optimum <= upper <= dantzig(values, weights, problem.capacity).floor
    assert FAMILY.bound(problem).value == upper
    assert solved(GREEDY, problem)[1] >= optimum / 2


@settings(max_examples=15, deadline=None)
@given(problem=instances(40, 1000))
def test_bounds_are_exact_in_numbers_that_overflow_64_bits(problem):
    """Scaling weights and capacity changes no bound; scaling values refines its floor: no rounding, no wrapping."""
    bound = FAMILY.bound(problem).value
    for factor in (2**bits for bits in range(33)):
        weights, capacity = problem.weights * factor, problem.capacity * factor
        heavier = Knapsack(values=problem.values, weights=weights, capacity=capacity)
        assert FAMILY.bound(heavier).value == bound
        dearer = Knapsack(values=problem.values * factor, weights=weights, capacity=capacity)
        assert bound * factor <= FAMILY.bound(dearer).value < (bound + 1) * factor


@settings(max_examples=400, deadline=None)
@given(problem=instances(10, 9, largest_value=9) | st.builds(correlated, st.integers(2, 10), st.integers(0, 10**6)))
def test_the_reduction_keeps_every_better_solution(problem, oracle):
    """The optimum is the incumbent's, or that of the open items beside the fixed ones."""
    reduced = reduce(problem)
    value = int(problem.values[reduced.fixed].sum())
    assert int(problem.weights[reduced.fixed].sum()) <= problem.capacity
    if len(reduced.items):
        rest = Knapsack(values=problem.values[reduced.items], weights=reduced.weights, capacity=reduced.capacity)
        value += oracle(rest)
    assert max(value, reduced.value) == oracle(problem)


@settings(max_examples=15, deadline=None)
@given(problem=instances(40, 100) | st.builds(correlated, st.integers(11, 40), st.integers(0, 10**6)))
def test_highs_equals_an_independent_table_and_proves_it(problem, oracle):
    """HiGHS finds and proves the optimum of instances in the range where its proofs are passed on."""
    answer, objective = solved(HIGHS, problem)
    assert objective == oracle(problem)
    assert answer.proved_optimal
    assert answer.work["nodes"] >= 0


def jooken(n=60, scale=10**9):
    """Items in groups at scale / 2, scale / 4, ... plus noise: hard for bounds (the construction of Jooken et al.)."""
    rng = np.random.default_rng(7)
    weights = np.concatenate([scale // 2**g + rng.integers(1, 300, n // 6) for g in range(1, 7)])
    return Knapsack(values=weights + rng.integers(-100, 100, len(weights)), weights=weights, capacity=scale)


def test_highs_passes_on_no_proof_above_its_tolerance():
    """With weights above 1e6 an answer is feasible but not called optimal unless it meets the exact bound."""
    problem = jooken()
    answer = load(HIGHS)(problem, Budget(time_limit=0.5), 0)
    checked = FAMILY.evaluate(problem, answer.solution)
    assert checked.feasible
    assert answer.proved_optimal == (checked.objective == FAMILY.bound(problem).value)


def test_highs_without_an_answer_has_failed(monkeypatch):
    """No feasible answer is SolverFailed, not the greedy solution under another name."""
    real = highs.milp

    def interrupted(*args, **kwargs):
        result = real(*args, **kwargs)
        result.x = None
        return result

    monkeypatch.setattr(highs, "milp", interrupted)
    with pytest.raises(SolverFailed, match="no feasible answer in 3 seconds"):
        highs.solve(correlated(60, 1), Budget(time_limit=3), 0)


def test_an_overfilled_answer_is_repaired_and_not_called_optimal(monkeypatch):
    """Where rounding HiGHS's answer breaks the capacity, items leave until it fits and the proof is withdrawn."""
    real = highs.milp

    def overfilled(*args, **kwargs):
        result = real(*args, **kwargs)
        result.x = np.ones_like(result.x)
        return result

    monkeypatch.setattr(highs, "milp", overfilled)
    problem = correlated(60, 1)
    answer = highs.solve(problem, Budget(time_limit=3), 0)
    checked = FAMILY.evaluate(problem, answer.solution)
    assert checked.feasible
    assert not answer.proved_optimal or checked.objective == FAMILY.bound(problem).value


def test_what_highs_prints_is_for_nobody(monkeypatch, capfd):
    """HiGHS writes debugging lines to file descriptor 1, at once or when C's buffer is full."""
    real = highs.milp

    def chatty(*args, **kwargs):
        os.write(1, b"HiGHS says\n")
        ctypes.CDLL(None).puts(b"HiGHS says more")
        return real(*args, **kwargs)

    monkeypatch.setattr(highs, "milp", chatty)
    highs.solve(correlated(60, 1), Budget(time_limit=3), 0)
    os.write(1, b"ours\n")
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr() == ("ours\n", "")


def test_solvers_refuse_what_they_cannot_do():
    """The table says how many cells it would need, HiGHS which number is too large; greedy takes everything."""
    wide, huge = jooken(), Knapsack(values=[2**52, 1], weights=[1, 1], capacity=1)
    assert "cells" in DP.refuses(wide)
    assert HIGHS.refuses(wide) is None
    assert str(2**52) in HIGHS.refuses(huge)
    assert DP.refuses(huge) is None
    even = 2 * np.arange(1, 20_002)  # an odd capacity cannot be met, so the bound settles no item
    many = Knapsack(values=even, weights=even, capacity=int(even.sum() // 2) | 1)
    assert "time limit" in HIGHS.refuses(many)
    assert "cells" in DP.refuses(many)
    assert GREEDY.refuses(many) is None
    assert GREEDY.refuses(wide) is GREEDY.refuses(huge) is None


def test_a_common_factor_of_the_weights_shrinks_the_table(oracle, run_dp):
    """A capacity in the thousands of millions is no obstacle when the weights share a factor."""
    weights = np.arange(1, 41) * 10**8
    problem = Knapsack(values=weights // 10**8 + 10, weights=weights, capacity=205 * 10**8 + 5)
    assert DP.refuses(problem) is None
    assert run_dp(problem)[0][-1] == oracle(problem)


@settings(max_examples=15, deadline=None)
@given(i=st.integers(0, 40), j=st.integers(0, 40), seed=st.integers(0, 10**6))
def test_steps_compose_to_the_bit(i, j, seed):
    """step(i) then step(j) is step(i + j), state and all, also past the last item."""
    kernel, problem = load(DP), correlated(50, seed)
    arrays = kernel.arrays(problem)
    step = jax.jit(kernel.step)
    start = kernel.init(arrays, None)
    apart = step(arrays, step(arrays, start, np.int32(i)), np.int32(j))
    at_once = step(arrays, start, np.int32(i + j))
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(apart), jax.tree.leaves(at_once), strict=True))


def test_lanes_of_a_batch_equal_single_lanes():
    """Four instances in one call give, chunk by chunk, what each gives alone, and so does a lone lane of the batch."""
    problems = [correlated(50, seed) for seed in range(20)]
    same = [p for p in problems if shape_key(load(DP), p) == shape_key(load(DP), problems[0])][:3]
    assert len(same) == 3
    batch = Drive(FAMILY, DP, same, [0, 1, 2])
    alone = [Drive(FAMILY, DP, [p], [s]) for s, p in enumerate(same)]
    placed = Drive(FAMILY, DP, [same[2]], [2], lanes=4, lane=2)
    assert batch.lanes == 4
    for _ in range(6):
        reports = batch.advance(10)
        singles = [drive.advance(10)[0] for drive in [*alone, placed]]
        for one, other in zip([*reports, reports[2]], singles, strict=True):
            assert one.done == other.done
            assert (one.incumbent is None) == (other.incumbent is None)
            if one.incumbent is not None:
                assert one.incumbent.objective == other.incumbent.objective
                assert np.array_equal(one.incumbent.solution, other.incumbent.solution)


def test_an_incumbent_is_there_from_the_start_and_only_improves(run_dp):
    """Before any item is entered the greedy solution stands."""
    problem = FAMILY.read((DATA / "strong60.kp").read_text(), "strong60")
    first = Drive(FAMILY, DP, [problem], [0]).advance(0)[0]
    assert first.incumbent.objective == solved(GREEDY, problem)[1]
    objectives, _ = run_dp(problem, chunk=1)
    assert objectives == sorted(set(objectives))


@settings(max_examples=60, deadline=None)
@given(problem=instances(10, 5, largest_value=5))
def test_features_are_finite_and_have_the_same_names(problem):
    """Constant, weightless and worthless items give numbers too, under the names of every instance."""
    features = FAMILY.features(problem)
    assert features.keys() == FAMILY.features(correlated(20, 0)).keys()
    assert all(math.isfinite(x) for x in features.values())
    assert 0 <= features["gap"] <= 1
    assert -1 <= features["correlation"] <= 1


def shared(folder):
    """The benchmark's files and best known values; skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip("the benchmark data is not beside this checkout")
    with (SHARED / "best_known.csv").open() as table:
        best = {row["instance"]: int(row["best"]) for row in csv.DictReader(table) if row["kind"] == folder}
    for path in sorted((SHARED / folder).glob("*.txt")):
        yield FAMILY.read(path.read_text(), path.stem), best[path.stem]


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["knapsack", "knapsack_hard"])
def test_the_benchmarks_are_read_bounded_and_solved(folder, run_dp):
    """On every file the bound holds; what the table accepts it solves to the known optimum."""
    accepted = 0
    for problem, best in shared(folder):
        assert problem.best_known in {None, best}
        assert FAMILY.bound(problem).value >= best
        assert solved(GREEDY, problem)[1] <= best
        if DP.refuses(problem) is None and reduce(problem).capacity < 500_000:
            assert run_dp(problem, chunk=256)[0][-1] == best
            accepted += 1
    assert accepted == (16 if folder == "knapsack" else 0)


@pytest.mark.shared
def test_the_pisinger_files_are_proved_by_highs():
    """HiGHS proves the known optimum of each Pisinger file."""
    for problem, best in shared("knapsack"):
        answer, objective = solved(HIGHS, problem)
        assert objective == best
        assert answer.proved_optimal
