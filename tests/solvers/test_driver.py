"""Driving kernels: chunks, lanes, checkpoints, and a reference evaluator that trusts no kernel."""

import hashlib
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mezan.solvers import programs
from mezan.solvers.buckets import bucket
from mezan.solvers.driver import Drive, Pace, load, shape_key
from mezan.solvers.errors import BadInput, SolverFailed
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.knapsack.family import FAMILY
from mezan.solvers.pack import pack, unpack
from mezan.solvers.solver import Solver

DP = FAMILY.solvers[0]


@dataclass(frozen=True)
class Wander:
    """A toy kernel: each iteration draws an item and takes it if it fits.

    It claims ``lie`` times the true value, and from iteration ``breaks_at`` on returns every item.
    """

    lie: float = 1.0
    breaks_at: int = 1_000_000

    def arrays(self, problem):
        pad = bucket(problem.size) - problem.size
        return {
            "values": np.pad(problem.values, (0, pad)).astype(np.float32),
            "weights": np.pad(problem.weights, (0, pad), constant_values=problem.capacity + 1).astype(np.int32),
            "capacity": np.array(problem.capacity, np.int32),
            "n": np.array(problem.size, np.int32),
        }

    def init(self, arrays, key):
        return {"key": key, "taken": jnp.zeros(arrays["values"].shape, bool), "at": jnp.int32(0)}

    def step(self, arrays, state, iterations):
        def one(_, s):
            key, sub = jax.random.split(s["key"])
            taken = s["taken"].at[jax.random.randint(sub, (), 0, arrays["n"])].set(True)
            fits = jnp.sum(jnp.where(taken, arrays["weights"], 0)) <= arrays["capacity"]
            return {"key": key, "taken": jnp.where(fits, taken, s["taken"]), "at": s["at"] + 1}

        return jax.lax.fori_loop(0, iterations, one, state)

    def best(self, arrays, state):
        value = jnp.sum(jnp.where(state["taken"], arrays["values"], 0))
        return value * self.lie, state["taken"] | (state["at"] >= self.breaks_at)

    def done(self, arrays, state):
        return state["at"] >= 200

    def solution(self, problem, padded):
        return padded[: problem.size].astype(np.int8)


def toy(**fields):
    kernel = Wander(**fields)
    return Solver(
        name="knapsack.toy",
        family="knapsack",
        version="1",
        summary="",
        reference="",
        load=lambda: kernel,
    )


