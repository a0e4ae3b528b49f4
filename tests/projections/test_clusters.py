"""Clusters: k-means against an independent implementation, and names that keep their meaning."""

import math

import numpy as np
import pytest
from histories import record
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from mezan.engine import events as ev
from mezan.projections import Clusters, assign, kmeans
from mezan.projections.clusters import compress, described, expand

CLUSTERS = Clusters()


def profiled(i, features, instance=None):
    event = ev.ProblemProfiled(
        task="main", family="qap", instance=instance or f"i{i}", size=5, features=features, seconds=0.0
    )
    return f"run-{i}", event


def fold(pairs, state=None):
    state = CLUSTERS.initial() if state is None else state
    for event in record(iter(pairs)):
        state = CLUSTERS.apply(state, event)
    return state


def blob(i):
    rng = np.random.default_rng(i)
    return {
        "size": float(10 ** (1 + i % 3) * rng.uniform(0.9, 1.1)),
        "density": float((i % 3) / 3 + rng.uniform(0, 0.05)),
    }


@pytest.mark.parametrize("seed", range(6))
def test_inertia_is_as_low_as_scikit_learns(seed):
    """On random mixtures our best of a few restarts is within 5 % of ten restarts of the reference."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(scale=6, size=(5, 4))
    points = centres[rng.integers(5, size=300)] + rng.normal(size=(300, 4))
    ours = kmeans.fit(points, 5, seed=seed)
    reference = KMeans(5, n_init=10, random_state=0).fit(points)
    assert ours.inertia <= 1.05 * reference.inertia_
    nearest = ((points[:, None] - ours.centres[None]) ** 2).sum(axis=2)
    assert np.array_equal(ours.labels, nearest.argmin(axis=1))
    assert ours.inertia == pytest.approx(nearest.min(axis=1).sum())


def test_k_means_takes_points_that_coincide():
    """As many centres as points, and many equal points, are no special case."""
    points = np.repeat(np.arange(3.0)[:, None], 4, axis=0)
    assert kmeans.fit(points, 3, seed=1).inertia == 0.0
    assert kmeans.fit(points[:1], 1, seed=1).centres.tolist() == [[0.0]]


@given(st.floats(-1e300, 1e300))
def test_compression_is_odd_and_close_to_the_logarithm(x):
    """sign(x) log2(1 + |x|) within 0.0861, the largest gap between the logarithm and its chords."""
    assert compress(-x) == -compress(x)
    assert compress(x) == pytest.approx(math.copysign(math.log2(1 + abs(x)), x), abs=0.0862)
    if abs(x) <= 1:
        assert compress(x) == pytest.approx(x, abs=1e-15)


def test_there_is_one_cluster_until_twenty_instances_then_generations_double():
    """The count of distinct instances names a generation: 20, 40, 80."""
    state, names = CLUSTERS.initial(), []
    for i in range(90):
        state = fold([profiled(i, blob(i))], state)
        names.append(assign(state, "qap", blob(0)).split(".")[0])
    assert names == ["qap/0"] * 19 + ["qap/20"] * 20 + ["qap/40"] * 40 + ["qap/80"] * 11
    assert assign(state, "other", {}) == "other/0"


def test_separate_groups_of_instances_get_separate_clusters():
    """Instances of three orders of magnitude never share a cluster."""
    state = fold(profiled(i, blob(i)) for i in range(60))
    found = [{assign(state, "qap", blob(i)) for i in range(1000 + kind, 1060, 3)} for kind in range(3)]
    for a in range(3):
        assert not any(found[a] & found[b] for b in range(a))


def test_an_instance_seen_again_is_not_counted_again():
    """Many runs of five instances are five instances: no fit, whatever their number."""
    state = fold(profiled(i, blob(i % 5), instance=f"same-{i % 5}") for i in range(200))
    assert (state["qap"].count, state["qap"].fit) == (5, None)


def test_the_sample_is_a_fair_draw_of_all_instances():
    """Of 4,000 instances each quarter fills about a quarter of the sample."""
    state = fold(profiled(i, {"x": float(i)}) for i in range(4_000))
    quarters = np.bincount([int(x) // 1_000 for (x,) in state["qap"].sample], minlength=4)
    assert quarters.sum() == 512
    assert all(90 < share < 170 for share in quarters)


def test_other_feature_names_start_the_sample_afresh():
    """Vectors of different features are never mixed; the last fit serves until the next."""
    state = fold(profiled(i, blob(i)) for i in range(25))
    before = assign(state, "qap", blob(1))
    state = fold([profiled(99, {"depth": 3.0})], state)
    assert (state["qap"].names, len(state["qap"].sample)) == (["depth"], 1)
    assert assign(state, "qap", blob(1)) == before
    assert assign(state, "qap", {"depth": 1.0}).startswith("qap/20.")


@given(st.dictionaries(st.sampled_from(["size", "density", "new"]), st.floats(-1e12, 1e12)))
def test_any_features_fall_into_some_cluster(features):
    """Missing, unknown and extreme features are assigned all the same, and the same every time."""
    state = fold(profiled(i, blob(i)) for i in range(20))
    cluster = assign(state, "qap", features)
    assert cluster.startswith("qap/20.")
    assert assign(CLUSTERS.load(CLUSTERS.dump(state)), "qap", features) == cluster


def test_equal_features_make_one_cluster():
    """Twenty instances with the same features are one point, so one centre."""
    state = fold(profiled(i, {"x": 1.0}) for i in range(20))
    assert len(state["qap"].fit.centres) == 1


def test_a_family_without_features_stays_one_cluster():
    """Nothing to tell instances apart by is no error."""
    state = fold(profiled(i, {}) for i in range(25))
    assert assign(state, "qap", {}) == "qap/0"


def test_described_clusters_are_where_their_instances_are():
    """A centre in the features' own units is near the instances that fall to it, and sizes add up to their number."""
    state = fold(profiled(i, blob(i)) for i in range(60))
    found = described(state, "qap")
    members = {one.cluster: [] for one in found}
    for i in range(60):
        members[assign(state, "qap", blob(i))].append(blob(i))
    for one in found:
        own = members[one.cluster]
        if own:
            assert one.centre["size"] == pytest.approx(np.mean([f["size"] for f in own]), rel=0.2)
            assert np.sign(one.scores["density"]) == np.sign(np.mean([f["density"] for f in own]) - 1 / 3 - 0.025)
    assert sum(one.instances for one in found) == pytest.approx(60, abs=len(found))
    assert described(state, "other") == []


@given(st.floats(-1e9, 1e9).filter(lambda x: abs(x) > 1e-6))
def test_expanding_undoes_compression(x):
    """To a relative 1e-9."""
    assert expand(compress(x)) == pytest.approx(x, rel=1e-9)
