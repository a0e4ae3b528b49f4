"""Instances among their like: a map of a family's sample, one instance's features and neighbours, and who solved it how well.

The map is the plane of the first two principal components (Pearson, "On Lines and Planes of Closest Fit to Systems of Points in
Space", 1901) of the features as the clusters see them: compressed, standardised and clipped. The sign of a component is such that its
largest loading is positive, so that equal samples give equal maps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mezan.projections.clusters import CLIP, Fit, Group, compressed, nearest
from mezan.projections.instances import COST, COUNT, LEAST, LOSS, SECONDS, Known

Json = dict[str, Any]
NEAREST = 6
LOADINGS = 3
_latest: dict[str, tuple["Sample", tuple[list[list[float]], list[Json], list[str]]]] = {}
"""By family the sample whose map was made last, and the map."""


@dataclass(frozen=True)
class Sample:
    """What the map is made of, copied from the live states: nothing here changes afterwards.

    Attributes:
        family: of all of them.
        names: the features'.
        ids: the instances of the sample, with ``values`` in the order of the names.
        fit: the clusters' latest fit; None before the first.
        fitted: its generation.
        outcomes: by instance and solver how many, and the sums of their losses, costs and seconds, and the least loss.
    """

    family: str
    names: tuple[str, ...]
    ids: tuple[str, ...]
    values: tuple[Sequence[float], ...]
    fit: Fit | None
    fitted: int
    outcomes: Mapping[str, Mapping[str, Sequence[float]]]


def sample(family: str, known: Known | None, group: Group | None) -> Sample:
    """Copy what is needed of a family in the states of ``instances`` and ``clusters``: call it before the next ``await`` after they were read."""
    if known is None:
        return Sample(family, (), (), (), None, 0, {})
    own = known.group
    outcomes = {i: {solver: list(sums) for solver, sums in solvers.items()} for i, solvers in known.outcomes.items()}
    fit, fitted = (None, 0) if group is None else (group.fit, group.fitted)
    return Sample(family, tuple(own.names), tuple(own.ids), tuple(own.sample), fit, fitted, outcomes)


def best_of(solvers: Mapping[str, Sequence[float]]) -> str | None:
    """The solver with the least mean loss, of equal ones the faster; None without outcomes."""
    return min(sorted(solvers), key=lambda name: solvers[name][COST] / solvers[name][COUNT], default=None)


def scaled(given: Sample) -> Any:
    """The features as the clusters see them, instances x features."""
    import numpy as np

    points = compressed(np.array(given.values, float).reshape(len(given.values), len(given.names)))
    if given.fit is not None and tuple(given.fit.names) == given.names:
        means, scales = np.array(given.fit.means), np.array(given.fit.scales)
    else:
        means, spreads = points.mean(axis=0), points.std(axis=0)
        scales = np.where(spreads > 1e-12, spreads, 1.0)
    return np.clip((points - means) / scales, -CLIP, CLIP)


def chart(given: Sample) -> Json:
    """The map: where each instance lies, its cluster, and who is best on it; ``axes`` say what they are made of."""
    coordinates, axes, clusters = _placed(given)
    points = []
    for i, instance in enumerate(given.ids):
        solvers = given.outcomes.get(instance, {})
        best = best_of(solvers)
        points.append(
            {
                "instance": instance,
                "x": coordinates[i][0],
                "y": coordinates[i][1],
                "cluster": clusters[i],
                "best": best,
                "mean_loss": None if best is None else solvers[best][LOSS] / solvers[best][COUNT],
                "outcomes": int(sum(sums[COUNT] for sums in solvers.values())),
            }
        )
    return {"family": given.family, "axes": axes, "points": points}


def _placed(given: Sample) -> tuple[list[list[float]], list[Json], list[str]]:
    """Where the instances lie and in which clusters: as long as the sample and its fit stay, what was found the last time."""
    known = _latest.get(given.family)
    if known is not None and known[0] == replace(given, ids=known[0].ids, outcomes={}):
        return known[1]
    coordinates: list[list[float]] = [[0.0, 0.0]] * len(given.ids)
    axes: list[Json] = []
    if len(given.ids) > 1 and given.names:
        found, axes = _principal(scaled(given), given.names)
        coordinates = found.tolist()
    placed = coordinates, axes, _clusters(given)
    _latest[given.family] = replace(given, outcomes={}), placed
    return placed


def _principal(points: Any, names: tuple[str, ...]) -> tuple[Any, list[Json]]:
    """Coordinates ``[n, 2]`` and the axes, from the eigenvectors of the scatter matrix.

    Sums go without BLAS, whose threads would spin on every core for longer than this takes.
    """
    import numpy as np

    centred = points - points.mean(axis=0)
    scatter = np.einsum("ij,ik->jk", centred, centred)
    directions = np.linalg.eigh(scatter).eigenvectors.T[::-1]
    total, most = float(np.trace(scatter)), 1.0
    coordinates = np.zeros((len(points), 2))
    axes: list[Json] = []
    for k, direction in enumerate(directions[:2]):
        largest = int(np.argmax(np.round(np.abs(direction), 9)))
        loadings = direction if direction[largest] > 0 else -direction
        along = np.einsum("ij,j->i", centred, loadings)
        length = float((along**2).sum()) ** 0.5
        most = max(most, length)
        if length <= 1e-12 * most:
            break
        coordinates[:, k] = along
        order = np.argsort(-np.round(np.abs(loadings), 9), kind="stable")[:LOADINGS]
        named = [{"feature": names[i], "loading": float(loadings[i])} for i in order]
        axes.append({"explained": length**2 / total, "loadings": named})
    return coordinates, axes


def _clusters(given: Sample) -> list[str]:
    """Where each instance of the sample falls."""
    if given.fit is None:
        return [f"{given.family}/0"] * len(given.ids)
    return [f"{given.family}/{given.fitted}.{i}" for i in nearest(given.fit, given.names, given.values)]


def instance(given: Sample, digest: str) -> Json | None:
    """One instance of the sample: its features, the nearest others, and its outcomes per solver; None for one that is not in it.

    ``features`` have the mean over the sample and how many standard deviations they are from it, the furthest first.
    """
    import numpy as np

    if digest not in given.ids:
        return None
    place = given.ids.index(digest)
    points = scaled(given)
    distances = np.sqrt(((points - points[place]) ** 2).sum(axis=1))
    order = [int(i) for i in np.argsort(distances, kind="stable") if i != place][:NEAREST]
    clusters = _clusters(given)
    away = points[place] - points.mean(axis=0)
    means = np.array(given.values, float).reshape(points.shape).mean(axis=0)
    features = [
        {"feature": name, "value": float(value), "mean": float(mean), "z": float(z)}
        for name, value, mean, z in zip(given.names, given.values[place], means, away, strict=True)
    ]
    return {
        "instance": digest,
        "family": given.family,
        "cluster": clusters[place],
        "features": sorted(features, key=lambda one: (-abs(one["z"]), one["feature"])),
        "nearest": [
            {
                "instance": given.ids[i],
                "distance": float(distances[i]),
                "cluster": clusters[i],
                "best": best_of(given.outcomes.get(given.ids[i], {})),
            }
            for i in order
        ],
        "solvers": _per_solver(given.outcomes.get(digest, {})),
    }


def _per_solver(solvers: Mapping[str, Sequence[float]]) -> list[Json]:
    rows = [
        {
            "solver": name,
            "outcomes": int(sums[COUNT]),
            "mean_loss": sums[LOSS] / sums[COUNT],
            "best_loss": sums[LEAST],
            "mean_seconds": sums[SECONDS] / sums[COUNT],
        }
        for name, sums in solvers.items()
    ]
    order = {name: sums[COST] / sums[COUNT] for name, sums in solvers.items()}
    return sorted(rows, key=lambda row: (order[row["solver"]], row["solver"]))
