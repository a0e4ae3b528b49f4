"""Entropic mirror descent on doubly stochastic matrices, accelerated and annealed: what one relaxation run does.

The objective is ``f(X) = <X, A X B^T>`` on doubly stochastic X, plus ``T <X, log X>`` (temperature T) less ``c |X|^2 / 2``. The
mirror map is the entropy, so a step multiplies X by ``exp(-eta grad)`` and scales its rows and columns back to sums of one
(Sinkhorn 1964). ``L = log X`` is what is kept: a mass of 1e-30 is still a number there.

Acceleration: the gradient is taken at ``V = X + q / (q + 3) (X - X_previous)`` (Nesterov 1983; Krichene, Bayen and Bartlett 2015 for
mirror descent); q counts steps and starts again when a step goes uphill (O'Donoghue and Candès 2015). The length eta is as long as
f bends less than the entropy does (relative smoothness: Bauschke, Bolte and Teboulle 2017): with a fixed one, instances whose
matrices have one large eigenvalue (had, rou) end in a cycle. Annealing: the temperature falls while c grows from zero and
makes whatever is still undecided leave the middle.

Everything is float32, entries of dead rows and columns have no mass, and no step depends on the padding.
"""

from typing import Any

import jax.numpy as jnp

from . import moves

MOVING = ("L", "X", "G", "dX", "dG", "q", "eta")
"""What a step changes of a run."""
LONGEST, SHORTER, LONGER = 2.0, 0.7, 1.1
"""The longest step, where the gradient at a random vertex has unit variance over rows and columns; what lengths are
multiplied by after a step that overshot, and after one that did not."""
COLD = 0.05
"""The last temperature, in the same unit."""
CONCAVE = 0.5
"""The last c, in the same unit."""
SWEEPS = 12
"""Rounds of row and column scaling after a step; L starts out nearly balanced. Rows end within about a tenth of one: fewer
rounds save a tenth of the time and lose quality where data have outliers."""
LEAST = -60.0
"""Smallest log of a mass relative to the largest of its row: below, float32 products could vanish."""


def begin(a: dict[str, Any], p: Any, weight: Any, hot: Any) -> dict[str, Any]:
    """A run from ``(1 - weight) J + weight P``, J the barycentre and P the vertex ``p``, at the temperature ``hot``."""
    alive = moves.live(a)
    P = (p[:, None] == jnp.arange(p.shape[0])) & alive[:, None]
    X = jnp.where(alive[:, None] & alive, (1 - weight) / a["n"].astype(jnp.float32) + weight * P, 0)
    at_P, at_X = (_centred(a, gradient(a, M)) for M in (P.astype(jnp.float32), X))
    variance = (at_P**2).sum() / (a["n"] * a["n"]).astype(jnp.float32)
    unit = jnp.where(variance > 1e-20, jnp.sqrt(jnp.maximum(variance, 1e-20)), 1.0)
    L = jnp.where(X > 0, jnp.log(jnp.maximum(X, 1e-30)), 0)
    G = at_X / unit
    still = {"dX": jnp.zeros_like(X), "dG": jnp.zeros_like(G), "q": jnp.float32(0), "eta": jnp.float32(LONGEST)}
    return {"L": L, "X": X, "G": G, **still, "hot": hot, "unit": unit}


def step(a: dict[str, Any], z: dict[str, Any], progress: Any) -> dict[str, Any]:
    """One step at ``progress`` in [0, 1] of the annealing; one that overshoots is taken back and the next is shorter."""
    X, L, G, eta = z["X"], z["L"], z["G"], z["eta"]
    beta = z["q"] / (z["q"] + 3)
    at_V = G + beta * z["dG"] - CONCAVE * progress * (X + beta * z["dX"])  # the gradient is linear
    T = z["hot"] * (COLD / z["hot"]) ** progress
    new_L, new = _balanced(a, (L - eta * at_V) / (1 + eta * T))  # the entropy's part is taken exactly
    dX, dG = new - X, _centred(a, gradient(a, new)) / z["unit"] - G

    # Beyond its linear part f grows by this; a step is safe while eta times that is within the entropy's divergence.
    bend, divergence = (dG * dX).sum() / 2, (new * (new_L - L)).sum() - dX.sum()
    safe = eta * bend <= jnp.maximum(divergence, 0) + 1e-6
    uphill = ((at_V + T * L) * dX).sum() > 0
    shorter = eta * jnp.clip(SHORTER * divergence / jnp.maximum(eta * bend, 1e-20), 0.1, SHORTER)

    def taken(yes: Any, no: Any) -> Any:
        return jnp.where(safe, yes, no)

    return {
        **z,
        "L": taken(new_L, L),
        "X": taken(new, X),
        "G": taken(G + dG, G),
        "dX": taken(dX, 0),
        "dG": taken(dG, 0),
        "q": jnp.where(safe & ~uphill, z["q"] + 1, 0),
        "eta": taken(jnp.minimum(LONGER * eta, LONGEST), shorter),
    }


def gradient(a: dict[str, Any], X: Any) -> Any:
    """The gradient of f up to a factor: ``sum_t X_t V Y_t^T`` over the terms of :func:`moves.terms`, entries scaled."""
    pairs, _ = moves.terms(a)

    def unit(M: Any) -> Any:
        return M.astype(jnp.float32) / jnp.maximum(jnp.abs(M).max().astype(jnp.float32), 1e-30)

    return sum(unit(A) @ X @ unit(B).T for A, B in pairs)


def _centred(a: dict[str, Any], G: Any) -> Any:
    """Less its row and column means, which no step along doubly stochastic matrices feels."""
    alive, n = moves.live(a), a["n"].astype(jnp.float32)
    both = alive[:, None] & alive
    G = jnp.where(both, G, 0)
    rows, columns = G.sum(1, keepdims=True) / n, G.sum(0, keepdims=True) / n
    return jnp.where(both, G - rows - columns + rows.sum() / n, 0)


def _balanced(a: dict[str, Any], L: Any) -> tuple[Any, Any]:
    """``L + log u + log v`` whose exponential is nearly doubly stochastic, and that exponential."""
    alive = moves.live(a)
    both = alive[:, None] & alive
    top = jnp.where(both, L, -jnp.inf).max(1, keepdims=True)
    L = jnp.where(both, jnp.maximum(L - jnp.where(alive[:, None], top, 0), LEAST), 0)
    K = jnp.where(both, jnp.exp(L), 0)
    v = alive.astype(jnp.float32)
    for _ in range(SWEEPS):
        u = jnp.where(alive, 1 / jnp.where(alive, K @ v, 1), 0)
        v = jnp.where(alive, 1 / jnp.where(alive, u @ K, 1), 0)
    log_u, log_v = (jnp.where(alive, jnp.log(jnp.where(alive, w, 1)), 0) for w in (u, v))
    return jnp.where(both, L + log_u[:, None] + log_v, 0), u[:, None] * K * v
