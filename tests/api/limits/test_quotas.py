"""Whether one more run may be submitted, and when again."""

import pytest

from mezan.api.limits.quotas import AGAIN, Quota, Quotas
from mezan.projections.usage import DAY, Going, Use

NOON = 20_000 * DAY + DAY // 2


def use(used=None, **limits):
    """A fold's value: runs under way with their limits in seconds by actor, and seconds used today."""
    state = Use(days={NOON // DAY: {actor: round(value * 1e6) for actor, value in (used or {}).items()}})
    for actor, seconds in limits.items():
        for i, value in enumerate(seconds):
            state.going[f"default/{actor}{i}"] = Going(actor, round(value * 1e6), 1)
        state.runs[actor], state.limits[actor] = len(seconds), round(sum(seconds) * 1e6)
    return state


def quotas(state, actor="unlimited", project="unlimited", **special):
    parsed = {name: Quota.parse(text) for name, text in special.items()}
    return Quotas(lambda: state, actor=Quota.parse(actor), project=Quota.parse(project), special=parsed)


def test_runs_under_way_are_limited():
    """Of an actor, of all together, and of some actors differently."""
    state = use(ann=[1, 1], bob=[1])
    assert quotas(state, "runs=3").exceeded("ann", seconds=1, now=NOON) is None
    found = quotas(state, "runs=2").exceeded("ann", seconds=1, now=NOON)
    assert (found.whose, found.what, found.quota, found.used, found.wait) == ("actor", "runs", 2, 2, AGAIN)
    assert quotas(state, "runs=2").exceeded("bob", seconds=1, now=NOON) is None
    assert quotas(state, project="runs=3").exceeded("bob", seconds=1, now=NOON).whose == "project"
    assert quotas(state, "runs=1", ann="runs=3").exceeded("ann", seconds=1, now=NOON) is None
    assert quotas(state, "runs=3").exceeded("ann", seconds=1, now=NOON, runs=2).wait == AGAIN
    assert quotas(state, "runs=3").exceeded("eve", seconds=1, now=NOON, runs=4).wait is None


@pytest.mark.parametrize(
    ("used", "going", "asked", "wait"),
    [
        (50, [], 50, "may"),  # exactly all of it
        (50, [10], 41, AGAIN),  # a run under way may yet leave enough
        (50, [], 51, DAY // 2),  # not today any more
        (50, [10], 51, DAY // 2),
        (0, [], 101, None),  # on no day
    ],
)
def test_seconds_of_a_day_are_limited(used, going, asked, wait):
    """Runs under way count with all that they may use, and midnight is when a day begins again."""
    found = quotas(use({"ann": used}, ann=going), "seconds=100").exceeded("ann", seconds=asked, now=NOON)
    if wait == "may":
        assert found is None
    else:
        assert (found.what, found.wait, found.used) == ("seconds", wait, used + sum(going))
        assert (
            quotas(use(), "seconds=100").exceeded("ann", seconds=asked, now=NOON + (wait or 0)) is None or wait is None
        )


def test_a_new_day_begins_with_the_whole_quota():
    """Only what runs is counted on."""
    found = quotas(use({"ann": 100}), "seconds=100")
    assert found.exceeded("ann", seconds=1, now=NOON).wait == DAY // 2
    assert found.exceeded("ann", seconds=100, now=NOON + DAY // 2) is None


def test_what_is_being_submitted_counts_already():
    """Of many at once no more are let in than if they came one after another."""
    found = quotas(use(ann=[1]), "runs=3 seconds=100")
    with found.promised("ann", seconds=50):
        assert found.exceeded("ann", seconds=49, now=NOON) is None
        assert found.exceeded("ann", seconds=50, now=NOON).what == "seconds"
        with found.promised("ann", seconds=1):
            assert found.exceeded("ann", seconds=1, now=NOON).what == "runs"
            assert found.exceeded("bob", seconds=1, now=NOON) is None
    assert found.exceeded("ann", seconds=99, now=NOON, runs=2) is None


def test_the_sentence_says_the_rule_and_what_to_do():
    """It goes into the problem's detail."""
    found = quotas(use({"ann": 50}, ann=[10]), "runs=1 seconds=100").exceeded("ann", seconds=1, now=NOON)
    assert str(found) == "the actor may have 1 runs under way at once; it has 1: wait for one to end"
    found = quotas(use({"ann": 50}, ann=[10]), "seconds=100").exceeded("ann", seconds=41, now=NOON)
    assert "100 solver seconds per day (UTC); 60.000 are used or promised" in str(found)
