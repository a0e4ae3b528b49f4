"""Dynamic programming over capacities, with the decisions kept for recovery.

Bellman (1957), Dynamic Programming; as in Martello & Toth (1990), Knapsack Problems, section 2.6:
f_k(c) = max(f_{k-1}(c), f_{k-1}(c − w_k) + v_k) (2.20). An iteration is one item, most efficient first, of those
that :mod:`.reduce` leaves open. Whether item k was taken at capacity c is one bit; n · c / 8 bytes in all.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..pack import Array
from .problem import Knapsack
from .reduce import reduce

_WORD = 32


def _padded(count: int, step: int) -> int:
    """At least ``count``, in steps of a quarter of a power of two and never finer than ``step``: few programs."""
    step = max(step, 1 << max(0, count.bit_length() - 3))
    return max(1, -(-count // step)) * step


@dataclass(frozen=True)
class DynamicProgram:
    """The kernel. ``best`` is the greedy solution until the items seen so far hold a better one."""

    def arrays(self, problem: Knapsack) -> dict[str, Array]:
        """Open items, what is settled, and the empty table; int32 if all values together fit it, else int64."""
        reduced = reduce(problem)
        # every f_k(c) and the incumbent are sums of distinct values
        kind = np.int32 if int(problem.values.sum()) < 2**31 else np.int64
        count, size = len(reduced.items), _padded(problem.size, 64)
        pad = _padded(count, 64) - count
        return {
            "values": np.pad(problem.values[reduced.items], (0, pad)).astype(kind),
            "weights": np.pad(reduced.weights, (0, pad)).astype(np.int32),
            "items": np.pad(reduced.items, (0, pad), constant_values=size).astype(np.int32),
            "count": np.array(count, np.int32),
            "capacity": np.array(reduced.capacity, np.int32),
            "fixed": np.pad(reduced.fixed, (0, size - problem.size)),
            "fixed_value": np.array(problem.values[reduced.fixed].sum(), kind),
            "incumbent": np.pad(reduced.incumbent, (0, size - problem.size)),
            "incumbent_value": np.array(reduced.value, kind),
            "upper": np.array(reduced.upper, kind),
            "table": np.zeros(_padded(reduced.capacity + 1, 1024), kind),
        }

    def init(self, arrays: dict[str, Any], key: Any) -> Any:
        """No item seen, f_0 = 0."""
        shape = (arrays["values"].shape[0], arrays["table"].shape[0] // _WORD)
        return {"item": jnp.int32(0), "table": arrays["table"], "taken": jnp.zeros(shape, jnp.uint32)}

    def step(self, arrays: dict[str, Any], state: Any, iterations: Any) -> Any:
        """Enter the next items; past the last one nothing changes."""
        size = arrays["table"].shape[0]
        # below every f even with a value added, and no value can make the sum overflow
        unreachable = jnp.full_like(arrays["table"], np.iinfo(arrays["table"].dtype).min)
        # The trip count is the same in every lane: a loop that ended lane by lane would copy the bits at each turn.
        bits = jnp.arange(_WORD, dtype=jnp.uint32)

        def enter(_: Any, s: Any) -> Any:
            k, f = s["item"], s["table"]
            v, w = arrays["values"].at[k].get(mode="fill", fill_value=0), arrays["weights"].at[k].get(mode="clip")
            shifted = jax.lax.dynamic_slice(jnp.concatenate([unreachable, f]), (size - w,), (size,))  # f(c - w)
            take = (k < arrays["count"]) & (shifted + v > f)
            row = jnp.sum(take.reshape(-1, _WORD).astype(jnp.uint32) << bits, axis=1, dtype=jnp.uint32)
            return {
                "item": jnp.minimum(k + 1, arrays["count"]),
                "table": jnp.where(take, shifted + v, f),  # (2.20)
                "taken": s["taken"].at[k].set(row, mode="drop"),
            }

        return jax.lax.fori_loop(0, jnp.minimum(iterations, arrays["values"].shape[0]), enter, state)

    def best(self, arrays: dict[str, Any], state: Any) -> tuple[Any, Any]:
        """The better of greedy and the best over the items seen, walked back through the decision bits."""
        value = arrays["fixed_value"] + state["table"][arrays["capacity"]]
        improves = value > arrays["incumbent_value"]

        def back(s: Any) -> Any:
            k, c, x = s
            word = state["taken"][k - 1, c // _WORD]
            take = (word >> (c % _WORD).astype(jnp.uint32)) & 1 == 1
            x = x.at[arrays["items"][k - 1]].max(take, mode="drop")
            return k - 1, c - jnp.where(take, arrays["weights"][k - 1], 0), x

        start = (jnp.where(improves, state["item"], 0), arrays["capacity"], arrays["fixed"])
        _, _, x = jax.lax.while_loop(lambda s: s[0] > 0, back, start)
        return jnp.maximum(value, arrays["incumbent_value"]), jnp.where(improves, x, arrays["incumbent"])

    def done(self, arrays: dict[str, Any], state: Any) -> Any:
        """Every item entered, or the incumbent meets the upper bound: the incumbent is optimal."""
        value = jnp.maximum(arrays["fixed_value"] + state["table"][arrays["capacity"]], arrays["incumbent_value"])
        return (state["item"] >= arrays["count"]) | (value >= arrays["upper"])

    def solution(self, problem: Knapsack, padded: Array) -> Array:
        """int8[n], 1 = taken."""
        return padded[: problem.size].astype(np.int8)
