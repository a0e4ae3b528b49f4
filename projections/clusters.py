"""Clusters of instances by their features: k-means per family, refitted at fixed counts of distinct instances.

A family's first cluster is ``family/0``. When 20, 40, 80, ... distinct instances have been profiled, a new generation
is fitted, ``family/40.3`` being cluster 3 of the fit at 40: an id means the same for ever. ``k`` is about
``sqrt(n / 2)``, from 2 to 10 and never above the number of distinct points.

Features are made comparable by ``sign(x) * log2(1 + |x|)`` with the logarithm linear between powers of two (exact
arithmetic, and the identity within [-1, 1]), then standardised and clipped to 5 standard deviations.

Each family keeps a sample of at most 512 instances: reservoir sampling (Vitter, "Random Sampling with a Reservoir",
ACM TOMS 11, 1985, algorithm R), its draws hashed from the count. An instance that is in the sample is not counted
again. When a family's features change their names, the sample starts afresh. Imported instances count too, unless they
come without features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, frexp, fsum, sqrt
from typing import Any

from mezan.engine.log import Recorded

from .canonical import dumps, loads

FIRST_FIT = 20
SAMPLE = 512
FEWEST, MOST = 2, 10
CLIP = 5.0
MASK = 2**64 - 1


@dataclass(slots=True)
class Fit:
    """One generation: the names, means and scales of the features, and the scaled centres ``[k][d]``."""

    names: list[str]
    means: list[float]
    scales: list[float]
    centres: list[list[float]]


@dataclass(slots=True)
class Group:
    """One family: distinct instances counted, the sample (ids and feature values), and the latest fit."""

    names: list[str]
    count: int = 0
    ids: list[str] = field(default_factory=list)
    sample: list[list[float]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    fitted: int = 0
    fit: Fit | None = None


State = dict[str, Group]


def compress(x: float) -> float:
    """``sign(x) * log2(1 + |x|)``, linear between powers of two."""
    mantissa, exponent = frexp(1.0 + abs(x))
    value = exponent - 2.0 + 2.0 * mantissa
    return value if x >= 0 else -value


def draw(count: int) -> int:
    """64 bits hashed from a count (Steele, Lea and Flood, SplitMix64, OOPSLA 2014)."""
    z = count * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def expand(y: float) -> float:
    """The inverse of :func:`compress`."""
    exponent = floor(abs(y)) + 1
    x = (abs(y) - exponent + 2.0) / 2.0 * 2.0**exponent - 1.0
    return x if y >= 0 else -x


@dataclass(frozen=True, slots=True)
class Place:
    """A feature of one instance, the centre of its cluster and the mean of its family there, and its standard score.

    ``deviation`` is how many standard deviations of the family it is from the cluster's centre, both on the compressed scale.
    """

    name: str
    value: float
    centre: float
    mean: float
    deviation: float


class Clusters:
    """See the module."""

    name = "clusters"
    version = 2
    handles = frozenset({"ProblemProfiled", "InstanceImported"})

    def initial(self) -> State:
        """No instances."""
        return {}

    def apply(self, state: State, event: Recorded) -> State:
        """One profiled instance."""
        family = event.data["family"]
        group = sampled(state.get(family), event)
        if group is None:
            return state
        state[family] = group
        if group.count == max(FIRST_FIT, 2 * group.fitted):
            group.fitted, group.fit = group.count, _fit(group)
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`."""
        return dumps(
            {
                family: {
                    "names": group.names,
                    "count": group.count,
                    "ids": group.ids,
                    "sample": group.sample,
                    "fitted": group.fitted,
                    "fit": group.fit,
                }
                for family, group in state.items()
            }
        )

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        state = {}
        for family, kept in loads(content).items():
            fit = kept.pop("fit")
            state[family] = Group(known=set(kept["ids"]), fit=Fit(**fit) if fit else None, **kept)
        return state


def assign(state: State, family: str, features: Mapping[str, float]) -> str:
    """The cluster an instance falls into: the nearest centre (the first of equals); a missing feature counts as average."""
    group = state.get(family)
    if group is None or group.fit is None:
        return f"{family}/0"
    return f"{family}/{group.fitted}.{_nearest(group.fit, features)}"


def names_of(state: State, family: str) -> list[str]:
    """The clusters of a family's latest fit."""
    group = state.get(family)
    if group is None or group.fit is None:
        return [f"{family}/0"]
    return [f"{family}/{group.fitted}.{index}" for index in range(len(group.fit.centres))]


def places(state: State, family: str, features: Mapping[str, float]) -> list[Place]:
    """An instance's features against its cluster, the furthest from the centre first; empty before the first fit."""
    group = state.get(family)
    if group is None or group.fit is None:
        return []
    fit = group.fit
    centre = fit.centres[_nearest(fit, features)]
    found = [
        Place(
            name,
            features[name],
            expand(mean + scale * middle),
            expand(mean),
            _scaled(features[name], mean, scale) - middle,
        )
        for name, mean, scale, middle in zip(fit.names, fit.means, fit.scales, centre, strict=True)
        if name in features
    ]
    return sorted(found, key=lambda place: -abs(place.deviation))


