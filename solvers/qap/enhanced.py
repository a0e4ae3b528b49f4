"""Memetic search over robust tabu: see `memetic` and `tabu`.

A generation is as many children as there are searches in step, each searched for ``length`` moves; then the population
takes in their best solutions and makes the next children.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..pack import Array
from . import memetic, moves, tabu
from .problem import QAP
from .symmetry import symmetries

POPULATION = ("members", "values", "hall", "hall_values", "stale", "ended")
OWN = ("it", "left", *POPULATION)


FEWEST, FULL = 2, 48
"""Children of a generation: all of ``restarts`` up to this padded size, then fewer. A step of many costs little less each
(2 children of 100 facilities run at .87 of the rate of 16), and the more follow one another, the more they learn.
"""


@dataclass(frozen=True)
class Enhanced:
    """An iteration is ``tabu.BLOCK`` moves of each of ``restarts`` searches.

    Attributes:
        restarts: most children of a generation.
        length: moves that each child is searched for, per facility.
    """

    restarts: int = 8
    length: int = 20

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`moves.prepare`; ``length``, an int32 scalar; the :func:`symmetries` of the matrices, ``A_turns`` and
        ``B_turns`` (8, m).
        """
        a = moves.prepare(problem)
        turns = {f"{name}_turns": symmetries(M, len(a["A"])) for name, M in (("A", problem.A), ("B", problem.B))}
        return a | turns | {"length": np.array(self.length * problem.size, np.int32)}

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """The identity, an empty population, and no moves left: the first step begins with a generation."""
        m = arrays["A"].shape[0]
        seeds = moves.seeds(key, max(FEWEST, moves.restarts(m, self.restarts, full=FULL)))
        p = jnp.tile(jnp.arange(m, dtype=jnp.int32), (len(seeds), 1))
        shapes = jax.eval_shape(jax.vmap(tabu.begin, (None, None, 0, 0)), arrays, jnp.int32(0), p, seeds)
        searches = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in shapes.items()}
        cost = jnp.full(len(seeds), moves.objective(arrays, p[0]))
        searches |= {"p": p, "best_p": p, "cost": cost, "best": cost, "seed": seeds}
        population = memetic.empty(m, arrays["A"].dtype)
        return {"it": jnp.int32(1), "left": jnp.int32(0), **population, **searches}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, z: dict[str, Any]) -> dict[str, Any]:
            return self.block(arrays, z)

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def block(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        """The next generation if this one's moves are used up, and one block of moves."""
        z = moves.when(z["left"] <= 0, lambda z: generation(a, z), z)
        searches = {name: leaf for name, leaf in z.items() if name not in OWN}
        it = jnp.minimum(z["it"] + tabu.BLOCK, tabu.LAST)
        return {**z, **tabu.advance(a, z["it"], searches), "it": it, "left": z["left"] - tabu.BLOCK}

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best of the population and of all searches."""
        i = jnp.argmin(state["best"])
        value, member = memetic.best({name: state[name] for name in POPULATION})
        p = jnp.where(state["best"][i] <= value, state["best_p"][i], member)
        return moves.claim(arrays, jnp.minimum(state["best"][i], value)), p

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """Only when the move counter is used up."""
        return state["it"] >= tabu.LAST

    def solution(self, problem: QAP, padded: Array) -> Array:
        """The first n entries."""
        return moves.placed(problem, padded)

    def padded(self, problem: QAP, solution: Array) -> Array:
        """See :func:`moves.padded`."""
        return moves.padded(problem, solution)

    def inject(self, arrays: dict[str, Any], state: dict[str, Any], solution: Any) -> dict[str, Any]:
        """The population takes it in as any other candidate."""
        population = {name: state[name] for name in POPULATION}
        value = moves.objective(arrays, solution)
        return {**state, **memetic.insert(arrays, population, solution, value)}


def generation(a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
    """The searches end, the population takes in what they found, and the next ones begin."""
    population = {name: z[name] for name in POPULATION}

    def take(r: Any, population: dict[str, Any]) -> dict[str, Any]:
        return memetic.insert(a, population, z["best_p"][r], z["best"][r])

    population = memetic.renewed(jax.lax.fori_loop(0, z["seed"].shape[0], take, population))
    starts = memetic.breed(a, population, z["seed"], z["it"])
    searches = jax.vmap(tabu.begin, (None, None, 0, 0))(a, z["it"], starts, z["seed"])
    return {"it": z["it"], "left": a["length"], **population, **searches}