def problem(seed, n=20):
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 50, n)
    return Knapsack(values=rng.integers(1, 50, n), weights=weights, capacity=int(weights.sum() // 2))


PLAIN = toy()


def final(drive, chunks):
    """The last incumbent over some chunks."""
    last = None
    for chunk in chunks:
        last = drive.advance(chunk)[0].incumbent or last
    return last


@pytest.mark.parametrize("solver", [PLAIN, DP], ids=lambda solver: solver.name)
def test_a_search_continued_from_a_checkpoint_equals_one_that_was_not_interrupted(solver):
    """Checkpoint, restore into a fresh drive, continue: the same state to the bit, the same incumbent."""
    whole = Drive(FAMILY, solver, [problem(1)], [7])
    before = Drive(FAMILY, solver, [problem(1)], [7])
    end = final(whole, [5, 10])
    final(before, [5])
    stored = before.checkpoint()
    after = Drive(FAMILY, solver, [problem(1)], [99])
    after.restore(stored)
    assert after.iterations == 5
    continued = final(after, [10])
    assert after.checkpoint() == whole.checkpoint()
    assert continued.objective == end.objective
    assert np.array_equal(continued.solution, end.solution)


def test_where_chunks_end_leaves_no_trace():
    """The same iterations in other chunks end in the same state."""
    apart, at_once = (Drive(FAMILY, PLAIN, [problem(1)], [7]) for _ in range(2))
    final(apart, [1, 2, 3, 4, 5])
    final(at_once, [15])
    assert apart.checkpoint() == at_once.checkpoint()


def test_a_checkpoint_is_not_written_to_by_the_search_that_continues_it():
    """JAX may borrow NumPy's memory and reuse what it is given: the stored bytes must survive two continuations."""
    first = Drive(FAMILY, DP, [problem(1)], [7])
    final(first, [2])
    stored = first.checkpoint()
    digest = hashlib.sha256(stored).hexdigest()
    ends = []
    for _ in range(2):
        drive = Drive(FAMILY, DP, [problem(1)], [7])
        drive.restore(stored)
        final(drive, [4])
        ends.append(drive.checkpoint())
    assert ends[0] == ends[1]
    assert hashlib.sha256(stored).hexdigest() == digest


def foreign():
    """Bytes that are no checkpoint of ``PLAIN`` on ``problem(1)``."""
    drive = Drive(FAMILY, PLAIN, [problem(1)], [7])
    good = unpack(drive.checkpoint())
    yield "garbage", b"garbage"
    yield "no arrays", pack({})
    yield "a leaf less", pack({name: a for name, a in good.items() if name != "000"})
    yield "a leaf more", pack(good | {"003": np.zeros(1)})
    yield "another dtype", pack(good | {"000": good["000"].astype(float)})
    yield "another shape", pack(good | {"iterations": np.zeros(2, np.int64)})
    yield "another problem", Drive(FAMILY, PLAIN, [problem(2)], [7]).checkpoint()
    yield "another version", Drive(FAMILY, replace(PLAIN, version="2"), [problem(1)], [7]).checkpoint()
    yield "another solver", Drive(FAMILY, DP, [problem(1)], [7]).checkpoint()


@pytest.mark.parametrize("case", range(9))
def test_a_checkpoint_of_something_else_is_refused(case):
    """Other bytes, solvers, versions and problems are BadInput, and the drive still works."""
    name, content = list(foreign())[case]
    drive = Drive(FAMILY, PLAIN, [problem(1)], [7])
    with pytest.raises(BadInput):
        drive.restore(content)
    assert drive.advance(1)[0].incumbent is not None, name


def test_each_lane_is_what_it_is_alone():
    """Three instances share a call of four lanes; each is what it is alone with its seed, checkpoint included."""
    problems = [problem(seed) for seed in range(3)]
    batch = Drive(FAMILY, PLAIN, problems, [10, 11, 12])
    placed = Drive(FAMILY, PLAIN, problems[1:2], [11], lanes=4, lane=1)
    assert batch.lanes == 4
    together = [batch.advance(4), batch.advance(30)]
    again = [placed.advance(4), placed.advance(30)]
    for i, (one, seed) in enumerate(zip(problems, [10, 11, 12], strict=True)):
        alone = Drive(FAMILY, PLAIN, [one], [seed])
        for reports in together:
            assert_same(reports[i], alone.advance(4 if reports is together[0] else 30)[0])
        assert batch.checkpoint(i) == alone.checkpoint()
    for reports, single in zip(together, again, strict=True):
        assert_same(reports[1], single[0])


def assert_same(one, other):
    assert one.done == other.done
    assert (one.incumbent is None) == (other.incumbent is None)
    if one.incumbent is not None:
        assert one.incumbent.objective == other.incumbent.objective
        assert np.array_equal(one.incumbent.solution, other.incumbent.solution)


def test_problems_of_different_shapes_are_not_driven_together():
    """A batch must share one bucket; shape_key says beforehand whether it does."""
    small, large = problem(1, 8), problem(1, 20)
    assert shape_key(load(PLAIN), small) != shape_key(load(PLAIN), large)
    assert shape_key(load(PLAIN), problem(1, 17)) == shape_key(load(PLAIN), problem(1, 24))
    with pytest.raises(BadInput, match="equal shapes"):
        Drive(FAMILY, PLAIN, [small, large], [1, 2])


@pytest.mark.parametrize("lie", [2.0, 1000.0])
def test_a_wrong_claim_is_corrected(lie):
    """What a kernel claims is not what is reported: every objective is the evaluator's, and each improves."""
    drive = Drive(FAMILY, toy(lie=lie), [problem(1)], [7])
    seen = [report.incumbent for report in (drive.advance(3)[0] for _ in range(20)) if report.incumbent]
    assert seen
    for incumbent in seen:
        assert incumbent.objective == FAMILY.evaluate(problem(1), incumbent.solution).objective
    objectives = [incumbent.objective for incumbent in seen]
    assert objectives == sorted(set(objectives))


@pytest.mark.parametrize("lie", [1.0, 2.0])
def test_an_infeasible_solution_is_a_failure(lie):
    """A kernel that returns what the evaluator refuses has failed, with the evaluator's reason."""
    drive = Drive(FAMILY, toy(lie=lie, breaks_at=5), [problem(1)], [7])
    assert drive.advance(3)[0].incumbent is not None
    with pytest.raises(SolverFailed, match="must weigh at most"):
        drive.advance(50)


def test_done_is_reported_when_nothing_is_left():
    """A lane is done when its kernel says so."""
    drive = Drive(FAMILY, PLAIN, [problem(1)], [7])
    assert [drive.advance(150)[0].done, drive.advance(50)[0].done] == [False, True]
    assert drive.iterations == 200


def test_64_bit_arrays_change_no_global():
    """A kernel with wide integers runs in 64 bits, and JAX is as it was afterwards."""
    wide = Knapsack(values=[2**40 + 1, 2**40 + 2, 2**40 + 2], weights=[2, 3, 3], capacity=5)
    report = Drive(FAMILY, DP, [wide], [0]).advance(8)[0]
    assert report.incumbent.objective == 2**41 + 3
    assert not jax.config.jax_enable_x64


def test_pace_turns_a_rate_into_chunks():
    """After two small chunks the size follows the measured rate, the time left and the iterations left."""
    pace = Pace(target=0.05)
    assert pace.next(10, None) == 8
    pace.ran(8, 3.0)  # compiled
    assert pace.next(10, None) == 64
    pace.ran(64, 0.064)
    assert pace.next(10, None) == 50
    assert pace.next(0.01, None) == 10
    assert pace.next(10, 7) == 7
    assert pace.next(-1, None) == 1


def test_pace_does_not_leap_on_one_fast_chunk():
    """One lucky measurement at most quadruples the rate, and a chunk has a ceiling."""
    pace = Pace(target=0.05)
    pace.ran(8, 3.0)
    pace.ran(64, 0.064)
    pace.ran(50, 1e-9)
    assert pace.next(10, None) == 200
    for _ in range(40):
        pace.ran(2**30, 1e-9)
    assert pace.next(10, None) == 2**24


def test_compiled_programs_are_forgotten_before_memory_maps_run_out(monkeypatch):
    """At half of the limit; a search under way goes on to the same end. Without it, LLVM brought the process down."""
    going = Drive(FAMILY, PLAIN, [problem(1)], [7])
    going.advance(5)
    monkeypatch.setattr(programs, "COMPILED", 0.0)
    monkeypatch.setattr(programs, "limit", lambda: 1)
    before = programs.maps()
    for n in (40, 70, 130):
        Drive(FAMILY, toy(lie=1.0 + n / 1_000), [problem(2, n)], [1]).advance(1)
    assert programs.maps() < before
    going.advance(10)
    assert going.checkpoint() == _after(15)


def _after(iterations):
    drive = Drive(FAMILY, PLAIN, [problem(1)], [7])
    drive.advance(iterations)
    return drive.checkpoint()
