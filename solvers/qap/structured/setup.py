"""The neighbourhood of a permutation, set up by the product that the structure allows."""

from typing import Any

import jax.numpy as jnp

from .. import moves
from .products import product, structured


def start(a: dict[str, Any], p: Any) -> dict[str, Any]:
    """``moves.start``, its sum ``N = sum_t X_t^T Y_t[p]`` by the structured product."""
    name, n = structured(a)
    q = jnp.zeros_like(p).at[p].set(jnp.arange(p.shape[0], dtype=p.dtype))
    terms, _ = moves.terms(a)
    N = jnp.zeros_like(a["A"])
    for (X, Y), flip in zip(terms, (False, True), strict=False):
        if name == "A":
            N = N.at[:n].add(product(a, name, Y[p][:n], transpose=not flip))
        else:
            N = N.at[:, :n].add(product(a, name, X[q][:n], transpose=not flip).T)
    return moves.around(a, p, N)
