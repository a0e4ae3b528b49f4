"""Instances among their like: a map of a family's sample, one instance's features and neighbours, and who solved it how well.

The map is the plane of the first two principal components (Pearson, "On Lines and Planes of Closest Fit to Systems of Points in
Space", 1901) of the features as the clusters see them: compressed, standardised and clipped. The sign of a component is such that its
largest loading is positive, so that equal samples give equal maps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mezan.projections.clusters import CLIP, Fit, Group, compress
from mezan.projections.examples import Lessons
from mezan.solvers.selection.examples import Row

Json = dict[str, Any]
NEAREST = 6
LOADINGS = 3


@dataclass(frozen=True)
class Sample:
    """What the map is made of, copied from the live states: nothing here changes afterwards.

    Attributes:
        family: of all of them.
        names: the features'.
        ids: the instances of the sample, with ``values`` in the order of the names.
        fit: the clusters' latest fit; None before the first.
        fitted: its generation.
        rows: rated outcomes, oldest first.
        features: of the latest instances, by id, in the order of ``feature_names``.
    """

    family: str
    names: tuple[str, ...]
    ids: tuple[str, ...]
    values: tuple[Sequence[float], ...]
    fit: Fit | None
    fitted: int
    rows: Sequence[Row]
    features: Mapping[str, Sequence[float]] = field(default_factory=dict)
    feature_names: tuple[str, ...] = ()


def sample(family: str, group: Group | None, lessons: Lessons | None) -> Sample:
    """Copy what is needed: call it before the next ``await`` after the states were read."""
    rows = [] if lessons is None else list(lessons.table.rows)
    features = {} if lessons is None else dict(lessons.features)
    names = () if lessons is None else lessons.table.names
    if group is None:
        return Sample(family, (), (), (), None, 0, rows, features, names)
    return Sample(
        family,
        tuple(group.names),
        tuple(group.ids),
        tuple(group.sample),
        group.fit,
        group.fitted,
        rows,
        features,
        names,
    )


def outcomes(rows: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """By instance and solver: how many outcomes, the sums of their losses, costs and seconds, and the least loss."""
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        solvers = found.get(row.instance)
        if solvers is None:
            solvers = found[row.instance] = {}
        sums = solvers.get(row.solver)
        if sums is None:
            solvers[row.solver] = [1, row.loss, row.cost, row.seconds, row.loss]
            continue
        sums[0] += 1
        sums[1] += row.loss
        sums[2] += row.cost
        sums[3] += row.seconds
        sums[4] = min(sums[4], row.loss)
    return found


def best_of(solvers: Mapping[str, Sequence[float]]) -> str | None:
    """The solver with the least mean loss, of equal ones the faster; None without outcomes."""
    return min(sorted(solvers), key=lambda name: solvers[name][2] / solvers[name][0], default=None)


def scaled(given: Sample) -> Any:
    """The features as the clusters see them, instances x features."""
    import numpy as np

    points = np.array([[compress(value) for value in values] for values in given.values], float)
    points = points.reshape(len(given.values), len(given.names))
    if given.fit is not None and tuple(given.fit.names) == given.names:
        means, scales = np.array(given.fit.means), np.array(given.fit.scales)
    else:
        means, spreads = points.mean(axis=0), points.std(axis=0)
        scales = np.where(spreads > 1e-12, spreads, 1.0)
    return np.clip((points - means) / scales, -CLIP, CLIP)


def chart(given: Sample) -> Json:
    """The map: where each instance lies, its cluster, and who is best on it; ``axes`` say what they are made of."""
    import numpy as np

    coordinates: Any = np.zeros((len(given.ids), 2))
    axes: list[Json] = []
    if len(given.ids) > 1 and given.names:
        coordinates, axes = _principal(scaled(given), given.names)
    clusters = _clusters(given)
    known = outcomes(given.rows)
    points = []
    for i, instance in enumerate(given.ids):
        solvers = known.get(instance, {})
        best = best_of(solvers)
        points.append(
            {
                "instance": instance,
                "x": float(coordinates[i, 0]),
                "y": float(coordinates[i, 1]),
                "cluster": clusters[i],
                "best": best,
                "mean_loss": None if best is None else solvers[best][1] / solvers[best][0],
                "outcomes": int(sum(sums[0] for sums in solvers.values())),
            }
        )
    return {"family": given.family, "axes": axes, "points": points}


def _principal(points: Any, names: tuple[str, ...]) -> tuple[Any, list[Json]]:
    import numpy as np

    centred = points - points.mean(axis=0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((values**2).sum())
    coordinates = np.zeros((len(points), 2))
    axes = []
    for k in range(min(2, len(values))):
        if values[k] <= 1e-12 * max(1.0, values[0]):
            break
        direction = directions[k]
        largest = int(np.argmax(np.round(np.abs(direction), 9)))
        direction = direction if direction[largest] > 0 else -direction
        coordinates[:, k] = centred @ direction
        order = np.argsort(-np.round(np.abs(direction), 9), kind="stable")[:LOADINGS]
        loadings = [{"feature": names[i], "loading": float(direction[i])} for i in order]
        axes.append({"explained": float(values[k] ** 2) / total, "loadings": loadings})
    return coordinates, axes


def _clusters(given: Sample) -> list[str]:
    """As `projections.clusters.assign`, for all of the sample at once."""
    import numpy as np

    fit = given.fit
    if fit is None:
        return [f"{given.family}/0"] * len(given.ids)
    columns = {name: i for i, name in enumerate(given.names)}
    points = np.zeros((len(given.ids), len(fit.names)))
    for j, (name, mean, scale) in enumerate(zip(fit.names, fit.means, fit.scales, strict=True)):
        if (at := columns.get(name)) is not None:
            compressed = np.array([compress(values[at]) for values in given.values])
            points[:, j] = np.clip((compressed - mean) / scale, -CLIP, CLIP)
    distances = ((points[:, None, :] - np.array(fit.centres)[None]) ** 2).sum(axis=2)
    return [f"{given.family}/{given.fitted}.{i}" for i in distances.argmin(axis=1)]


def instance(given: Sample, digest: str) -> Json | None:
    """One instance of the sample, or of the latest ones: its features, the nearest of the sample, and its outcomes per solver.

    ``features`` have the mean over the sample and how many standard deviations they are from it. None when it is not known any more.
    """
    import numpy as np

    values = _features_of(given, digest)
    if values is None:
        return None
    known = outcomes(given.rows)
    whole = Sample(
        given.family, given.names, (digest, *given.ids), (values, *given.values), given.fit, given.fitted, given.rows
    )
    points = scaled(whole)
    others = points[1:]
    distances = np.sqrt(((others - points[0]) ** 2).sum(axis=1))
    order = [int(i) for i in np.argsort(distances, kind="stable") if given.ids[i] != digest][:NEAREST]
    clusters = _clusters(whole)
    middle = others.mean(axis=0) if len(others) else points[0]
    raw = np.array(given.values, float).reshape(len(given.values), len(given.names))
    features = [
        {"feature": name, "value": float(value), "mean": float(raw[:, j].mean()) if len(raw) else None, "z": float(points[0, j] - middle[j])}
        for j, (name, value) in enumerate(zip(given.names, values, strict=True))
    ]  # fmt: skip
    return {
        "instance": digest,
        "family": given.family,
        "cluster": clusters[0],
        "features": sorted(features, key=lambda one: (-abs(one["z"]), one["feature"])),
        "nearest": [
            {
                "instance": given.ids[i],
                "distance": float(distances[i]),
                "cluster": clusters[i + 1],
                "best": best_of(known.get(given.ids[i], {})),
            }
            for i in order
        ],
        "solvers": _per_solver(known.get(digest, {})),
    }


def _features_of(given: Sample, digest: str) -> Sequence[float] | None:
    if digest in given.ids:
        return given.values[given.ids.index(digest)]
    kept = given.features.get(digest)
    return kept if kept is not None and given.feature_names == given.names else None


def _per_solver(solvers: Mapping[str, Sequence[float]]) -> list[Json]:
    rows = [
        {
            "solver": name,
            "outcomes": int(count),
            "mean_loss": losses / count,
            "best_loss": least,
            "mean_seconds": seconds / count,
        }
        for name, (count, losses, _, seconds, least) in solvers.items()
    ]
    order = {name: sums[2] / sums[0] for name, sums in solvers.items()}
    return sorted(rows, key=lambda row: (order[row["solver"]], row["solver"]))
