"""How the trees of `forests` grow: all of them at once, level by level, nodes of about one size in one batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BATCH = 2**17
"""Values of candidate features looked at in one batch: they should fit a cache."""
ROUNDS = 3
"""How often a node draws features anew when all that it drew were constant there."""
PERMUTATIONS = 256


class Uniform:
    """Numbers in [0, 1) on the grid of 2^-53 from the raw stream of Philox under a key of 64 bits."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed % 2**64)

    def __call__(self, shape: tuple[int, ...]) -> Floats:
        """The next numbers of the stream, in C order."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        uniform: Floats = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return uniform.reshape(shape)


@dataclass(slots=True)
class Grown:
    """Nodes, the importance [d], and which entries (samples) ended up where: ``members`` [entries] in the leaves ``owners``."""

    feature: Ints
    threshold: Floats
    left: Ints
    depth: int
    importance: Floats
    members: Ints
    owners: Ints


@dataclass(slots=True)
class Frontier:
    """The nodes that may still be split: their numbers, their stretch of the entries, and the rounds they have drawn."""

    node: Ints
    start: Ints
    size: Ints
    rounds: Ints

    def __getitem__(self, which: NDArray[np.generic]) -> "Frontier":
        return Frontier(self.node[which], self.start[which], self.size[which], self.rounds[which])


@dataclass(slots=True)
class Grower:
    """Grows one forest. ``entries`` [trees, n] are sample numbers; ``whole`` [trees or 1, samples, q] the weighted targets.

    Whole targets and weights that are multiples of 2^-26 make all sums exact (see `forests`).
    """

    X: Floats
    whole: Floats
    weight: Floats
    entries: Ints
    max_features: float
    min_leaf: int
    uniform: Uniform

    def grow(self) -> Grown:
        """Split until nothing is left to split."""
        trees, n = self.entries.shape
        d = self.X.shape[1]
        used = np.flatnonzero(self.X.min(axis=0) < self.X.max(axis=0))
        looked_at = min(len(used), max(1, round(self.max_features * d)))
        order = self.entries.ravel().copy()
        capacity = trees * (2 * n - 1)
        feature, left = np.zeros(capacity, dtype=np.int64), np.arange(capacity)
        threshold = np.full(capacity, np.inf)
        importance = np.zeros(d)
        nodes, depth = trees, 0
        leaves: list[tuple[Ints, Ints, Ints]] = []
        level = Frontier(np.arange(trees), np.arange(trees) * n, np.full(trees, n), np.zeros(trees, dtype=np.int64))
        permutations = np.argsort(self.uniform((PERMUTATIONS, len(used))), axis=1, kind="stable")
        permutations = used[np.concatenate([permutations, permutations], axis=1)]
        while len(level.node):
            able = (level.size >= 2 * self.min_leaf) & bool(looked_at)
            leaves.append((level.node[~able], level.start[~able], level.size[~able]))
            level = level[able]
            level = level[np.argsort(level.size, kind="stable")]
            lots = self.uniform((len(level.node), 2 + looked_at))
            drawn = permutations[
                (lots[:, 0] * PERMUTATIONS).astype(np.int64)[:, None],
                (lots[:, 1] * len(used)).astype(np.int64)[:, None] + np.arange(looked_at),
            ]
            following: list[Frontier] = []
            for batch in batches(level.size, looked_at):
                part, features = level[batch], drawn[batch]
                found = self._best_splits(part, order, n, features, lots[batch, 2:])
                split = found.gain >= 0
                again = ~split & found.constant & (part.rounds + 1 < ROUNDS)
                over = ~split & ~again
                leaves.append((part.node[over], part.start[over], part.size[over]))
                retry = part[again]
                retry.rounds += 1
                following.append(retry)
                part, count = part[split], int(split.sum())
                if not count:
                    continue
                children = nodes + 2 * np.arange(count)
                nodes += 2 * count
                feature[part.node], threshold[part.node] = found.feature[split], found.threshold[split]
                left[part.node] = children
                importance += np.bincount(found.feature[split], weights=found.gain[split], minlength=d)
                lesser = found.lesser[split]
                following.append(
                    Frontier(
                        np.stack([children, children + 1], axis=1).ravel(),
                        np.stack([part.start, part.start + lesser], axis=1).ravel(),
                        np.stack([lesser, part.size - lesser], axis=1).ravel(),
                        np.zeros(2 * count, dtype=np.int64),
                    )
                )
            depth += 1
            level = Frontier(
                np.concatenate([np.zeros(0, dtype=np.int64), *(part.node for part in following)]),
                np.concatenate([np.zeros(0, dtype=np.int64), *(part.start for part in following)]),
                np.concatenate([np.zeros(0, dtype=np.int64), *(part.size for part in following)]),
                np.concatenate([np.zeros(0, dtype=np.int64), *(part.rounds for part in following)]),
            )
        node, start, size = (np.concatenate(parts) for parts in zip(*leaves, strict=True))
        ranked = np.argsort(start, kind="stable")
        owners = np.repeat(node[ranked], size[ranked])
        return Grown(feature[:nodes], threshold[:nodes], left[:nodes], depth, importance, order, owners)

    def _best_splits(self, part: Frontier, order: Ints, n: int, features: Ints, lots: Floats) -> "Splits":
        """The best of each node's candidates (M nodes, s entries at most, K features); entries are put left and right."""
        M, s, d = len(part.node), int(part.size[-1]), self.X.shape[1]
        within = np.arange(s)
        real = within < part.size[:, None]
        position = part.start[:, None] + np.minimum(within, part.size[:, None] - 1)
        entry = order[position]
        values = self.X.ravel()[(entry * d)[:, :, None] + features[:, None, :]]
        low, high = values.min(axis=1), values.max(axis=1)
        threshold = low * (1.0 - lots) + high * lots
        threshold = np.where((threshold < low) | (threshold >= high), low, threshold)
        lesser = values <= threshold[:, None, :]
        tree = part.start // n if len(self.whole) > 1 else np.zeros(M, dtype=np.int64)
        targets = self.whole[tree[:, None], entry]
        columns = np.concatenate([np.ones((M, s, 1)), self.weight[entry][:, :, None], targets], axis=2)
        columns *= real[:, :, None]
        sums = np.matmul(lesser.astype(np.float64).transpose(0, 2, 1), columns)
        total = np.add.reduce(columns, axis=1)[:, None, :]
        valid = (sums[..., 0] >= self.min_leaf) & (total[..., 0] - sums[..., 0] >= self.min_leaf) & (low < high)
        weight = np.where(valid, sums[..., 1], 1.0)
        other = np.where(valid, total[..., 1] - weight, 1.0)
        gain = np.zeros(weight.shape)
        for j in range(2, columns.shape[2]):
            gain += sums[..., j] ** 2 / weight + (total[..., j] - sums[..., j]) ** 2 / other
            gain -= total[..., j] ** 2 / total[..., 1]
        uneven = (targets.min(axis=1) < targets.max(axis=1)).any(axis=1)
        gain = np.where(valid & uneven[:, None], np.maximum(gain, 0.0), -1.0)
        best = gain.argmax(axis=1)
        rows = np.arange(M)
        split = gain[rows, best] >= 0
        where = ~lesser[rows, :, best][split] + 2 * ~real[split]
        put = np.argsort(where.astype(np.int8), axis=1, kind="stable")
        order[position[split][real[split]]] = np.take_along_axis(entry[split], put, axis=1)[real[split]]
        return Splits(
            feature=features[rows, best],
            threshold=threshold[rows, best],
            gain=gain[rows, best],
            lesser=sums[rows, best, 0].astype(np.int64),
            constant=uneven & ~valid.any(axis=1),
        )


@dataclass(slots=True)
class Splits:
    """For each node of a batch its best candidate; ``gain`` -1: there is none; ``lesser`` entries go left.

    ``constant``: the targets differ, but no drawn feature could part the node.
    """

    feature: Ints
    threshold: Floats
    gain: Floats
    lesser: Ints
    constant: NDArray[np.bool_]


def batches(sizes: Ints, looked_at: int) -> Iterator[Ints]:
    """Stretches of nodes, sorted by size, such that padding to the greatest in it adds a quarter at most."""
    begin = 0
    while begin < len(sizes):
        smallest = int(sizes[begin])
        end = int(np.searchsorted(sizes, smallest + smallest // 4, side="right"))
        room = max(1, BATCH // (int(sizes[end - 1]) * looked_at))
        end = min(end, begin + room)
        yield np.arange(begin, end)
        begin = end
