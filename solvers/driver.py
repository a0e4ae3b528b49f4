"""Drives a kernel in chunks: the one place where compiled search meets time, checkpoints and verified incumbents.

A :class:`Drive` advances by iterations only, so the same sequence of advances gives the same results on any day;
:class:`Pace` turns seconds into iterations, and the iterations are what events record.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import jax
import numpy as np

from . import devices, programs
from .buckets import lanes as padded_lanes
from .errors import BadInput, SolverFailed
from .pack import Array, pack, unpack
from .problem import Family, Problem
from .seeds import key_data
from .solver import Kernel, Seedable, Solver, load


@dataclass(frozen=True, slots=True)
class Incumbent:
    """A solution that the reference evaluator has checked; ``objective`` is its recomputation, not the kernel's claim."""

    objective: float
    solution: Array


@dataclass(frozen=True, slots=True)
class LaneReport:
    """One lane after an advance: the incumbent if it improved, and whether the kernel has nothing left to do.

    ``error`` is what is wrong with this lane's solution, in a batch: its neighbours are not to blame.
    """

    incumbent: Incumbent | None
    done: bool
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Program:
    init: Any
    step: Any
    inject: Any


@lru_cache(maxsize=256)
def _program(kernel: Kernel[Any]) -> _Program:
    def init(arrays: Any, keys: Any) -> Any:
        return _mapped(kernel.init, arrays, keys)

    def step(arrays: Any, state: Any, iterations: Any) -> Any:
        state = _mapped(lambda a, z: kernel.step(a, z, iterations), arrays, state)
        objective, solution = _mapped(kernel.best, arrays, state)
        return state, objective, solution, _mapped(kernel.done, arrays, state)

    def inject(arrays: Any, state: Any, solutions: Any, chosen: Any) -> Any:
        injected = _mapped(cast("Seedable[Any]", kernel).inject, arrays, state, solutions)
        return jax.tree.map(lambda new, old: _where(chosen, new, old), injected, state)

    return _Program(jax.jit(init), jax.jit(step, donate_argnums=(1,)), jax.jit(inject, donate_argnums=(1,)))


def _mapped(function: Callable[..., Any], *lanes: Any) -> Any:
    """``vmap`` over the first axis; a single lane is spared the batching, which would cost a third of the tracing."""
    if jax.tree.leaves(lanes)[0].shape[0] > 1:
        return jax.vmap(function)(*lanes)
    alone = jax.tree.map(lambda leaf: jax.lax.squeeze(leaf, (0,)), lanes)
    return jax.tree.map(lambda leaf: jax.lax.expand_dims(leaf, (0,)), function(*alone))


def _where(chosen: Any, new: Any, old: Any) -> Any:
    return jax.numpy.where(chosen.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)


def kernel_platform() -> str:
    """Where kernels run by default: ``cpu``, ``gpu`` or ``tpu``."""
    return jax.default_backend()


def shape_key(kernel: Kernel[Any], problem: Problem) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """What must be equal for two problems to share one vmapped call."""
    arrays = kernel.arrays(problem)
    return tuple((name, arrays[name].dtype.str, arrays[name].shape) for name in sorted(arrays))


@lru_cache(maxsize=1024)
def lane_bytes(kernel: Kernel[Any], shape: tuple[tuple[str, str, tuple[int, ...]], ...]) -> int:
    """Bytes that one lane of such a shape holds on the device: its arrays and its state."""
    with jax.enable_x64(any(np.dtype(kind).itemsize == 8 for _, kind, _ in shape)):
        arrays = {name: np.broadcast_to(np.zeros((), kind), dims) for name, kind, dims in shape}
        state = jax.eval_shape(kernel.init, arrays, key_data(0))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((arrays, state)))


