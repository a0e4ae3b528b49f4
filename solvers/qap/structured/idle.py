"""Robust tabu search (Taillard 1991) where some facilities have no flow at all: swaps among those are left out.

Such a swap changes nothing, so it is always the best move next to a local optimum, and a search would make little else:
97 of the 128 facilities of esc128 are idle, and ``qap.tabu`` stays above its best known value.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...pack import Array
from .. import moves, tabu
from ..problem import QAP
from .setup import start


def idle(problem: QAP, size: int) -> Array:
    """Boolean (size,): the facilities without any flow, if they are at least two."""
    A = problem.A
    without = np.zeros(size, bool)
    without[: len(A)] = ~(A.any(0) | A.any(1))
    return without if without.sum() > 1 else np.zeros(size, bool)


@dataclass(frozen=True)
class BusyTabu:
    """An iteration is one move of each search: the best swap of two facilities that are not both idle, O(n^2).

    The state is that of ``moves.start`` with ``T`` and ``U`` (m, m) as in `tabu`; ``a`` holds ``idle``, boolean (m,).
    """

    def init(self, a: dict[str, Any], nb: dict[str, Any], seeds: Any) -> dict[str, Any]:
        """Searches at the neighbourhoods ``nb`` (see ``moves.start``; leading axis R)."""
        return {"it": jnp.int32(1), **jax.vmap(_begin, (None, None, 0, 0))(a, jnp.int32(0), nb, seeds)}

    def step(self, a: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            searches = {name: leaf for name, leaf in state.items() if name != "it"}
            moved = jax.vmap(_move, (None, None, 0))(a, state["it"], searches)
            return {"it": jnp.minimum(state["it"] + 1, tabu.LAST), **moved}

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def best(self, a: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best permutation of all searches."""
        i = jnp.argmin(state["best"])
        return moves.claim(a, state["best"][i]), state["best_p"][i]

    def done(self, a: dict[str, Any], state: dict[str, Any]) -> Any:
        """Only when the move counter is used up."""
        return state["it"] >= tabu.LAST

    def inject(self, a: dict[str, Any], state: dict[str, Any], solution: Any) -> dict[str, Any]:
        """The search with the worst best goes on from ``solution``, nothing tabu."""
        i = jnp.argmax(state["best"])
        at = _begin(a, state["it"], start(a, solution), state["seed"][i])
        improves = at["cost"] < state["best"][i]
        at |= {name: jnp.where(improves, at[name], state[name][i]) for name in ("best", "best_p")}
        return {"it": state["it"], **{name: state[name].at[i].set(leaf) for name, leaf in at.items()}}


def _begin(a: dict[str, Any], it: Any, nb: dict[str, Any], seed: Any) -> dict[str, Any]:
    """One search, nothing tabu: dates in the past, so that placements come due for forcing in turn."""
    p, cost = nb["p"], moves.objective(a, nb["p"])
    k = jnp.arange(p.shape[0], dtype=jnp.int32)
    T = it - (a["n"] * k[:, None] + k)
    U = jnp.where(_open(a, k[:, None]), jnp.minimum(T[:, p], T[:, p].T), tabu.NEVER)
    return {**nb, "T": T, "U": U, "cost": cost, "best": cost, "best_p": p, "seed": seed}


def _move(a: dict[str, Any], it: Any, z: dict[str, Any]) -> dict[str, Any]:
    n, D, U, far = a["n"], z["D"], z["U"], 2 * a["reach"]
    record = z["best"] - z["cost"]

    def rank(D: Any, U: Any) -> Any:
        forced = ((it - tabu.PATIENCE * n * n > U) | (record > D)) & (U < tabu.NEVER)
        return jnp.where(forced, D - far, jnp.where(it > U, D, far))

    s = jnp.argmin(moves.column_min(rank(D, U))).astype(jnp.int32)
    r = jnp.argmin(rank(D[s], U[s])).astype(jnp.int32)
    r = jnp.where(U[s, r] < tabu.NEVER, r, s)  # nothing allowed: stay
    cost = z["cost"] + jnp.where(r == s, jnp.zeros_like(D[s, r]), D[s, r])
    left = z["p"][jnp.stack([r, s])]
    nb = moves.swap(a, {name: z[name] for name in ("p", "N", "h", "D")}, r, s)
    u = jnp.stack([moves.uniform(moves.draw(z["seed"], it, salt)) for salt in (0, 1)])
    until = it + (u * u * u * (tabu.TENURE * n)).astype(jnp.int32)
    T = z["T"].at[r, left[0]].set(until[0]).at[s, left[1]].set(until[1])

    def row(i: Any) -> Any:
        return jnp.where(_open(a, i), jnp.minimum(T[i][nb["p"]], T[:, nb["p"][i]]), tabu.NEVER)

    Ur, Us = row(r), row(s)
    better = cost < z["best"]
    return {
        **nb,
        "T": T,
        "U": U.at[:, r].set(Ur).at[:, s].set(Us).at[r].set(Ur).at[s].set(Us),
        "cost": cost,
        "best": jnp.where(better, cost, z["best"]),
        "best_p": jnp.where(better, nb["p"], z["best_p"]),
        "seed": z["seed"],
    }


def _open(a: dict[str, Any], i: Any) -> Any:
    """Which swaps with facility ``i`` (an index, or a column of them) are looked at."""
    k = jnp.arange(a["A"].shape[0], dtype=jnp.int32)
    return (i < a["n"]) & (k < a["n"]) & (k != i) & ~(a["idle"][i] & a["idle"])
