"""Robust tabu search (Taillard 1991, "Robust taboo search for the quadratic assignment problem", Parallel Computing 17).

Each iteration makes the best swap that is not tabu: undoing it is forbidden for a random number of iterations, a swap
that would give a new best is always allowed, and one whose facilities have not been at those locations for a long time
is forced. Several independent searches from random permutations advance together.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..pack import Array
from . import moves
from .problem import QAP

NEVER = 2**31 - 1
LAST = 2**31 - 2**16
"""The iteration counter stops here, so that tabu dates (at most 8n later) stay within int32."""


@dataclass(frozen=True)
class RobustTabu:
    """Taillard's search; an iteration is one move of each of ``restarts`` searches, O(restarts n^2).

    Attributes:
        restarts: searches that share a step.
        tenure: a move stays tabu for ``tenure * n * u^3`` iterations, u uniform.
        patience: a placement unused for ``patience * n^2`` iterations is forced.
    """

    restarts: int = 8
    tenure: int = 8
    patience: int = 5

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`moves.prepare`."""
        return moves.prepare(problem)

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Random permutations, nothing tabu."""
        keys = jax.random.split(key, moves.restarts(arrays["A"].shape[0], self.restarts))
        p = jax.vmap(moves.shuffled, (None, 0))(arrays, keys)
        seeds = jax.vmap(lambda key: jax.random.bits(jax.random.fold_in(key, 1), (), jnp.uint32))(keys)
        searches = jax.vmap(self._from, (None, None, 0, 0))(arrays, jnp.int32(0), p, seeds)
        return {"it": jnp.int32(1), **searches}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            it = state["it"]
            searches = {name: leaf for name, leaf in state.items() if name != "it"}
            moved = jax.vmap(self._move, (None, None, 0))(arrays, it, searches)
            return {"it": jnp.minimum(it + 1, LAST), **moved}

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best permutation of all searches."""
        i = jnp.argmin(state["best"])
        return moves.claim(arrays, state["best"][i]), state["best_p"][i]

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """Only when the iteration counter is used up."""
        return state["it"] >= LAST

    def solution(self, problem: QAP, padded: Array) -> Array:
        """The first n entries."""
        return moves.placed(problem, padded)

    def padded(self, problem: QAP, solution: Array) -> Array:
        """See :func:`moves.padded`."""
        return moves.padded(problem, solution)

    def inject(self, arrays: dict[str, Any], state: dict[str, Any], solution: Any) -> dict[str, Any]:
        """The search with the worst best goes on from ``solution``, nothing tabu."""
        i = jnp.argmax(state["best"])
        at = self._from(arrays, state["it"], solution, state["seed"][i])
        improves = at["cost"] < state["best"][i]
        at |= {name: jnp.where(improves, at[name], state[name][i]) for name in ("best", "best_p")}
        return {"it": state["it"], **{name: state[name].at[i].set(leaf) for name, leaf in at.items()}}

    def _from(self, a: dict[str, Any], it: Any, p: Any, seed: Any) -> dict[str, Any]:
        k, alive = jnp.arange(p.shape[0], dtype=jnp.int32), moves.live(a)
        # Distinct dates in the past: every placement is allowed, and they come due for forcing in turn.
        T = it - (a["n"] * k[:, None] + k)
        dead = ~(alive[:, None] & alive) | (k[:, None] == k)
        U = jnp.where(dead, NEVER, jnp.minimum(T[:, p], T[:, p].T))
        cost = moves.objective(a, p)
        return {**moves.start(a, p), "T": T, "U": U, "cost": cost, "best": cost, "best_p": p, "seed": seed}

    def _move(self, a: dict[str, Any], it: Any, z: dict[str, Any]) -> dict[str, Any]:
        """One move. ``T[i, q]``: until when facility i may not return to q; ``U_ij = min(T[i, p_j], T[j, p_i])``."""
        n, D, U = a["n"], z["D"], z["U"]
        record = z["best"] - z["cost"]

        def rank(D: Any, U: Any) -> Any:
            forced = ((it - self.patience * n * n > U) | (record > D)) & (U < NEVER)
            # Offsets just beyond every delta: forced moves rank before all others, and among themselves by delta.
            return jnp.where(forced, D - 2 * a["reach"], jnp.where(it > U, D, 2 * a["reach"]))

        s = jnp.argmin(moves.column_min(rank(D, U)))  # values first: reducing (value, index) pairs is slow
        r = jnp.argmin(rank(D[s], U[s]))
        cost = z["cost"] + D[s, r]
        pr, ps = z["p"][r], z["p"][s]
        nb = moves.swap(a, {name: z[name] for name in ("p", "N", "h", "D")}, r, s)
        T = z["T"].at[r, pr].set(self._until(z["seed"], it, n, 0)).at[s, ps].set(self._until(z["seed"], it, n, 1))
        U = _retabu(a, U, T, nb["p"], r, s)
        better = cost < z["best"]
        return {
            **nb,
            "T": T,
            "U": U,
            "cost": cost,
            "best": jnp.where(better, cost, z["best"]),
            "best_p": jnp.where(better, nb["p"], z["best_p"]),
            "seed": z["seed"],
        }

    def _until(self, seed: Any, it: Any, n: Any, salt: int) -> Any:
        u = moves.uniform(moves.draw(seed, it, salt))
        return it + (u * u * u * (self.tenure * n)).astype(jnp.int32)


def _retabu(a: dict[str, Any], U: Any, T: Any, p: Any, r: Any, s: Any) -> Any:
    """Rows and columns r, s of U after those two moved; no other entry changes."""
    k = jnp.arange(p.shape[0], dtype=jnp.int32)

    def row(i: Any) -> Any:
        return jnp.where((k < a["n"]) & (k != i), jnp.minimum(T[i][p], T[:, p[i]]), NEVER)

    Ur, Us = row(r), row(s)
    return U.at[:, r].set(Ur).at[:, s].set(Us).at[r].set(Ur).at[s].set(Us)
