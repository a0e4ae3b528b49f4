"""Fast approximate QAP (Vogelstein et al. 2015, "Fast approximate quadratic programming for graph matching", PLoS ONE 10).

Frank-Wolfe on the relaxation to doubly stochastic X, ``f(X) = <X, A X B^T>``: the gradient's best vertex is a linear
assignment, the step along it is exact, and the end is projected to the nearest permutation. Then 2-swap descent
polishes, and the next run starts elsewhere near the barycentre. Different from the paper: the assignments come from a
bounded auction, so a direction may be slightly worse than the best vertex (the exact line search then takes a shorter
step, or none); and starts mix the barycentre with a random permutation, which is cheaper than Sinkhorn balancing.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..pack import Array
from . import moves
from .auction import assign
from .problem import QAP

RELAX, PROJECT, POLISH = 0, 1, 2


@dataclass(frozen=True)
class FAQ:
    """An iteration is one Frank-Wolfe step, one projection or one polishing swap of each of ``restarts`` runs.

    Attributes:
        restarts: runs that go through their phases together.
        steps: most Frank-Wolfe steps of a run.
        spread: largest weight of the random permutation in a start.
    """

    restarts: int = 8
    steps: int = 15
    spread: float = 0.8

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`moves.prepare`."""
        return moves.prepare(problem)

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Starts around the barycentre; the first one is the barycentre itself."""
        count = moves.restarts(arrays["A"].shape[0], self.restarts, full=112)
        p = jax.vmap(moves.shuffled, (None, 0))(arrays, jax.random.split(key, count))
        cost = jax.vmap(moves.objective, (None, 0))(arrays, p)
        weight = jnp.linspace(0, self.spread, count, dtype=jnp.float32)
        relaxed = jax.vmap(relax_from, (None, 0, 0))(arrays, p, weight)
        polished = jax.vmap(moves.start, (None, 0))(arrays, p)
        runs = {**relaxed, **polished, "cost": cost, "best": cost, "best_p": p}
        return {"phase": jnp.int32(RELAX), "steps": jnp.int32(0), "round": jnp.int32(1), "key": key, "runs": runs}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, z: dict[str, Any]) -> dict[str, Any]:
            phase = z["phase"]
            z = moves.when(phase == RELAX, lambda z: self._relax(arrays, z), z)
            z = moves.when(phase == PROJECT, lambda z: self._project(arrays, z), z)
            return moves.when(phase == POLISH, lambda z: self._polish(arrays, z), z)

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best permutation of all runs."""
        runs = state["runs"]
        i = jnp.argmin(runs["best"])
        return moves.claim(arrays, runs["best"][i]), runs["best_p"][i]

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """Never: there is always another start."""
        return jnp.bool_(False)

    def solution(self, problem: QAP, padded: Array) -> Array:
        """The first n entries."""
        return moves.placed(problem, padded)

    def _relax(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        runs, moved = jax.vmap(frank_wolfe, (None, 0))(a, z["runs"])
        steps = z["steps"] + 1
        over = (steps == self.steps) | ~moved.any()
        return {**z, "runs": runs, "steps": steps, "phase": jnp.where(over, jnp.int32(PROJECT), jnp.int32(RELAX))}

    def _project(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        runs = jax.vmap(_project, (None, 0))(a, z["runs"])
        return {**z, "runs": runs, "phase": jnp.int32(POLISH)}

    def _polish(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        runs, moved = jax.vmap(_descend, (None, 0))(a, z["runs"])
        again = {**z, "runs": runs}
        return moves.when(~moved.any(), lambda z: self._restart(a, z), again)

    def _restart(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        count = z["runs"]["cost"].shape[0]
        key = jax.random.fold_in(z["key"], z["round"])
        p = jax.vmap(moves.shuffled, (None, 0))(a, jax.random.split(key, count))
        weight = self.spread * jax.random.uniform(jax.random.fold_in(key, count), (count,), jnp.float32)
        runs = {**z["runs"], **jax.vmap(relax_from, (None, 0, 0))(a, p, weight)}
        return {**z, "runs": runs, "round": z["round"] + 1, "steps": jnp.int32(0), "phase": jnp.int32(RELAX)}


def _scaled(a: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The pairs (X_t, Y_t) with ``gradient = sum_t X_t P Y_t^T`` (up to a factor), float32, entries within one."""
    pairs, _ = moves.terms(a)

    def unit(M: Any) -> Any:
        return M.astype(jnp.float32) / jnp.maximum(jnp.abs(M).max().astype(jnp.float32), 1e-30)

    return [(unit(X), unit(Y)) for X, Y in pairs]


def _vertex_gradient(a: dict[str, Any], q: Any) -> Any:
    """The gradient at the permutation ``q``: ``X Y^T`` with permuted rows, one product per term."""
    return sum(jnp.matmul(X, Y.T[q], precision="highest") for X, Y in _scaled(a))


def relax_from(a: dict[str, Any], p: Any, weight: Any) -> dict[str, Any]:
    """``X = (1 - weight) J + weight P`` on the live part, its gradient ``G``, and zero prices."""
    alive = moves.live(a)
    n = a["n"].astype(jnp.float32)
    J = (alive[:, None] & alive) / n
    P = (p[:, None] == jnp.arange(p.shape[0])) & alive[:, None]
    GJ = sum(X.sum(1)[:, None] * Y.sum(1) / n for X, Y in _scaled(a))
    G = (1 - weight) * GJ + weight * _vertex_gradient(a, p)
    return {"X": (1 - weight) * J + weight * P, "G": G, "prices": jnp.zeros(p.shape, jnp.float32)}


def frank_wolfe(a: dict[str, Any], z: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """One step: best vertex Q of the gradient, exact line search on ``f(X + alpha (Q - X))``."""
    alive = moves.live(a)
    q, prices = assign(z["G"], a["n"], z["prices"])
    Q = ((q[:, None] == jnp.arange(q.shape[0])) & alive[:, None]).astype(jnp.float32)
    GQ = _vertex_gradient(a, q)
    slope = (z["G"] * (Q - z["X"])).sum()
    curve = ((GQ - z["G"]) * (Q - z["X"])).sum() / 2
    inside = jnp.clip(-slope / jnp.maximum(2 * curve, 1e-30), 0, 1)
    alpha = jnp.where(curve > 0, inside, jnp.where(slope + curve < 0, 1.0, 0.0))
    X, G = z["X"] + alpha * (Q - z["X"]), z["G"] + alpha * (GQ - z["G"])
    return {**z, "X": X, "G": G, "prices": prices}, alpha > 1e-3


def nearest(a: dict[str, Any], X: Any) -> Any:
    """The permutation nearest to X (m, m): largest ``<X, P>``."""
    return assign(-X, a["n"], jnp.zeros(X.shape[0], jnp.float32))[0]


def _project(a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
    p = nearest(a, z["X"])
    return _record({**z, **moves.start(a, p), "cost": moves.objective(a, p)})


def _descend(a: dict[str, Any], z: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The best improving swap, if there is one."""
    r, s, improves = moves.best_swap(a, z["D"], z["cost"])
    cost = z["cost"] + jnp.where(improves, z["D"][s, r], jnp.zeros((), z["D"].dtype))
    nb = moves.swap(a, {name: z[name] for name in ("p", "N", "h", "D")}, r, jnp.where(improves, s, r))
    return _record({**z, **nb, "cost": cost}), improves


def _record(z: dict[str, Any]) -> dict[str, Any]:
    better = z["cost"] < z["best"]
    best, best_p = jnp.where(better, z["cost"], z["best"]), jnp.where(better, z["p"], z["best_p"])
    return {**z, "best": best, "best_p": best_p}
