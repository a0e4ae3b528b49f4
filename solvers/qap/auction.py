"""Linear assignment inside a compiled kernel: the auction algorithm (Bertsekas 1988), one bid at a time.

Whoever is unassigned bids for the object of best value, ``-C[i, j] - price[j]``, and raises its price by the lead over the
second best plus ``epsilon``; the result is within ``n * epsilon`` of the least cost. Bids are limited: after
``patience * n`` of them, those left take their best free object, so the time has a bound and the answer is always an
assignment, only a worse one.
"""

from typing import Any

import jax
import jax.numpy as jnp

FAR = 1e30


def assign(C: Any, n: Any, prices: Any, *, patience: int = 12, precision: float = 0.25) -> tuple[Any, Any]:
    """A nearly least-cost assignment of the first ``n`` rows to the first ``n`` columns of ``C`` (m, m) float32.

    Args:
        C: costs.
        n: live size; the padding is assigned to itself.
        prices: (m,), from an earlier call on similar costs, or zeros; in units of the costs' spread.
        patience: bids per row until only free objects may be taken.
        precision: ``n * epsilon``, in units of the costs' spread.

    Returns:
        The column of each row (m,) int32, and the prices.
    """
    m = C.shape[0]
    k = jnp.arange(m, dtype=jnp.int32)
    alive = k < n
    both = alive[:, None] & alive
    low, high = jnp.where(both, C, FAR).min(), jnp.where(both, C, -FAR).max()
    value = jnp.where(alive, (low - C) / jnp.maximum(high - low, 1e-30), -FAR)  # in [-1, 0] where live
    epsilon = jnp.float32(precision) / n

    def bid(z: tuple[Any, ...]) -> tuple[Any, ...]:
        column, owner, prices, bids = z
        i = jnp.argmax(column < 0).astype(jnp.int32)
        worth = value[i] - prices
        worth = jnp.where((bids > patience * n) & (owner >= 0), -FAR, worth)
        j = jnp.argmax(worth).astype(jnp.int32)
        lead = worth[j] - jnp.where(k == j, -FAR, worth).max()
        rise = jnp.where(lead < FAR / 2, lead, 0) + epsilon  # a single choice left has no second best
        column = jnp.where(k == owner[j], -1, column)
        column = jnp.where(k == i, j, column)
        return column, jnp.where(k == j, i, owner), jnp.where(k == j, prices[j] + rise, prices), bids + 1

    def unassigned(z: tuple[Any, ...]) -> Any:
        return (z[0] < 0).any()

    column, _, prices, _ = jax.lax.while_loop(
        unassigned, bid, (jnp.where(alive, -1, k), jnp.where(alive, -1, k), prices, jnp.int32(0))
    )
    return column, prices - jnp.where(alive, prices, FAR).min()
