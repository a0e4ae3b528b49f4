"""Continuous relaxation first, memetic search after: `faq` makes the population that `memetic` goes on with.

Batched Frank-Wolfe runs on the doubly stochastic relaxation end in the nearest permutations (see `faq` for the paper),
which are the starts of the population's first searches; from then on it is `enhanced`.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from . import enhanced, faq, memetic, moves, tabu

RELAX, SEARCH = 0, 1
RELAXATION = ("X", "G", "prices")
OWN = ("phase", "steps", *RELAXATION)


@dataclass(frozen=True)
class Hybrid(enhanced.Enhanced):
    """An iteration is one Frank-Wolfe step of each run, or ``tabu.BLOCK`` moves of each search.

    Attributes:
        steps: most Frank-Wolfe steps before the runs are rounded.
        spread: largest weight of the random permutation in a start.
    """

    steps: int = 15
    spread: float = 0.8

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """Relaxed starts around the barycentre; the first one is the barycentre itself."""
        z = super().init(arrays, key)
        own = {"phase": jnp.int32(RELAX), "steps": jnp.int32(0)}
        weight = jnp.linspace(0, self.spread, z["p"].shape[0], dtype=jnp.float32)
        return {**own, **_relaxed(arrays, z, weight), **z}

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""

        def iteration(_: Any, z: dict[str, Any]) -> dict[str, Any]:
            relaxing = z["phase"] == RELAX
            z = moves.when(relaxing, lambda z: self._relax(arrays, z), z)
            return moves.when(~relaxing, lambda z: self._search(arrays, z), z)

        advanced: dict[str, Any] = jax.lax.fori_loop(0, iterations, iteration, state)
        return advanced

    def _relax(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        relaxed, moved = jax.vmap(faq.frank_wolfe, (None, 0))(a, {name: z[name] for name in RELAXATION})
        z = {**z, **relaxed, "steps": z["steps"] + 1}
        return moves.when((z["steps"] == self.steps) | ~moved.any(), lambda z: self._round(a, z), z)

    def _round(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        """The searches begin at the permutations nearest to the relaxed solutions."""
        p = jax.vmap(faq.nearest, (None, 0))(a, z["X"])
        searches = jax.vmap(tabu.begin, (None, None, 0, 0))(a, z["it"], p, z["seed"])
        return {**z, **searches, "phase": jnp.int32(SEARCH), "left": a["length"]}

    def _search(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        z = {**z, **self.block(a, {name: leaf for name, leaf in z.items() if name not in OWN})}
        return moves.when((z["left"] <= 0) & ~memetic.full(z), lambda z: self._again(a, z), z)

    def _again(self, a: dict[str, Any], z: dict[str, Any]) -> dict[str, Any]:
        """The population takes in what was found; while it is not full, the next starts are relaxed solutions too."""
        z = {**z, **enhanced.generation(a, {name: leaf for name, leaf in z.items() if name not in OWN})}
        lots = moves.uniform(moves.draw(z["seed"], z["it"], 8192))
        phase = jnp.where(memetic.full(z), jnp.int32(SEARCH), jnp.int32(RELAX))
        return {**z, **_relaxed(a, z, self.spread * lots), "phase": phase, "steps": jnp.int32(0)}


def _relaxed(a: dict[str, Any], z: dict[str, Any], weight: Any) -> dict[str, Any]:
    """Mixtures of the barycentre and, by ``weight`` (R,), random permutations."""
    p = jax.vmap(moves.lottery, (None, 0, None, None))(a, z["seed"], z["it"], 12288)
    relaxed: dict[str, Any] = jax.vmap(faq.relax_from, (None, 0, 0))(a, p, weight)
    return relaxed
