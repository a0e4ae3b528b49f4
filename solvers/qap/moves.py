"""The swap neighbourhood, kept whole: the objective change of every pair swap, updated in O(n^2) per move.

Notation: ``p[i]`` is the location of facility i, ``Bp[i, j] = B[p[i], p[j]]``, and swapping the locations of r and s
is ``Bp' = P Bp P`` with ``P = I - d d^T``, ``d = e_r - e_s``. Expanding ``<A, Bp'> - <A, Bp>`` gives

    delta_rs = -(h_r + h_s - N[r, p_s] - N[s, p_r])
               + (A_rr + A_ss - A_rs - A_sr) (Bp_rr + Bp_ss - Bp_rs - Bp_sr)                                   (1)
    N[i, q] = sum_k A[i, k] B[q, p_k] + A[k, i] B[p_k, q],   h_i = N[i, p_i]                                   (2)

for any real A and B, asymmetric or with a diagonal. A move changes only the terms k = r, s of (2), so

    N += sum_t x_t (outer) (Y_t[p_s] - Y_t[p_r]),   x_t = X_t[r] - X_t[s],   (X_t, Y_t) in {(A, B), (A^T, B^T)}   (3)
    D_ij -= sum_t (x_ti - x_tj) (y_ti - y_tj),      y_t = (Y_t[p_s] - Y_t[p_r])[p],     i, j not in {r, s}       (4)

and rows r, s of D follow from (1) in O(n). Where both matrices are symmetric the two terms are equal and one,
doubled, does; where one is, the other is replaced by its sum with its transpose and the objective counts twice.
The textbook scheme (Taillard 1991) costs the same O(n^2), with gathers where (4) is a dense product.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..buckets import bucket
from ..pack import Array
from .matrices import objective_bound
from .problem import QAP

INT32_REACH = 2**28
"""Deltas below this leave room in int32 for the offsets that searches add to rank moves."""


def prepare(problem: QAP, size: int | None = None) -> dict[str, Array]:
    """Arrays of one instance, zero-padded to ``size`` (default: its bucket m).

    Returns:
        ``A``, ``B`` (m, m) in the kernel dtype; ``reach``, a magnitude that no delta exceeds, in the same; ``n`` and
        ``scale`` int32 scalars (objectives below count ``scale`` times); for two asymmetric matrices also their
        transposes ``At``, ``Bt``. The dtype is int32 when every objective, delta and entry of N is proved to fit,
        int64 for other integers, float64 for real data.
    """
    A, B, n = problem.A, problem.B, problem.size
    scale = 1
    symmetric = [np.array_equal(M, M.T) for M in (A, B)]
    if symmetric[0] and not symmetric[1]:
        B, scale = B + B.T, 2
    elif symmetric[1] and not symmetric[0]:
        A, scale = A + A.T, 2
    reach = _reach(A, B)
    if A.dtype.kind == "f" or B.dtype.kind == "f":
        kind: type[np.generic] = np.float64
    else:
        kind = np.int32 if reach < INT32_REACH and objective_bound(A, B) < 2**31 else np.int64
    m = bucket(n) if size is None else size
    padded: dict[str, Any] = {
        "A": _pad(A, m, kind),
        "B": _pad(B, m, kind),
        "n": np.int32(n),
        "scale": np.int32(scale),
        "reach": np.array(reach).astype(kind),
    }
    if not any(symmetric):
        padded |= {"At": np.ascontiguousarray(padded["A"].T), "Bt": np.ascontiguousarray(padded["B"].T)}
    return padded


def _reach(A: Array, B: Array) -> float:
    """No delta is larger: it is the difference of two objectives that share all but two rows and two columns."""
    a, b = np.abs(A).astype(np.float64), np.abs(B).astype(np.float64)
    rows, columns = [max(M.sum(0).max(), M.sum(1).max()) for M in (a, b)]
    reach = 8 * float(min(rows * b.max(), columns * a.max()))
    return reach * (1 + 1e-9) if A.dtype.kind == "f" or B.dtype.kind == "f" else np.ceil(reach * (1 + 1e-9)) + 1


def _pad(M: Array, m: int, kind: type[np.generic]) -> Array:
    padded = np.zeros((m, m), kind)
    padded[: len(M), : len(M)] = M
    return padded


def terms(a: dict[str, Any]) -> tuple[list[tuple[Any, Any]], int]:
    """The pairs (X_t, Y_t) of (3) and the factor that their sums are multiplied by."""
    if "At" in a:
        return [(a["A"], a["B"]), (a["At"], a["Bt"])], 1
    return [(a["A"], a["B"])], 2


def live(a: dict[str, Any]) -> Any:
    """Which of the m padded facilities (and locations) exist."""
    return jnp.arange(a["A"].shape[0]) < a["n"]


def objective(a: dict[str, Any], p: Any) -> Any:
    """The (scaled) objective of a padded permutation, in the kernel dtype."""
    return (a["A"] * a["B"][p][:, p]).sum(dtype=a["A"].dtype)


def shuffled(a: dict[str, Any], key: Any) -> Any:
    """A random permutation of the live part, the identity on the padding; the same for every padded size."""
    k = jnp.arange(a["A"].shape[0])
    order = jnp.where(k < a["n"], jax.random.uniform(key, k.shape, jnp.float32), 2.0 + k)
    return jnp.argsort(order).astype(jnp.int32)


def start(a: dict[str, Any], p: Any) -> dict[str, Any]:
    """The neighbourhood of ``p``: ``p``, ``N`` (m, m), ``h`` (m,) and ``D`` (m, m), by (1) and (2); O(n^3)."""
    pairs, _ = terms(a)
    return around(a, p, sum(jnp.matmul(X.T, Y[p], precision="highest") for X, Y in pairs))


def around(a: dict[str, Any], p: Any, N: Any) -> dict[str, Any]:
    """The neighbourhood of ``p`` from its sum (2), by (1); O(n^2)."""
    A, Bp = a["A"], a["B"][p][:, p]
    _, c = terms(a)
    G = N[:, p]
    h, fa, fb = jnp.diagonal(G), jnp.diagonal(A), jnp.diagonal(Bp)
    D = -c * (h[:, None] + h - G - G.T) + (fa[:, None] + fa - A - A.T) * (fb[:, None] + fb - Bp - Bp.T)
    return {"p": p, "N": N, "h": h, "D": D}


def swap(a: dict[str, Any], nb: dict[str, Any], r: Any, s: Any) -> dict[str, Any]:
    """The neighbourhood after facilities ``r`` and ``s`` change places, by (3), (4) and (1); O(n^2).

    ``r == s`` changes nothing. ``D`` is meaningful for live pairs only.
    """
    p, N, h, D = nb["p"], nb["N"], nb["h"], nb["D"]
    k = jnp.arange(p.shape[0], dtype=jnp.int32)
    pairs, c = terms(a)
    pr, ps = p[r], p[s]
    for X, Y in pairs:
        x, d = X[r] - X[s], Y[ps] - Y[pr]
        y = d[p]
        N = N + x[:, None] * d  # (3)
        D = D - (c * (x[:, None] - x)) * (y[:, None] - y)  # (4)
        h = h + x * y
    p = jnp.where(k == r, ps, jnp.where(k == s, pr, p))
    h = jnp.where(k == r, N[r, ps], jnp.where(k == s, N[s, pr], h))
    Dr, Ds = _row(a, p, N, h, r, ps, c), _row(a, p, N, h, s, pr, c)
    D = D.at[:, r].set(Dr).at[:, s].set(Ds).at[r].set(Dr).at[s].set(Ds)
    return {"p": p, "N": N, "h": h, "D": D}


def _row(a: dict[str, Any], p: Any, N: Any, h: Any, i: Any, q: Any, c: int) -> Any:
    """Row ``i`` of D by (1), where ``q`` is the location of ``i``."""
    A, B = a["A"], a["B"]
    At, Bt = a.get("At", A), a.get("Bt", B)
    fa, fb = jnp.diagonal(A), jnp.diagonal(B)
    outer = (fa[i] + fa - A[i] - At[i]) * (fb[q] + (fb - B[q] - Bt[q])[p])
    return -c * (h[i] + h - N[i][p] - N[:, q]) + outer


def column_min(X: Any) -> Any:
    """Minimum of each column. In blocks of eight rows: XLA would fuse a plain one, unvectorised, into what reads it."""
    top = X.dtype.type(np.inf if X.dtype.kind == "f" else np.iinfo(X.dtype).max)
    return jax.lax.reduce_window(X, top, jax.lax.min, (8, 1), (8, 1), "SAME").min(0)


def best_swap(a: dict[str, Any], D: Any, cost: Any) -> tuple[Any, Any, Any]:
    """The live pair of least change, and whether it improves (by more than rounding, for real data)."""
    alive, zero = live(a), jnp.zeros((), D.dtype)
    s = jnp.argmin(column_min(jnp.where(alive[:, None] & alive, D, zero))).astype(jnp.int32)
    r = jnp.argmin(jnp.where(alive, D[s], zero)).astype(jnp.int32)
    return r, s, D[s, r] < -noise(cost)


def noise(cost: Any) -> Any:
    """Changes below this are rounding: accepting them, a descent could circle among ties."""
    return 1e-12 * jnp.abs(cost) if jnp.issubdtype(cost.dtype, jnp.floating) else jnp.zeros((), cost.dtype)


def draw(seed: Any, count: Any, salt: Any) -> Any:
    """32 random bits as a pure function of (seed, count, salt), for each salt: the ``lowbias32`` hash of Wellons (2018), twice."""
    x = _hash(count.astype(jnp.uint32) * jnp.uint32(0x9E3779B9) + jnp.asarray(salt, jnp.uint32))
    return _hash(x ^ seed)


def _hash(x: Any) -> Any:
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def seeds(key: Any, count: int) -> Any:
    """``count`` seeds for :func:`draw` from a raw key, uint32."""
    return _hash(key[1] ^ _hash(key[0] + jnp.uint32(0x9E3779B9) * jnp.arange(1, count + 1, dtype=jnp.uint32)))


def order_of(lots: Any) -> Any:
    """Stable argsort (m,) by counting, O(m^2): a fraction of what a sort takes to compile, and rarely called."""
    k = jnp.arange(lots.shape[0], dtype=jnp.int32)
    before = (lots[:, None] > lots) | ((lots[:, None] == lots) & (k[:, None] > k))
    return jnp.zeros_like(k).at[before.sum(1, dtype=jnp.int32)].set(k)


def lottery(a: dict[str, Any], seed: Any, count: Any, salt: int) -> Any:
    """The live facilities in random order, then the padding: a random permutation as a function of its arguments."""
    k = jnp.arange(a["A"].shape[0], dtype=jnp.uint32)
    return order_of(jnp.where(live(a), draw(seed, count, salt + k) >> 1, jnp.uint32(2**31) + k))


def uniform(bits: Any) -> Any:
    """Random bits as a float32 in [0, 1)."""
    return (bits >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def when(condition: Any, change: Callable[[Any], Any], z: dict[str, Any]) -> dict[str, Any]:
    """``change(z)`` where ``condition``, else ``z``: a loop of at most one turn.

    Under ``vmap`` a ``cond`` would compute both branches for every lane; a loop is skipped when no lane wants it.
    """
    changed: dict[str, Any]
    _, changed = jax.lax.while_loop(lambda c: c[0], lambda c: (jnp.bool_(False), change(c[1])), (condition, z))
    return changed


def restarts(m: int, most: int, full: int = 256) -> int:
    """How many searches share a step: ``most``, fewer above m = ``full`` so that a step stays short, its state small."""
    return max(1, min(most, most * full * full // (m * m)))


def claim(a: dict[str, Any], value: Any) -> Any:
    """The instance's objective from a scaled one."""
    scale = a["scale"].astype(value.dtype)
    return value // scale if jnp.issubdtype(value.dtype, jnp.integer) else value / scale


def padded(problem: QAP, solution: Array) -> Array:
    """The padded permutation, int32, of one as users read it; the padding stays where it is."""
    p = np.arange(bucket(problem.size), dtype=np.int32)
    p[: problem.size] = solution
    return p


def placed(problem: QAP, padded: Array) -> Array:
    """The permutation as users read it, from the padded one."""
    return np.asarray(padded[: problem.size], np.int64)
