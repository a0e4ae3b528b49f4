"""What holds of every projection: pure, resumable from its dump, and the same from a second reading of the log."""

import orjson
import pytest
from histories import History, fresh
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine.live import has_rows, is_shared
from mezan.projections import DEFAULT

VALUES = [projection for projection in DEFAULT if not has_rows(projection)]
ROWS = [projection for projection in DEFAULT if has_rows(projection) and not is_shared(projection)]
histories = st.builds(
    lambda seed, instances, events, at_once, imports: History(seed, instances=instances, imports=imports).log(
        events, at_once=at_once
    ),
    st.integers(0, 2**32),
    st.integers(2, 120),
    st.integers(0, 800),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3]),
)
few = settings(max_examples=12, deadline=None)


def fold(projection, events, state=None):
    state = projection.initial() if state is None else state
    for event in events:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    return state


def fold_rows(projection, events):
    rows = {}
    for event in events:
        if event.type in projection.handles:
            key = projection.key(event)
            rows[key] = projection.apply(rows.get(key), event)
    return rows


@pytest.mark.parametrize("projection", VALUES, ids=lambda projection: projection.name)
@few
@given(events=histories, data=st.data())
def test_a_fold_continued_from_its_dump_equals_one_from_the_start(projection, events, data):
    """Saved at any position, loaded and continued, a value has the same bytes as one folded in a single pass."""
    cut = data.draw(st.integers(0, len(events)))
    before = projection.load(projection.dump(fold(projection, events[:cut])))
    assert before == fold(projection, events[:cut])
    straight = fold(projection, fresh(events))
    resumed = fold(projection, events[cut:], before)
    assert resumed == straight
    assert projection.dump(resumed) == projection.dump(straight)
    assert projection.dump(projection.load(projection.dump(straight))) == projection.dump(straight)


@pytest.mark.parametrize("projection", ROWS, ids=lambda projection: projection.name)
@few
@given(events=histories)
def test_a_row_depends_on_its_own_stream_only(projection, events):
    """Folding each stream alone gives the rows of the whole log, even when every step goes through JSON."""
    whole = fold_rows(projection, events)
    alone = {}
    for stream in dict.fromkeys(event.stream for event in events):
        rows = {}
        for event in fresh([event for event in events if event.stream == stream]):
            if event.type in projection.handles:
                key = projection.key(event)
                row = projection.apply(rows.get(key), event)
                rows[key] = orjson.loads(orjson.dumps(row))
        alone |= rows
    assert whole == alone


@pytest.mark.parametrize("projection", DEFAULT, ids=lambda projection: projection.name)
def test_events_are_left_as_they_were(projection):
    """A fold reads the decoded payloads that other folds share, and changes none of them."""
    events = History(3, instances=10).log(600)
    if has_rows(projection):
        fold_rows(projection, events)
    else:
        fold(projection, events)
    for event, untouched in zip(events, fresh(events), strict=True):
        assert event.data == untouched.data


@pytest.mark.parametrize("projection", ROWS, ids=lambda projection: projection.name)
def test_a_row_opens_with_its_opening_type_and_settles_once(projection):
    """The first event of a key that begins with a choice or a request is of that type, and only the last settles it."""
    settled = set()
    rows = {}
    for event in History(4, instances=10).log(3_000):
        if event.type not in projection.handles:
            continue
        key = projection.key(event)
        assert (event.type in projection.opens) == (key not in rows)
        assert key not in settled
        rows[key] = projection.apply(rows.get(key), event)
        assert isinstance(projection.tag(rows[key]), str)
        if projection.settled(rows[key]):
            settled.add(key)
    assert 0 < len(settled) < len(rows)


def test_memory_stays_bounded_over_many_instances():
    """What grows with the log in a value is capped: matches, bests, samples, minutes, losses."""
    events = History(9, instances=2_500).log(45_000)
    states = {projection.name: fold(projection, events) for projection in VALUES}
    assert len(states["elo"].matches) == 4_096
    assert max(len(pool.losses) for pool in states["elo"].clusters.values()) == 256
    assert len(states["solver_stats"].best) <= 4_096
    assert max(len(group.sample) for group in states["clusters"].values()) == 512
    assert len(states["throughput"].minutes) <= 60
    assert max(len(known.outcomes) for known in states["instances"].values()) <= 512
    assert max(len(known) for known in states["policy_outcomes"].instances.values()) <= 512
    courses = [course for tables in (states["courses"].overall, states["courses"].clusters) for solvers in tables.values() for course in solvers.values()]  # fmt: skip
    assert max(len(course.points) for course in courses) <= 128 < max(course.moves for course in courses)
