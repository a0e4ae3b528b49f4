"""A population of local optima, its crossover and its renewal: what the memetic solvers of this folder share.

After Benlic and Hao (2015, "Memetic search for the quadratic assignment problem", Expert Systems with Applications 42):
uniform crossover, a short tabu search of each child, replacement by quality and distance, and mutation of the whole
population when it stagnates. Here R children are searched at once, so a generation is R children.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import moves

SIZE = 15
"""Members of a population."""
TOURNAMENT = 4
STAGNATION = 15
"""Children without a new best after which the population is mutated."""
WEAKEST, STEP = 0.3, 0.1
"""Share of the facilities that the first mutation moves, and how much more each further one without success."""
KICK = 0.3
"""Largest share of the facilities that a kick moves."""
ORDINARY = -1
NONE = np.int32(2**31 - 1)


def empty(m: int, dtype: Any) -> dict[str, Any]:
    """No members yet: ``members`` (SIZE, m), ``values`` (SIZE,), the largest number where there is none."""
    return {
        "members": jnp.tile(jnp.arange(m, dtype=jnp.int32), (SIZE, 1)),
        "values": jnp.full(SIZE, largest(dtype)),
        "stale": jnp.int32(0),
        "mutations": jnp.int32(0),
        "mutate": jnp.int32(SIZE),
    }


def largest(dtype: Any) -> Any:
    """What stands for the objective of a member that there is not yet."""
    kind = jnp.dtype(dtype)
    return jnp.array(np.inf if kind.kind == "f" else np.iinfo(kind).max, kind)


def insert(pop: dict[str, Any], p: Any, value: Any, slot: Any) -> dict[str, Any]:
    """The population after one more candidate, ``p`` (m,) of objective ``value``.

    A mutated member comes back to its ``slot``. Any other takes the place of the member that it nearly equals, or else of
    the worst, and only if it is better.
    """
    distance = (pop["members"] != p).sum(1)
    near = jnp.argmin(distance)
    place = jnp.where(distance[near] <= 2, near, jnp.argmax(pop["values"]))
    place = jnp.where(slot >= 0, slot, place)
    enters = (slot >= 0) | (value < pop["values"][place])
    better = value < pop["values"].min()
    return {
        **pop,
        "members": pop["members"].at[place].set(jnp.where(enters, p, pop["members"][place])),
        "values": pop["values"].at[place].set(jnp.where(enters, value, pop["values"][place])),
        "stale": jnp.where(better, 0, pop["stale"] + 1),
        "mutations": jnp.where(better, 0, pop["mutations"]),
    }


def breed(a: dict[str, Any], pop: dict[str, Any], seeds: Any, it: Any) -> tuple[dict[str, Any], Any, Any]:
    """R starts of the next searches, as permutations (R, m), and the slots that they must come back to (R,).

    Random ones until the population is full, mutated members when it stagnates, children otherwise.
    """
    full = (pop["values"] < largest(pop["values"].dtype)).all()
    stagnates = full & (pop["stale"] >= STAGNATION) & (pop["mutate"] >= SIZE)
    order = moves.order_of(pop["values"])
    pop = {
        **pop,
        "members": jnp.where(stagnates, pop["members"][order], pop["members"]),
        "values": jnp.where(stagnates, pop["values"][order], pop["values"]),
        "stale": jnp.where(stagnates, 0, pop["stale"]),
        "mutations": pop["mutations"] + stagnates,
        "mutate": jnp.where(stagnates, 1, pop["mutate"]),  # the best stays
    }
    slots = pop["mutate"] + jnp.arange(seeds.shape[0], dtype=jnp.int32)
    mutating = slots < SIZE
    share = jnp.minimum(WEAKEST + STEP * (pop["mutations"] - 1), 1.0)

    def start(seed: Any, slot: Any, mutating: Any) -> Any:
        order = moves.lottery(a, seed, it, 4096)
        first, second = parents(pop, seed, it)
        lots = moves.uniform(moves.draw(seed, it, jnp.arange(8, 10)))
        kicked = ~mutating & (lots[0] >= a["mating"])
        origin = jnp.where(mutating, pop["members"][jnp.minimum(slot, SIZE - 1)], first)
        mutant = moved(a, origin, jnp.where(mutating, share, KICK * lots[1]), order)
        child = jnp.where(mutating | kicked, mutant, crossover(first, second, seed, it))
        return jnp.where(full, child, order)

    starts = jax.vmap(start)(seeds, slots, mutating)
    pop["mutate"] = jnp.minimum(pop["mutate"] + seeds.shape[0], SIZE)
    return pop, starts, jnp.where(mutating, slots, ORDINARY)


def parents(pop: dict[str, Any], seed: Any, it: Any) -> tuple[Any, Any]:
    """Two different members, the winners of tournaments."""
    drawn = moves.draw(seed, it, 16 + jnp.arange(2 * TOURNAMENT, dtype=jnp.uint32)) % jnp.uint32(SIZE)
    drawn = drawn.astype(jnp.int32)

    def winner(among: Any) -> Any:
        return among[jnp.argmin(pop["values"][among])]

    first = winner(drawn[:TOURNAMENT])
    rest = drawn[TOURNAMENT:]
    second = winner(jnp.where(rest == first, (rest + 1) % SIZE, rest))
    return pop["members"][first], pop["members"][second]


def crossover(u: Any, v: Any, seed: Any, it: Any) -> Any:
    """Uniform crossover: where the parents agree so does the child; elsewhere it takes one of the two locations, by lot,
    if it is still free, or else the other; what is left over is filled at random.
    """
    m = u.shape[0]
    bits = moves.draw(seed, it, 64 + jnp.arange(m, dtype=jnp.uint32))
    swap = (bits & 1) == 1
    rank = (bits >> 1).astype(jnp.int32)
    agreed = u == v
    rank = jnp.where(agreed, -1, rank)
    # Each location goes to the facility of least rank that asks for it, in two rounds.
    child = jnp.full(m, -1, jnp.int32)
    taken = jnp.zeros(m, bool)
    k = jnp.arange(m, dtype=jnp.int32)
    for wish in (jnp.where(swap, v, u), jnp.where(swap, u, v)):
        asks = (child < 0) & ~taken[wish]
        least = jnp.full(m, NONE).at[wish].min(jnp.where(asks, rank, NONE))
        first = jnp.full(m, m, jnp.int32).at[wish].min(jnp.where(asks & (rank == least[wish]), k, m))
        gets = asks & (first[wish] == k)
        child = jnp.where(gets, wish, child)
        taken = taken.at[wish].max(gets)
    return _filled(child, taken, rank)


def _filled(child: Any, taken: Any, rank: Any) -> Any:
    """Facilities without a location, in order of rank, get the free locations in order."""
    homeless = child < 0
    by_rank = moves.order_of(jnp.where(homeless, rank, NONE))
    free = moves.order_of(taken.astype(jnp.int32))
    filled = jnp.zeros_like(child).at[by_rank].set(free)
    return jnp.where(homeless, filled, child)


def moved(a: dict[str, Any], p: Any, share: Any, order: Any) -> Any:
    """``p`` with a ``share`` of its facilities (three at least), the first of a random ``order``, moved round a cycle."""
    k = jnp.arange(p.shape[0], dtype=jnp.int32)
    count = jnp.clip((share * a["n"]).astype(jnp.int32), jnp.minimum(3, a["n"]), a["n"])
    following = order[jnp.where(k < count - 1, k + 1, 0)]
    return p.at[order].set(jnp.where(k < count, p[following], p[order]))
