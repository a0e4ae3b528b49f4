"""Best-improvement 2-swap descent from a rounded relaxation, a swap at a time."""

from typing import Any

import jax.numpy as jnp

from . import moves

NEIGHBOURHOOD = ("p", "N", "h", "D")
MOVING = (*NEIGHBOURHOOD, "cost", "best", "best_p")
"""What a descent changes of a run."""


def begin(a: dict[str, Any], z: dict[str, Any], p: Any) -> dict[str, Any]:
    """The run ``z`` at the permutation ``p``, with its neighbourhood and objective; O(n^3)."""
    return record({**z, **moves.start(a, p), "cost": moves.objective(a, p)})


def descend(a: dict[str, Any], z: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The run after its best improving swap, and whether there was one."""
    r, s, improves = moves.best_swap(a, z["D"], z["cost"])
    cost = z["cost"] + jnp.where(improves, z["D"][s, r], jnp.zeros((), z["D"].dtype))
    nb = moves.swap(a, {name: z[name] for name in NEIGHBOURHOOD}, r, jnp.where(improves, s, r))
    return record({**z, **nb, "cost": cost}), improves


def record(z: dict[str, Any]) -> dict[str, Any]:
    """The run, its best kept."""
    better = z["cost"] < z["best"]
    best, best_p = jnp.where(better, z["cost"], z["best"]), jnp.where(better, z["p"], z["best_p"])
    return {**z, "best": best, "best_p": best_p}
