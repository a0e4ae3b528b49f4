"""Iterated 2-swap descent: best improvement to a local optimum, a kick of random swaps, and again.

The baseline of the field (best-improvement 2-swap as in Heider 1972), iterated as in Lourenço, Martin and Stützle 2003.
A kick is made of ordinary swaps, so the neighbourhood never has to be rebuilt. Its strength grows while a search falls
back into local optima that are no better, as in breakout local search (Benlic and Hao 2013), up to a new start.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..pack import Array
from . import moves
from .problem import QAP

WEAKEST = 3


@dataclass(frozen=True)
class IteratedDescent:
    """An iteration is one swap of each of ``restarts`` searches, O(restarts n^2).

    Attributes:
        restarts: searches that share a step.
        cycle: local optima until the kick's strength, from 3 swaps to n, starts over.
    """

    restarts: int = 8
    cycle: int = 32

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`moves.prepare`."""
        return moves.prepare(problem)

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Random permutations."""
        keys = jax.random.split(key, moves.restarts(arrays["A"].shape[0], self.restarts))
        return jax.vmap(self._start, (None, 0))(arrays, keys)

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            return jax.vmap(self._move, (None, 0))(arrays, state)

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best permutation of all searches."""
        i = jnp.argmin(state["best"])
        return moves.claim(arrays, state["best"][i]), state["best_p"][i]

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """Never: there is always another kick."""
        return jnp.bool_(False)

    def solution(self, problem: QAP, padded: Array) -> Array:
        """The first n entries."""
        return moves.placed(problem, padded)

    def _start(self, a: dict[str, Any], key: Any) -> dict[str, Any]:
        p = moves.shuffled(a, key)
        cost = moves.objective(a, p)
        seed = jax.random.bits(jax.random.fold_in(key, 1), (), jnp.uint32)
        zero = jnp.int32(0)
        # kick: random swaps still to make; fails: local optima since the last better one; count: of random draws
        search = {"cost": cost, "best": cost, "best_p": p, "home": cost, "kick": zero, "fails": zero, "count": zero}
        return {**moves.start(a, p), **search, "seed": seed}

    def _move(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        n, D, kicking = a["n"], z["D"], z["kick"] > 0
        r, s, descends = moves.best_swap(a, D, z["cost"])
        optimal = ~kicking & ~descends

        i = (moves.draw(z["seed"], z["count"], 0) % n.astype(jnp.uint32)).astype(jnp.int32)
        j = (moves.draw(z["seed"], z["count"], 1) % (n - 1).astype(jnp.uint32)).astype(jnp.int32)
        j = j + (j >= i)
        r, s = jnp.where(kicking, i, jnp.where(descends, r, 0)), jnp.where(kicking, j, jnp.where(descends, s, 0))
        cost = z["cost"] + jnp.where(r == s, jnp.zeros((), D.dtype), D[r, s])
        nb = moves.swap(a, {name: z[name] for name in ("p", "N", "h", "D")}, r, s)

        improved = z["cost"] < z["home"] - moves.noise(z["cost"])
        fails = jnp.where(optimal, jnp.where(improved, 0, (z["fails"] + 1) % self.cycle), z["fails"])
        strength = WEAKEST + (jnp.maximum(n - WEAKEST, 0) * fails) // self.cycle
        better = cost < z["best"]
        return {
            **nb,
            "cost": cost,
            "best": jnp.where(better, cost, z["best"]),
            "best_p": jnp.where(better, nb["p"], z["best_p"]),
            "home": jnp.where(optimal, z["cost"], z["home"]),
            "kick": jnp.where(optimal, strength, jnp.maximum(z["kick"] - 1, 0)),
            "fails": fails,
            "count": z["count"] + kicking,
            "seed": z["seed"],
        }
