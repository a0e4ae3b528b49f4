"""A toy family without JAX, whose solvers do what a test tells them to: pick the smallest of some numbers."""

import threading
from collections import Counter
from dataclasses import replace
from typing import ClassVar

import numpy as np

from mezan.engine.streams import whole_stream
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import SolverFailed, Transient
from mezan.solvers.problem import Bound, Evaluation, Family, Problem
from mezan.solvers.solver import Answer, Solver


class Toy(Problem):
    """Find the index of the smallest number."""

    family: ClassVar[str] = "toy"
    numbers: tuple[int, ...]

    @property
    def size(self):
        return len(self.numbers)

    def content(self):
        return {"numbers": np.array(self.numbers, np.int32)}

    @classmethod
    def from_content(cls, arrays, *, name="", best_known=None):
        return cls(numbers=tuple(arrays["numbers"].tolist()), name=name, best_known=best_known)


def evaluate(problem, solution):
    index = int(np.asarray(solution).reshape(-1)[0])
    if not 0 <= index < problem.size:
        return Evaluation(float("nan"), feasible=False, why=f"index {index} is out of range")
    return Evaluation(float(problem.numbers[index]), feasible=True)


class Kernel:
    """Looks at one number per iteration, round and round; never done unless ``ends``."""

    def __init__(self, ends=False, lies_at=None):
        self.ends, self.lies_at = ends, lies_at

    def arrays(self, problem):
        numbers = np.full(16, 2**30, np.int32)
        numbers[: problem.size] = problem.numbers
        return {"numbers": numbers, "size": np.int32(problem.size)}

    def init(self, arrays, key):
        import jax.numpy as jnp

        return {"at": jnp.int32(0), "best": jnp.int32(0), "key": key}

    def step(self, arrays, state, iterations):
        import jax
        import jax.numpy as jnp

        def look(_, s):
            at, numbers = s["at"] % arrays["size"], arrays["numbers"]
            best = jnp.where(numbers[at] < numbers[s["best"]], at, s["best"])
            return {**s, "at": s["at"] + 1, "best": best}

        return jax.lax.fori_loop(0, iterations, look, state)

    def best(self, arrays, state):
        import jax.numpy as jnp

        index = state["best"]
        if self.lies_at is not None:
            index = jnp.where(arrays["numbers"][0] == self.lies_at, 99, index)
        return arrays["numbers"][state["best"]].astype(jnp.float32), index[None]

    def done(self, arrays, state):
        return state["at"] >= arrays["size"] if self.ends else state["at"] < 0

    def solution(self, problem, padded):
        return np.asarray(padded, np.int32)


class SeedableKernel(Kernel):
    """Takes an index from outside, and goes on looking."""

    def padded(self, problem, solution):
        return np.asarray(solution, np.int32)

    def inject(self, arrays, state, solution):
        import jax.numpy as jnp

        numbers = arrays["numbers"]
        return {**state, "best": jnp.where(numbers[solution[0]] < numbers[state["best"]], solution[0], state["best"])}


class Climber(SeedableKernel):
    """Goes to the smaller neighbour, ``strides`` times an iteration, and is stuck where there is none until it is told better."""

    def __init__(self, strides=1):
        super().__init__()
        self.strides = strides

    def step(self, arrays, state, iterations):
        import jax
        import jax.numpy as jnp

        numbers, last = arrays["numbers"], arrays["size"] - 1

        def stride(_, s):
            best, at = s["best"], jnp.clip(s["best"] + jnp.array([-1, 1]), 0, last)
            nearest = at[jnp.argmin(numbers[at])]
            return {**s, "best": jnp.where(numbers[nearest] < numbers[best], nearest, best)}

        moved = jax.lax.fori_loop(0, iterations * self.strides, stride, state)
        return {**moved, "at": state["at"] + iterations}


class Breaking(SeedableKernel):
    """Answers nonsense from some iteration on."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def best(self, arrays, state):
        import jax.numpy as jnp

        objective, index = super().best(arrays, state)
        broken = state["at"] >= self.after
        return jnp.where(broken, -(2.0**20), objective), jnp.where(broken, 99, index)


def smallest(problem, budget, seed):
    return Answer(np.array([int(np.argmin(problem.numbers))], np.int32))


def first(problem, budget, seed):
    return Answer(np.array([0], np.int32))


def broken(problem, budget, seed):
    raise SolverFailed("it broke \ud800")


def crashing(problem, budget, seed):
    raise ZeroDivisionError("oops")


def lying(problem, budget, seed):
    return Answer(np.array([problem.size], np.int32))


class Flaky:
    """Fails transiently ``failures`` times on each problem, then answers."""

    def __init__(self, failures):
        self.failures, self.calls = failures, Counter()

    def __call__(self, problem, budget, seed):
        self.calls[problem.numbers] += 1
        if self.calls[problem.numbers] <= self.failures:
            raise Transient("try again")
        return first(problem, budget, seed)


class Gated:
    """Waits until the test opens the gate; says when it has begun."""

    def __init__(self):
        self.begun, self.gate, self.order = threading.Event(), threading.Event(), []

    def __call__(self, problem, budget, seed):
        self.order.append(problem.numbers)
        self.begun.set()
        if not self.gate.wait(20):
            raise SolverFailed("the test did not open the gate")
        return first(problem, budget, seed)


def solver(name, procedure, runs_in="inline", **options):
    return Solver(
        name=f"toy.{name}",
        family="toy",
        version="1",
        summary="a toy",
        reference="none",
        load=lambda: procedure,
        runs_in=runs_in,
        **options,
    )


FAMILY = Family(
    name="toy",
    sense="min",
    problem=Toy,
    features=lambda problem: {"size": float(problem.size), "first": float(problem.numbers[0])},
    bound=lambda problem: Bound(-1000.0, "nothing is below"),
    evaluate=evaluate,
    solvers=(),
    read=lambda text, name: Toy(numbers=tuple(map(int, text.split())), name=name),
    from_json=lambda request: Toy(**request),
)


def catalog(*solvers, **changes):
    """A catalogue with the toy family alone."""
    return Catalog([replace(FAMILY, solvers=solvers, **changes)])


async def history(engine, run):
    """The events of a run, or of the run of that id."""
    return [recorded.event for recorded in await whole_stream(engine.store, getattr(run, "id", run))]


def of(events, kind, task=None):
    """Those of one kind (of ``task``)."""
    return [event for event in events if isinstance(event, kind) and (task is None or event.task == task)]
