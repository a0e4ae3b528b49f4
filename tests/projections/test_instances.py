"""Outcomes of the sampled instances, against the clusters' sample and a plain sum over the log."""

from collections import defaultdict

import pytest
from histories import History
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine.endings import rated
from mezan.projections import Clusters, Instances
from mezan.projections.outcomes import ENDS, loss_of


def fold(projection, events):
    state = projection.initial()
    for event in events:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    return state


@pytest.mark.parametrize("most", [4, 512])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), imports=st.sampled_from([0.0, 0.3]))
def test_sums_are_those_of_the_log_since_an_instance_came_in(most, seed, imports):
    """The sample is that of the clusters; each instance has the outcomes since it last entered, and nobody else has any."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mezan.projections.clusters.SAMPLE", most)
        events = History(seed, instances=25, imports=imports).log(900)
        groups, known = fold(Clusters(), events), fold(Instances(), events)
        clusters, expected = Clusters(), defaultdict(list)
        state = clusters.initial()
        for event in events:
            family = event.data.get("family")
            if event.type in clusters.handles:
                state = clusters.apply(state, event)
                for key in [k for k in expected if k[0] == family and k[1] not in state[family].known]:
                    del expected[key]
            elif event.type in ENDS and rated(event.type, event.data):
                group = state.get(family)
                if group is not None and event.data["instance"] in group.known:
                    expected[family, event.data["instance"], event.data["solver"]].append((loss_of(event), event.data["seconds"]))  # fmt: skip
    found = {}
    for family, one in known.items():
        assert (one.group.ids, one.group.sample, one.group.count) == (groups[family].ids, groups[family].sample, groups[family].count)  # fmt: skip
        assert one.outcomes.keys() <= one.group.known
        found |= {(family, i, s): sums for i, solvers in one.outcomes.items() for s, sums in solvers.items()}
    assert found.keys() == expected.keys()
    for key, own in expected.items():
        losses, seconds = zip(*own, strict=True)
        count, loss, cost, time, least = found[key]
        assert (count, least) == (len(own), min(losses))
        assert (loss, time) == pytest.approx((sum(losses), sum(seconds)))
        assert loss <= cost <= loss + 1e-3 * count
