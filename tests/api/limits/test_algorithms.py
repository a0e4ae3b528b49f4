"""Each algorithm is its definition, to the token and to the microsecond."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limit_oracles import Oracle, arrivals, limits

from mezan.api.limits.algorithms import meter
from mezan.api.limits.limit import ALGORITHMS

pytestmark = pytest.mark.parametrize("algorithm", ALGORITHMS)
some = settings(max_examples=120, deadline=None)


def drawn(data, algorithm, **options):
    limit = data.draw(limits([algorithm]))
    return limit, data.draw(arrivals(limit, **options))


@some
@given(data=st.data())
def test_it_grants_what_its_definition_grants(algorithm, data):
    """One by one, with what is left: the most that could be had at that moment."""
    limit, coming = drawn(data, algorithm)
    ours, oracle = meter(limit), Oracle(limit)
    state = ours.fresh
    for now, cost in coming:
        after = ours.take(state, now, cost)
        assert (after is not None) == oracle.take(now, cost)
        state = state if after is None else after
        assert ours.left(state, now)[0] == oracle.remaining(now)
        assert len(state) <= ours.size


@some
@given(data=st.data())
def test_what_is_promised_is_granted_then_and_not_before(algorithm, data):
    """After ``reset`` the whole quota is there, after ``wait`` what was asked; a microsecond earlier neither is."""
    limit, coming = drawn(data, algorithm)
    ours, oracle = meter(limit), Oracle(limit)
    state = ours.fresh
    for now, cost in coming:
        wait = ours.wait(state, now, cost)
        assert (wait is None) == (cost > ours.quota)
        if wait is not None:
            assert oracle.may(now + wait, cost)
            assert ours.take(state, now + wait, cost) is not None
            assert wait == 0 or not oracle.may(now + wait - 1, cost)
        if oracle.take(now, cost):
            state = ours.take(state, now, cost)
        _, reset = ours.left(state, now)
        assert oracle.may(now + reset, ours.quota)
        assert ours.left(state, now + reset) == (ours.quota, 0)
        assert reset == 0 or not oracle.may(now + reset - 1, ours.quota)


@some
@given(data=st.data())
def test_no_window_holds_more_than_the_limit(algorithm, data):
    """Whatever comes: over every stretch of time between two grants."""
    limit, coming = drawn(data, algorithm, longest=60)
    ours, state, grants = meter(limit), meter(limit).fresh, []
    for now, cost in coming:
        if (after := ours.take(state, now, cost)) is not None:
            state = after
            grants.append((now, cost))
    for i, (first, _) in enumerate(grants):
        for j in range(i, len(grants)):
            last = grants[j][0]
            total = sum(cost for _, cost in grants[i : j + 1])
            if algorithm in {"token-bucket", "leaky-bucket"}:
                assert (total - limit.burst) * limit.period <= limit.amount * (last - first)
            elif algorithm == "sliding-log":
                assert last - first >= limit.period or total <= limit.amount
            else:
                assert first // limit.period != last // limit.period or total <= limit.amount
                assert last - first >= limit.period or total <= 2 * limit.amount


@some
@given(data=st.data())
def test_what_is_left_only_grows_while_nothing_is_taken(algorithm, data):
    """So a promise that is rounded up to whole seconds is kept."""
    limit, coming = drawn(data, algorithm)
    ours, state = meter(limit), meter(limit).fresh
    for now, cost in coming:
        state = ours.take(state, now, cost) or state
    end = coming[-1][0] if coming else limit.period
    left = [ours.left(state, end + step * limit.period // 13)[0] for step in range(30)]
    assert left == sorted(left)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_same_requests_without_those_refused_are_granted_alike(algorithm, data):
    """A refused request costs nothing."""
    limit, coming = drawn(data, algorithm)
    ours, state, granted = meter(limit), meter(limit).fresh, []
    for now, cost in coming:
        if (after := ours.take(state, now, cost)) is not None:
            state = after
            granted.append((now, cost))
    again = ours.fresh
    for now, cost in granted:
        again = ours.take(again, now, cost)
        assert again is not None
    assert ours.left(again, coming[-1][0] if coming else 0) == ours.left(state, coming[-1][0] if coming else 0)