def _nearest(fit: Fit, features: Mapping[str, float]) -> int:
    point = [
        _scaled(features[name], mean, scale) if name in features else 0.0
        for name, mean, scale in zip(fit.names, fit.means, fit.scales, strict=True)
    ]
    best, index = float("inf"), 0
    for i, centre in enumerate(fit.centres):
        distance = 0.0
        for a, b in zip(point, centre, strict=True):
            distance += (a - b) * (a - b)
        if distance < best:
            best, index = distance, i
    return index


@dataclass(frozen=True, slots=True)
class Described:
    """A cluster: about how many instances, its centre in the features' own units, and how many standard deviations of the family that is from the family's mean."""

    cluster: str
    instances: int
    centre: Mapping[str, float]
    scores: Mapping[str, float]


def described(state: State, family: str) -> list[Described]:
    """The clusters of a family's latest generation in order; their sizes are those of the sample, scaled up."""
    group = state.get(family)
    if group is None:
        return []
    if group.fit is None:
        return [Described(f"{family}/0", group.count, {}, {})]
    fit = group.fit
    sizes = dict.fromkeys((f"{family}/{group.fitted}.{i}" for i in range(len(fit.centres))), 0)
    for i in nearest(fit, group.names, group.sample):
        sizes[f"{family}/{group.fitted}.{i}"] += 1
    found = []
    for (cluster, size), centre in zip(sizes.items(), fit.centres, strict=True):
        own = zip(fit.names, centre, fit.means, fit.scales, strict=True)
        # a sum that is nothing but rounding is 0
        units = {n: 0.0 if abs(y := z * scale + m) <= 1e-12 * abs(m) else expand(y) for n, z, m, scale in own}
        share = round(group.count * size / len(group.sample))
        found.append(Described(cluster, share, units, dict(zip(fit.names, centre, strict=True))))
    return found


def nearest(fit: Fit, names: Sequence[str], sample: Sequence[Sequence[float]]) -> list[int]:
    """The cluster of each of many instances, as :func:`assign` finds it for one; ``sample`` is in the order of ``names``."""
    import numpy as np

    scale_free = compressed(np.array(sample, float).reshape(len(sample), len(names)))
    columns = {name: i for i, name in enumerate(names)}
    points = np.zeros((len(sample), len(fit.names)))
    for j, (name, mean, scale) in enumerate(zip(fit.names, fit.means, fit.scales, strict=True)):
        if (at := columns.get(name)) is not None:
            points[:, j] = np.clip((scale_free[:, at] - mean) / scale, -CLIP, CLIP)
    found: list[int] = ((points[:, None, :] - np.array(fit.centres)[None]) ** 2).sum(axis=2).argmin(axis=1).tolist()
    return found


def compressed(values: Any) -> Any:
    """:func:`compress` of every element of an array."""
    import numpy as np

    mantissas, exponents = np.frexp(1.0 + np.abs(values))
    return np.copysign(exponents - 2.0 + 2.0 * mantissas, values)


def _scaled(value: float, mean: float, scale: float) -> float:
    return min(CLIP, max(-CLIP, (compress(value) - mean) / scale))


def sampled(group: Group | None, event: Recorded) -> Group | None:
    """A family's group (None before its first instance) after one instance was counted; None where it does not count."""
    data = event.data
    if group is not None and data["instance"] in group.known:
        return None
    features = data["features"]
    if not features and event.type == "InstanceImported":
        return None
    if group is None:
        group = Group(sorted(features))
    if len(features) != len(group.names) or not all(map(features.__contains__, group.names)):
        group.names = sorted(features)
        group.ids, group.sample, group.known = [], [], set()
    group.count += 1
    _sample(group, data["instance"], features)
    return group


def _sample(group: Group, instance: str, features: Mapping[str, float]) -> None:
    if len(group.ids) < SAMPLE:
        group.ids.append(instance)
        group.sample.append([features[name] for name in group.names])
    else:
        slot = draw(group.count) % group.count
        if slot >= SAMPLE:
            return
        group.known.discard(group.ids[slot])
        group.ids[slot] = instance
        group.sample[slot] = [features[name] for name in group.names]
    group.known.add(instance)


def _fit(group: Group) -> Fit | None:
    import numpy as np  # here, so that reading what is folded stays quick to start

    from . import kmeans

    columns: list[Any] = [[compress(value) for value in column] for column in zip(*group.sample, strict=True)]
    if not columns:
        return None
    n = len(group.sample)
    means = [fsum(column) / n for column in columns]
    spreads = [sqrt(fsum((x - mean) ** 2 for x in column) / n) for column, mean in zip(columns, means, strict=True)]
    scales = [spread if spread > 1e-12 else 1.0 for spread in spreads]
    points = np.clip((np.array(columns).T - np.array(means)) / np.array(scales), -CLIP, CLIP)
    k = min(max(FEWEST, min(MOST, round(sqrt(group.count / 2)))), len(np.unique(points, axis=0)))
    centres = kmeans.fit(points, k, seed=group.count).centres
    return Fit(list(group.names), means, scales, centres.tolist())