class Drive:
    """One or more same-shape instances advanced together by one kernel.

    Args:
        lanes: padded batch size; lanes beyond the problems repeat the first one and are never reported.
        lane: index of the first problem's lane, so that a replay can put a single problem where it was.

    Raises:
        BadInput: the problems do not share one shape.
    """

    def __init__(
        self,
        family: Family[Any],
        solver: Solver[Any],
        problems: Sequence[Problem],
        seeds: Sequence[int],
        *,
        lanes: int | None = None,
        lane: int = 0,
    ) -> None:
        self._family, self._solver, self._problems, self._lane = family, solver, problems, lane
        self._kernel: Kernel[Any] = load(solver)
        self.lanes = padded_lanes(len(problems)) if lanes is None else lanes
        host = [self._kernel.arrays(problem) for problem in problems]
        if any(
            {k: (v.shape, v.dtype) for k, v in a.items()} != {k: (v.shape, v.dtype) for k, v in host[0].items()}
            for a in host
        ):
            msg = "problems driven together must have arrays of equal shapes and dtypes; bucket them first"
            raise BadInput(msg)
        order = [i - lane if 0 <= i - lane < len(problems) else 0 for i in range(self.lanes)]
        stacked = {name: np.stack([host[i][name] for i in order]) for name in host[0]}
        self._x64 = any(v.dtype.itemsize == 8 and v.dtype.kind in "iuf" for v in stacked.values())
        self._device = devices.take(self)
        self._best: list[float | None] = [None] * len(problems)
        self._outside: list[float | None] = [None] * len(problems)
        self._started = False
        self.iterations = 0
        self.compile_seconds = 0.0
        self._program = _program(self._kernel)
        with jax.enable_x64(self._x64):
            self._arrays = jax.device_put(stacked, self._device)
            self._keys = jax.device_put(np.stack([key_data(seeds[i]) for i in order]), self._device)
            self._state: Any = None

    def advance(self, iterations: int) -> list[LaneReport]:
        """Run exactly that many iterations (0 is allowed: it initialises) and report each problem's lane.

        Of equally good solutions a kernel may show another one later, so what is reported depends on where advances end.

        Raises:
            SolverFailed: the only lane's solution is refused by the evaluator; of several lanes, the report carries it.
        """
        claims, solution, finished = self._step(iterations)
        return [
            self._checked(i, claims[self._lane + i], solution, bool(finished[self._lane + i]))
            for i in range(len(self._problems))
        ]

    def skip(self, iterations: int) -> bool:
        """Advance without looking, as if it were the beginning of the next advance; whether no lane has anything left to do."""
        return bool(self._step(iterations)[2].all())

    def _step(self, iterations: int) -> tuple[Array, Any, Array]:
        start = time.perf_counter()
        with jax.enable_x64(self._x64):
            self._initialise()
            self._state, objective, solution, done = self._program.step(self._arrays, self._state, np.int32(iterations))
            claims, finished = np.asarray(objective), np.asarray(done)
        if not self._started:
            self.compile_seconds = time.perf_counter() - start
            self._started = True
            if self.compile_seconds > programs.COMPILED:
                programs.make_room()
        self.iterations += iterations
        return claims, solution, finished

    def inject(self, solutions: Mapping[int, Incumbent]) -> None:
        """Give searches, by problem index, a solution from outside; from then on only what is better counts as found here.

        Raises:
            BadInput: the solver's kernel takes none.
        """
        if not self._solver.seedable:
            msg = f"only a seedable solver takes solutions from outside; {self._solver.name} is not one"
            raise BadInput(msg)
        kernel = cast("Seedable[Any]", self._kernel)
        chosen, padded = np.zeros(self.lanes, bool), None
        for index, incumbent in solutions.items():
            row = kernel.padded(self._problems[index], incumbent.solution)
            padded = np.zeros((self.lanes, *row.shape), row.dtype) if padded is None else padded
            padded[self._lane + index], chosen[self._lane + index] = row, True
            self._outside[index] = self._better(self._outside[index], incumbent.objective)
        if padded is not None:
            with jax.enable_x64(self._x64):
                self._initialise()
                self._state = self._program.inject(self._arrays, self._state, padded, chosen)

    def _better(self, old: float | None, new: float) -> float:
        return old if old is not None and not self._family.better(new, old) else new

    def _initialise(self) -> None:
        if self._state is None:
            self._state = self._program.init(self._arrays, self._keys)

    def _identity(self, index: int) -> Array:
        """uint8[32]: what a checkpoint must agree in, beyond shapes, to be continued here."""
        parts = (self._solver.name, self._solver.version, self._problems[index].packed()[1])
        return np.frombuffer(hashlib.sha256("/".join(parts).encode()).digest(), np.uint8)

    def _checked(self, i: int, claim: Any, solutions: Any, done: bool) -> LaneReport:
        try:
            return self._report(i, claim, solutions, done)
        except Exception as error:
            if len(self._problems) == 1:
                raise
            return LaneReport(None, done, error)

    def _report(self, i: int, claim: Any, solutions: Any, done: bool) -> LaneReport:
        known = [value for value in (self._best[i], self._outside[i]) if value is not None]
        if not all(self._family.better(float(claim), value) for value in known):
            return LaneReport(None, done)
        problem = self._problems[i]
        solution = self._kernel.solution(problem, np.asarray(solutions)[self._lane + i])
        checked = self._family.evaluate(problem, solution)
        if not checked.feasible:
            msg = f"a solver must return feasible solutions; the reference evaluator says: {checked.why}"
            raise SolverFailed(msg)
        if not all(self._family.better(checked.objective, value) for value in known):
            return LaneReport(None, done)
        self._best[i] = checked.objective
        return LaneReport(Incumbent(checked.objective, solution), done)

    def checkpoint(self, index: int = 0) -> bytes:
        """The whole state of one problem's search, canonical bytes; its batch neighbours are no part of it."""
        with jax.enable_x64(self._x64):
            self._initialise()
            lane = [np.asarray(leaf[self._lane + index])[None] for leaf in jax.tree.leaves(self._state)]
        return pack(
            {f"{i:03}": leaf for i, leaf in enumerate(lane)}
            | {"identity": self._identity(index), "iterations": np.int64(self.iterations)}
            | {"outside": np.float64(np.nan if self._outside[index] is None else self._outside[index])}
        )

    def best(self, index: int = 0) -> float | None:
        """The best objective that one problem's search has found itself."""
        return self._best[index]

    def restore(self, content: bytes, *, best: float | None = None) -> None:
        """Continue one problem's search from its checkpoint; the first advance reports its incumbent anew, if better than ``best``.

        Raises:
            BadInput: the checkpoint is of another solver version or problem, or this drive has several lanes.
        """
        arrays = unpack(content)
        with jax.enable_x64(self._x64):
            shape = jax.eval_shape(self._program.init, self._arrays, self._keys)
            expected, tree = jax.tree.flatten(shape)
            fits = {f"{i:03}": (e.shape, e.dtype) for i, e in enumerate(expected)} | {
                "identity": ((32,), np.uint8),
                "iterations": ((), np.int64),
                "outside": ((), np.float64),
            }
            if {name: (a.shape, a.dtype) for name, a in arrays.items()} != fits or not np.array_equal(
                arrays["identity"], self._identity(0)
            ):
                msg = "a checkpoint must come from the same solver version and problem, and continue alone; this one does not fit"
                raise BadInput(msg)
            leaves = [arrays[f"{i:03}"] for i in range(len(expected))]
            self._state = jax.device_put(jax.tree.unflatten(tree, leaves), self._device)
        self._best = [best]
        self._outside = [None if np.isnan(arrays["outside"]) else float(arrays["outside"])]
        self.iterations = int(arrays["iterations"])


class Pace:
    """Chooses chunk sizes so that a chunk takes about ``target`` seconds, from the rate of the last chunks.

    The first two chunks are small: the first also compiles, the second measures.
    """

    def __init__(self, target: float = 0.05) -> None:
        self._target = target
        self._rate: float | None = None
        self._chunks = 0

    def next(self, remaining_seconds: float, remaining_iterations: int | None) -> int:
        """Iterations for the next chunk, at least 1."""
        seconds = max(0.0, min(self._target, remaining_seconds))
        count = 8 if self._chunks == 0 else 64 if self._rate is None else int(self._rate * seconds)
        count = max(1, min(count, 2**24))
        return count if remaining_iterations is None else min(count, remaining_iterations)

    def ran(self, iterations: int, seconds: float) -> None:
        """Record what a chunk cost."""
        self._chunks += 1
        if self._chunks > 1:
            rate = iterations / max(seconds, 1e-6)
            self._rate = rate if self._rate is None else min(4 * self._rate, 0.5 * (self._rate + rate))
