"""The map of instances: principal components against scikit-learn, neighbours against SciPy, clusters against the fold."""

from dataclasses import replace

import numpy as np
import pytest
from histories import History
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA

from mezan.api.views.instances import chart, instance, sample, scaled
from mezan.projections.clusters import Clusters, Group, assign
from mezan.projections.examples import LabelledOutcomes
from mezan.projections.instances import Instances, Known

EVENTS = History(8, instances=70).log(3_000)


def folded(projection):
    state = projection.initial()
    for event in EVENTS:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    return state


GROUPS, KNOWN, LESSONS = folded(Clusters()), folded(Instances()), folded(LabelledOutcomes())
FAMILIES = sorted(GROUPS)


def taken(family):
    return sample(family, KNOWN[family], GROUPS[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_map_is_the_plane_of_principal_components(family):
    """Coordinates and shares of variance are those of scikit-learn's PCA up to the sign, which the largest loading makes positive."""
    made, points = chart(taken(family)), scaled(taken(family))
    oracle = PCA(n_components=2, svd_solver="full").fit(points)
    expected = oracle.transform(points)
    for k, (axis, name) in enumerate(zip(made["axes"], "xy", strict=True)):
        found = np.array([point[name] for point in made["points"]])
        assert min(abs(found - expected[:, k]).max(), abs(found + expected[:, k]).max()) < 1e-9
        assert axis["explained"] == pytest.approx(oracle.explained_variance_ratio_[k])
        assert axis["loadings"][0]["loading"] == pytest.approx(abs(oracle.components_[k]).max())
    assert chart(taken(family)) == made


@pytest.mark.parametrize("family", FAMILIES)
def test_points_have_the_cluster_of_the_fold_and_the_best_solver(family):
    """Clusters are those that `assign` gives; the best solver is the one with the least mean loss, the faster of equal ones."""
    group = GROUPS[family]
    rows = LESSONS[family].table.rows
    for point, values in zip(chart(taken(family))["points"], group.sample, strict=True):
        assert point["cluster"] == assign(GROUPS, family, dict(zip(group.names, values, strict=True)))
        own = [row for row in rows if row.instance == point["instance"]]
        assert point["outcomes"] == len(own)
        costs = {s: np.mean([r.cost for r in own if r.solver == s]) for s in {row.solver for row in own}}
        assert point["best"] == min(costs, key=costs.get, default=None)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_map_is_of_its_sample_whatever_was_drawn_before(family):
    """With fewer instances, another fit or a later generation of it; the outcomes are always those of now."""
    given = taken(family)
    fewer = replace(given, ids=given.ids[:-1], values=given.values[:-1])
    later = replace(given, fitted=given.fitted + 1)
    unfit = replace(given, fit=None, fitted=0)
    untried = replace(given, outcomes={})
    anew = {}
    for name, one in {"given": given, "fewer": fewer, "later": later, "unfit": unfit, "untried": untried}.items():
        other = replace(one, family=f"{family} {name}")
        anew[name] = chart(other)["points"]
    for name, one in {"given": given, "fewer": fewer, "untried": untried, "unfit": unfit, "later": later}.items():
        points = chart(one)["points"]
        for point, expected in zip(points, anew[name], strict=True):
            assert point == expected | {"cluster": expected["cluster"].replace(f"{family} {name}/", f"{family}/")}
    assert {point["best"] for point in anew["untried"]} == {None}
    assert {p["cluster"].partition(".")[0] for p in chart(later)["points"]} == {f"{family}/{given.fitted + 1}"}


@pytest.mark.parametrize("family", FAMILIES)
def test_neighbours_are_the_nearest(family):
    """Distances are those of a k-d tree over the scaled features, the instance itself left out."""
    given = taken(family)
    points = scaled(given)
    tree = cKDTree(points)
    for i in range(0, len(given.ids), 9):
        one = instance(given, given.ids[i])
        distances, _ = tree.query(points[i], k=7)
        assert [near["distance"] for near in one["nearest"]] == pytest.approx(sorted(distances)[1:])
        assert given.ids[i] not in {near["instance"] for near in one["nearest"]}
        assert {f["feature"]: f["value"] for f in one["features"]} == dict(zip(given.names, given.values[i], strict=True))  # fmt: skip
        rows = [row for row in LESSONS[family].table.rows if row.instance == given.ids[i]]
        for solver in one["solvers"]:
            own = [row for row in rows if row.solver == solver["solver"]]
            assert solver["outcomes"] == len(own)
            assert solver["mean_loss"] == pytest.approx(np.mean([row.loss for row in own]))
            assert solver["best_loss"] == min(row.loss for row in own)
            assert solver["mean_seconds"] == pytest.approx(np.mean([row.seconds for row in own]))
        assert sum(solver["outcomes"] for solver in one["solvers"]) == len(rows)


def test_degenerate_samples():
    """No instance, one, and several that are all alike are points without axes; an unknown instance is none."""
    assert chart(sample("qap", None, None)) == {"family": "qap", "axes": [], "points": []}
    single = sample("qap", Known(Group(["n"], 1, ["i"], [[3.0]])), None)
    assert [(p["x"], p["y"], p["best"]) for p in chart(single)["points"]] == [(0.0, 0.0, None)]
    assert instance(single, "i")["nearest"] == []
    alike = sample("qap", Known(Group(["m", "n"], 3, ["i", "j", "k"], [[1.0, 2.0]] * 3)), None)
    assert chart(alike)["axes"] == []
    assert [near["distance"] for near in instance(alike, "j")["nearest"]] == [0.0, 0.0]
    assert instance(alike, "other") is None
