"""Robust tabu search (Taillard 1991, "Robust taboo search for the quadratic assignment problem", Parallel Computing 17).

Each iteration makes the best swap that is not tabu: undoing it is forbidden for a random number of iterations, a swap
that would give a new best is always allowed, and one whose facilities have not been at those locations for a long time
is forced. Several independent searches advance together.

The neighbourhood is that of `moves`, arranged for speed. What (1) to (4) there say holds, with these differences:

- D and the tabu dates U keep each pair once (`pairs`);
- N is updated once per block of :data:`BLOCK` moves; in between it is ``N + sum_t x_t (outer) e_t``, with the x and
  ``e = Y[p_s] - Y[p_r]`` of the block's moves, of which a move reads two rows and two columns;
- a move ends when its x, y and rows of D are known; they enter D at the beginning of the next. So they cross the loop as
  plain arrays, which XLA's vectorised loops need.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ..pack import Array
from . import moves, pairs
from .problem import QAP

NEVER = 2**31 - 1
LAST = 2**31 - 2**16
"""The move counter stops here, so that tabu dates (at most 8n later) stay within int32."""
BLOCK = 8
TENURE = 8
"""A move stays tabu for ``TENURE * n * u^3`` moves, u uniform."""
PATIENCE = 5
"""A placement unused for ``PATIENCE * n^2`` moves is forced."""


@dataclass(frozen=True)
class RobustTabu:
    """Taillard's search; an iteration is :data:`BLOCK` moves of each of ``restarts`` searches, O(restarts n^2) a move."""

    restarts: int = 8

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """See :func:`moves.prepare`."""
        return moves.prepare(problem)

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Random permutations, nothing tabu."""
        seeds = moves.seeds(key, moves.restarts(arrays["A"].shape[0], self.restarts))
        p = jax.vmap(moves.lottery, (None, 0, None, None))(arrays, seeds, jnp.int32(0), 0)
        searches = jax.vmap(begin, (None, None, 0, 0))(arrays, jnp.int32(0), p, seeds)
        return {"it": jnp.int32(1), **searches}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            it = state["it"]
            searches = {name: leaf for name, leaf in state.items() if name != "it"}
            return {"it": jnp.minimum(it + BLOCK, LAST), **advance(arrays, it, searches)}

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """The best permutation of all searches."""
        i = jnp.argmin(state["best"])
        return moves.claim(arrays, state["best"][i]), state["best_p"][i]

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """Only when the move counter is used up."""
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
        at = begin(arrays, state["it"], solution, state["seed"][i])
        improves = at["cost"] < state["best"][i]
        at |= {name: jnp.where(improves, at[name], state[name][i]) for name in ("best", "best_p")}
        return {"it": state["it"], **{name: state[name].at[i].set(leaf) for name, leaf in at.items()}}


def begin(a: dict[str, Any], it: Any, p: Any, seed: Any) -> dict[str, Any]:
    """One search at permutation ``p`` (m,), nothing tabu; O(n^3).

    Returns:
        ``p``, ``N``, ``h`` as in `moves`; ``D`` and ``U`` (m, m/2) as in `pairs`; ``T[i, q]`` (m, m), until when facility
        i may not return to q, with ``U_ij = min(T[i, p_j], T[j, p_i])``; what the last move leaves to be entered: ``rs``
        (2,) its facilities, ``x``, ``y`` (terms, m), ``D_rs``, ``U_rs`` (2, m) their rows; ``cost``, ``best``,
        ``best_p``, ``seed``.
    """
    m = p.shape[0]
    k, alive = jnp.arange(m, dtype=jnp.int32), moves.live(a)
    # Distinct dates in the past: every placement is allowed, and they come due for forcing in turn.
    T = it - (a["n"] * k[:, None] + k)
    U = jnp.where(alive[:, None] & alive, jnp.minimum(T[:, p], T[:, p].T), NEVER)
    nb = moves.start(a, p)
    D = pairs.fold(nb["D"])
    cost = moves.objective(a, p)
    none = jnp.zeros((len(moves.terms(a)[0]), m), D.dtype)
    return {
        **nb,
        "D": D,
        "U": jnp.where(pairs.empty(m), NEVER, pairs.fold(U)),
        "T": T,
        "rs": jnp.full(2, m, jnp.int32),
        "x": none,
        "y": none,
        "D_rs": jnp.zeros((2, m), D.dtype),
        "U_rs": jnp.zeros((2, m), jnp.int32),
        "cost": cost,
        "best": cost,
        "best_p": p,
        "seed": seed,
    }


def advance(a: dict[str, Any], it: Any, searches: dict[str, Any]) -> dict[str, Any]:
    """The moves number ``it`` to ``it + BLOCK - 1`` of every search; all leaves have a leading axis R."""
    R, m = searches["p"].shape
    count = len(moves.terms(a)[0])
    none = jnp.zeros((R, count, BLOCK, m), searches["D"].dtype)

    def move(t: Any, z: dict[str, Any]) -> dict[str, Any]:
        moved: dict[str, Any] = jax.vmap(_move, (None, None, 0, None))(a, it + t, z, t)
        return moved

    z = jax.lax.fori_loop(0, BLOCK, move, {**searches, "X": none, "Y": none, "E": none})
    X, E = z.pop("X"), z.pop("E")
    del z["Y"]
    N = z["N"]
    for q in range(count):
        N = N + sum(X[:, q, t, :, None] * E[:, q, t, None, :] for t in range(BLOCK))  # (3), a block at once
    return {**z, "N": N}


def _move(a: dict[str, Any], it: Any, z: dict[str, Any], t: Any) -> dict[str, Any]:
    """Enter the last move into D and U, choose the next, and work out what it changes."""
    n, m = a["n"], z["p"].shape[0]
    k = jnp.arange(m, dtype=jnp.int32)
    terms, c = moves.terms(a)
    D, U = _entered(z, c)
    r, s, delta = _choose(a, it, z, D, U)
    cost = z["cost"] + delta

    rs = jnp.stack([r, s])
    left, taken = z["p"][rs], z["p"][jnp.stack([s, r])]
    p = jnp.where(k == r, taken[0], jnp.where(k == s, taken[1], z["p"]))
    near = [Y[taken[:, None], p] for _, Y in terms]  # distances from the new locations of r and s, (2, m) each
    X = z["X"].at[:, t].set(jnp.stack([X[r] - X[s] for X, _ in terms]))
    Y = z["Y"].at[:, :, rs].set(z["Y"][:, :, rs[::-1]]).at[:, t].set(jnp.stack([d[0] - d[1] for d in near]))
    E = z["E"].at[:, t].set(jnp.stack([Y[taken[0]] - Y[left[0]] for _, Y in terms]))

    rows, columns = z["N"][rs[:, None], p], z["N"][:, taken].T
    for q in range(len(terms)):
        for u in range(BLOCK):
            rows = rows + X[q, u][rs][:, None] * Y[q, u]
            columns = columns + Y[q, u][rs][:, None] * X[q, u]
    h: Any = z["h"] + sum(X[q, t] * Y[q, t] for q in range(len(terms)))
    h_rs = jnp.stack([rows[0, r], rows[1, s]])
    h = jnp.where(k == r, h_rs[0], jnp.where(k == s, h_rs[1], h))
    A, B = a["A"], a["B"]
    fa, fb = jnp.diagonal(A), jnp.diagonal(B)
    inner = (fa[rs][:, None] + fa - A[rs] - a.get("At", A)[rs]) * (fb[taken][:, None] + fb[p] - near[0] - near[-1])
    D_rs = -c * (h_rs[:, None] + h - rows - columns) + inner  # (1)

    lot = moves.uniform(moves.draw(z["seed"], it, jnp.arange(2)))
    T = z["T"].at[rs, left].set(it + (lot * lot * lot * (TENURE * n)).astype(jnp.int32))
    U_rs = jnp.where((k < n) & (k != rs[:, None]), jnp.minimum(T[rs[:, None], p], T[:, taken].T), NEVER)
    better = cost < z["best"]
    best, best_p = jnp.where(better, cost, z["best"]), jnp.where(better, p, z["best_p"])
    x, y = (jnp.stack([V[q, t] for q in range(len(terms))]) for V in (X, Y))
    return {
        "p": p,
        "N": z["N"],
        "h": h,
        "D": D,
        "U": U,
        "T": T,
        "X": X,
        "Y": Y,
        "E": E,
        "rs": rs,
        "x": x,
        "y": y,
        "D_rs": D_rs,
        "U_rs": U_rs,
        "cost": cost,
        "best": best,
        "best_p": best_p,
        "seed": z["seed"],
    }


def _entered(z: dict[str, Any], c: int) -> tuple[Any, Any]:
    """D and U after the last move: (4) everywhere, then the pairs of its two facilities anew."""
    D, m = z["D"], z["p"].shape[0]
    for q in range(z["x"].shape[0]):
        D = D - (c * pairs.differences(z["x"][q])) * pairs.differences(z["y"][q])
    cells = pairs.cell(z["rs"][:, None], jnp.arange(m, dtype=jnp.int32), m)
    return D.at[cells].set(z["D_rs"], mode="drop"), z["U"].at[cells].set(z["U_rs"], mode="drop")


def _choose(a: dict[str, Any], it: Any, z: dict[str, Any], D: Any, U: Any) -> tuple[Any, Any, Any]:
    """The best allowed pair and its change; forced ones come first."""
    n, m, far = a["n"], z["p"].shape[0], 2 * a["reach"]
    record = z["best"] - z["cost"]

    def rank(D: Any, U: Any) -> Any:
        forced = ((it - PATIENCE * n * n > U) | (record > D)) & (U < NEVER)
        # Offsets just beyond every delta: forced moves rank before all others, and among themselves by delta; tabu ones
        # rank last, but before what is no pair of facilities: with two or three of them every pair may be tabu.
        return jnp.where(forced, D - far, jnp.where(it > U, D, jnp.where(U < NEVER, far, far + a["reach"])))

    b = _first_least(moves.column_min(rank(D, U)))  # values first: reducing (value, index) pairs is slow
    column = D[:, b]
    i = _first_least(rank(column, U[:, b]))
    r, s = pairs.pair(i, b, m)
    return r, s, column[i]


def _first_least(v: Any) -> Any:
    """Argmin by two plain reductions, which are vectorised."""
    k = jnp.arange(v.shape[0], dtype=jnp.int32)
    return jnp.where(v == v.min(), k, v.shape[0]).min()
