"""A population of local optima and its crossover: what the memetic solvers of this folder share.

After Benlic and Hao (2015, "Memetic search for the quadratic assignment problem", Expert Systems with Applications 42):
uniform crossover, a short tabu search of each child, replacement by quality and distance. Different from them: R children
are searched at once; solutions are turned by the symmetries of a grid before they meet; and a population that
stagnates is not mutated but ends. Its best goes into a hall of fame, and the next population starts at random, every
:data:`HALL`-th one with the hall in it. (On sko100a a population converges within 60 children and mutants then led
nowhere; recombining the best of independent populations does.)
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import moves

SIZE = 15
"""Members of a population."""
HALL = 5
"""Populations whose best make the next one."""
TOURNAMENT = 4
STAGNATION = 30
"""Children without a new best of their population after which it ends."""
NONE = np.int32(2**31 - 1)


def empty(m: int, dtype: Any) -> dict[str, Any]:
    """No members yet: ``members`` (SIZE, m), ``values`` (SIZE,), the largest number where there is none; the hall of fame
    likewise (HALL, m), (HALL,); the children since the last new best; the populations that have ended.
    """
    identity = jnp.arange(m, dtype=jnp.int32)
    return {
        "members": jnp.tile(identity, (SIZE, 1)),
        "values": jnp.full(SIZE, largest(dtype)),
        "hall": jnp.tile(identity, (HALL, 1)),
        "hall_values": jnp.full(HALL, largest(dtype)),
        "stale": jnp.int32(0),
        "ended": jnp.int32(0),
    }


def largest(dtype: Any) -> Any:
    """What stands for the objective of a member that there is not yet."""
    kind = jnp.dtype(dtype)
    return jnp.array(np.inf if kind.kind == "f" else np.iinfo(kind).max, kind)


def full(pop: dict[str, Any]) -> Any:
    """Whether every member is there."""
    return (pop["values"] < largest(pop["values"].dtype)).all()


def best(pop: dict[str, Any]) -> tuple[Any, Any]:
    """The best of the population and the hall: its objective and permutation."""
    i, j = jnp.argmin(pop["values"]), jnp.argmin(pop["hall_values"])
    here = pop["values"][i] <= pop["hall_values"][j]
    return jnp.minimum(pop["values"][i], pop["hall_values"][j]), jnp.where(here, pop["members"][i], pop["hall"][j])


def insert(a: dict[str, Any], pop: dict[str, Any], p: Any, value: Any) -> dict[str, Any]:
    """The population after one more candidate, ``p`` (m,) of objective ``value``, turned to agree with the best member.

    It takes the place of the member that it nearly equals, or else of the worst, and only if it is better.
    """
    p = _turned(a, p, pop["members"][jnp.argmin(pop["values"])])
    distance = (pop["members"] != p).sum(1)
    near = jnp.argmin(distance)
    place = jnp.where(distance[near] <= 2, near, jnp.argmax(pop["values"]))
    enters = value < pop["values"][place]
    return {
        **pop,
        "members": pop["members"].at[place].set(jnp.where(enters, p, pop["members"][place])),
        "values": pop["values"].at[place].set(jnp.where(enters, value, pop["values"][place])),
        "stale": jnp.where(value < pop["values"].min(), 0, pop["stale"] + 1),
    }


def _turned(a: dict[str, Any], p: Any, like: Any) -> Any:
    """Of the solutions that are ``p`` by symmetry, the one that agrees most with ``like``."""
    alike = p[a["A_turns"]]
    p = alike[jnp.argmax((alike == like).sum(1))]
    alike = a["B_turns"][:, p]
    return alike[jnp.argmax((alike == like).sum(1))]


def renewed(pop: dict[str, Any]) -> dict[str, Any]:
    """The population, or the beginning of the next one if this one stagnates."""
    over = full(pop) & (pop["stale"] >= STAGNATION)
    i, slot, ended = jnp.argmin(pop["values"]), pop["ended"] % HALL, pop["ended"] + over
    # nothing is lost: the population that the hall was in ends with a value at least as good as all of the hall's
    hall = pop["hall"].at[slot].set(jnp.where(over, pop["members"][i], pop["hall"][slot]))
    hall_values = pop["hall_values"].at[slot].set(jnp.where(over, pop["values"][i], pop["hall_values"][slot]))
    invited = over & (ended % HALL == 0)
    values = jnp.where(over, largest(pop["values"].dtype), pop["values"])
    return {
        **pop,
        "members": jnp.where(invited, pop["members"].at[:HALL].set(hall), pop["members"]),
        "values": jnp.where(invited, values.at[:HALL].set(hall_values), values),
        "hall": hall,
        "hall_values": hall_values,
        "stale": jnp.where(over, 0, pop["stale"]),
        "ended": ended,
    }


def breed(a: dict[str, Any], pop: dict[str, Any], seeds: Any, it: Any) -> Any:
    """R starts of the next searches, as permutations (R, m): random ones until the population is full, then children."""
    grown = full(pop)

    def start(seed: Any) -> Any:
        child = crossover(*parents(pop, seed, it), seed, it)
        return jnp.where(grown, child, moves.lottery(a, seed, it, 4096))

    return jax.vmap(start)(seeds)


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
