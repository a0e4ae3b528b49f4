"""What holds of counts in memory and in a file: all rules or none, no clock or crowd forgives, several processes share."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limit_oracles import Oracle, arrivals, limits

from mezan.api.limits.limit import ALGORITHMS, SECOND, Limit
from mezan.api.limits.memory import Memory
from mezan.api.limits.shared import Shared
from mezan.api.limits.shelf import SLOTS, Rule
from mezan.api.limits.steady import SLACK
from mezan.engine.errors import NotOurs, StoreBusy, StoreError

FRESH = [HealthCheck.function_scoped_fixture]  # the fixture makes new shelves
T0 = 1_750_000_000 * SECOND


@pytest.fixture(params=["memory", "shared"])
def make(request, tmp_path_factory):
    """Makes an empty shelf, of few keys if asked."""
    opened = []

    def make(keys=None):
        if request.param == "memory":
            return Memory() if keys is None else Memory(cells=5 * keys)
        path = tmp_path_factory.mktemp("limits") / "mezan.limits.db"
        opened.append(Shared(path) if keys is None else Shared(path, rows=keys))
        return opened[-1]

    yield make
    for shelf in opened:
        shelf.close()


def allowed(counts):
    return all(count.wait == 0 for count in counts)


@settings(max_examples=30, deadline=None, suppress_health_check=FRESH)
@given(data=st.data())
def test_every_rule_counts_or_none(make, data):
    """With several rules a request is granted when each definition grants it, and is counted with none otherwise."""
    several = data.draw(st.lists(limits(ALGORITHMS), min_size=1, max_size=3))
    coming = data.draw(arrivals(several[0]))
    rules = [Rule(f"r{i}", limit) for i, limit in enumerate(several)]
    oracles, shelf = [Oracle(limit) for limit in several], make()
    for now, cost in coming:
        counts = shelf.take([(rule, "me") for rule in rules], now, cost)
        expected = [oracle.may(now, cost) for oracle in oracles]
        assert [count.wait == 0 for count in counts] == expected
        if all(expected):
            for oracle in oracles:
                oracle.take(now, cost)
        assert [count.remaining for count in counts] == [oracle.remaining(now) for oracle in oracles]
        assert [count.policy for count in counts] == [rule.name for rule in rules]


@settings(max_examples=40, deadline=None, suppress_health_check=FRESH)
@given(data=st.data())
def test_a_clock_that_goes_back_gives_nothing(make, data):
    """It grants what the definition grants by a clock that stands still meanwhile, and goes on with it."""
    limit = data.draw(limits(ALGORITHMS))
    coming = data.draw(arrivals(limit, back=True))
    rule, shelf, oracle = Rule("r", limit), make(), Oracle(limit)
    real = raw = None
    for now, cost in coming:
        # the most generous honest clock: it adds up the steps forward
        real = now if real is None else real + max(0, now - raw)
        raw = now
        if allowed(shelf.take([(rule, "me")], now, cost)):
            oracle.grants.append((real, cost))
    if limit.algorithm in {"token-bucket", "leaky-bucket"}:
        for i, (first, _) in enumerate(oracle.grants):
            total = 0
            for last, cost in oracle.grants[i:]:
                total += cost
                assert (total - limit.burst) * limit.period <= limit.amount * (last - first)
    if limit.algorithm == "sliding-log":
        for first, _ in oracle.grants:
            assert oracle.total(first, first + limit.period) <= limit.amount


@pytest.mark.parametrize("step", [SLACK // 2, SLACK * 1_000])
def test_after_a_step_back_time_goes_on(make, step):
    """A short one is waited out, after a long one it goes on at once: nobody is locked out for it, refused or not."""
    rule, shelf = Rule("r", Limit(1, SECOND)), make()
    assert allowed(shelf.take([(rule, "me")], T0))
    back = T0 - step
    assert not allowed(shelf.take([(rule, "me")], back))
    assert not allowed(shelf.take([(rule, "me")], back + SECOND - 1))
    patience = SECOND if step > SLACK else step + SECOND
    assert allowed(shelf.take([(rule, "me")], back + patience))


def test_a_crowd_of_keys_forgives_nobody(make):
    """Full of keys that are not at rest, a shelf stays bounded; no key ever gets more than its limit, not even one that came late."""
    rule, shelf = Rule("r", Limit(2, 3_600 * SECOND)), make(50)
    granted = {}
    for turn in range(3):
        for i in range(700):
            name = f"k{i}"
            granted[name] = granted.get(name, 0) + allowed(shelf.take([(rule, name)], T0 + turn))
    assert max(granted.values()) == 2
    assert sum(granted.values()) <= 2 * (50 + SLOTS)
    assert all(granted[f"k{i}"] == 2 for i in range(50))
    assert size(shelf) <= 50 + SLOTS


def test_who_shared_a_count_goes_on_with_it_when_there_is_room_again(make):
    """Otherwise whoever waits for room would have its limit twice."""
    quick, slow = Rule("quick", Limit(1, SECOND)), Rule("slow", Limit(1, 3_600 * SECOND))
    shelf = make(4)
    for i in range(4):
        assert allowed(shelf.take([(quick, f"k{i}")], T0))
    assert allowed(shelf.take([(slow, "late")], T0))
    later = T0 + 2 * SECOND
    assert not allowed(shelf.take([(slow, "late")], later))
    assert allowed(shelf.take([(slow, "other")], later))
    assert not allowed(shelf.take([(slow, "late")], T0 + 3_600 * SECOND - 1))
    assert allowed(shelf.take([(slow, "late")], T0 + 3_600 * SECOND))


@settings(max_examples=30, deadline=None, suppress_health_check=FRESH)
@given(data=st.data())
def test_forgetting_keys_at_rest_changes_nothing(make, data):
    """A shelf that has to look for room with each new key grants what an unbounded one grants, while there is some."""
    limit = data.draw(limits(["token-bucket"]))
    coming = data.draw(arrivals(limit, longest=60))
    names = data.draw(st.lists(st.integers(0, 5), min_size=len(coming), max_size=len(coming)))
    rule, small, wide = Rule("r", limit), make(6), Memory()
    for (now, cost), name in zip(coming, names, strict=True):
        asked = [(rule, str(name))]
        assert small.take(asked, now, cost) == wide.take(asked, now, cost)


def test_a_million_keys_take_bounded_memory():
    """Each is granted its own while others come to rest; what is kept is what may still matter."""
    rule, shelf = Rule("r", Limit(100, SECOND)), Memory(cells=100_000)
    for i in range(1_000_000):
        assert allowed(shelf.take([(rule, str(i))], T0 + i))
    assert len(shelf) <= 20_000


@settings(max_examples=40, deadline=None, suppress_health_check=FRESH)
@given(data=st.data())
def test_what_is_taken_back_is_as_if_it_had_not_been_taken_or_less(make, data):
    """However much later: never more may be had than without the attempt; taken back at once, exactly as much."""
    limit = data.draw(limits(["token-bucket"]))
    coming = data.draw(arrivals(limit))
    at_once = data.draw(st.booleans())
    asked = [(Rule("r", limit), "me")]
    trying, without, pending = make(), Memory(), []
    for i, (now, cost) in enumerate(coming):
        if i % 3 == 0:
            if allowed(trying.take(asked, now)):
                pending.append(now)
        elif allowed(trying.take(asked, now, cost)):
            assert allowed(without.take(asked, now, cost))
        if pending and (at_once or i % 3 == 2):
            trying.give(asked, now - pending.pop())
    if coming and at_once:
        assert trying.take(asked, coming[-1][0]) == without.take(asked, coming[-1][0])


def test_what_leaked_away_meanwhile_is_not_given_back_again(make):
    """An attempt of half a token's time ago, behind which another came: half of it would have been refilled anyway."""
    asked, trying, without = [(Rule("r", Limit(1, SECOND, burst=3)), "me")], make(), Memory()
    trying.take(asked, T0)
    later = T0 + SECOND // 2
    trying.take(asked, later)
    without.take(asked, later)
    trying.give(asked, SECOND // 2)
    assert trying.take(asked, later) == without.take(asked, later)


def size(shelf):
    if isinstance(shelf, Memory):
        return len(shelf)
    with closing(sqlite3.connect(shelf._path)) as connection, connection:
        (rows,), (kept,) = connection.execute("SELECT count(*) FROM counts UNION ALL SELECT rows FROM size").fetchall()
    assert rows == kept
    return rows


GREEDY = """
import sys, time
from mezan.api.limits.limit import Limit
from mezan.api.limits.shared import Shared
from mezan.api.limits.shelf import Rule
path, text, tries = sys.argv[1:]
shelf, rule = Shared(path), Rule("r", Limit.parse(text))
start, granted = time.time_ns() // 1000, 0
for _ in range(int(tries)):
    granted += shelf.take([(rule, "me")], time.time_ns() // 1000)[0].wait == 0
print(granted, start, time.time_ns() // 1000)
"""


@pytest.mark.parametrize(
    "text",
    ["100/h token-bucket", "100/h leaky-bucket burst=100", "100/day fixed-window", "100/h sliding-log", "100/31day sliding-counter"],
)  # fmt: skip
def test_processes_share_one_limit(tmp_path, text):
    """Three at once on one file are granted exactly what one would be."""
    command = [sys.executable, "-c", GREEDY, str(tmp_path / "l.db"), text, "150"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [[int(word) for word in process.communicate(timeout=60)[0].split()] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    total = sum(granted for granted, _, _ in answers)
    elapsed = max(end for *_, end in answers) - min(start for _, start, _ in answers)
    more = elapsed // Limit.parse("1/36s").period + 1 if "bucket" in text else 0
    if "fixed" not in text or all(a // DAY == b // DAY for _, a, b in answers):
        assert 100 <= total <= 100 + more


DAY = 86_400 * SECOND


def test_counts_outlive_the_process(tmp_path):
    """Another one that opens the file goes on from there."""
    rule, path = Rule("r", Limit(1, 60 * SECOND)), tmp_path / "l.db"
    first = Shared(path)
    assert allowed(first.take([(rule, "me")], T0))
    first.close()
    second = Shared(path)
    (count,) = second.take([(rule, "me")], T0 + SECOND)
    second.close()
    assert (count.wait, count.remaining, count.reset) == (59 * SECOND, 0, 59 * SECOND)


def test_the_file_is_its_owners(tmp_path):
    """It tells who was here."""
    Shared(tmp_path / "l.db").close()
    assert stat.S_IMODE((tmp_path / "l.db").stat().st_mode) == 0o600


def test_another_kind_of_file_is_refused_and_left_alone(tmp_path):
    """Neither a database of others nor a text becomes ours."""
    path = tmp_path / "theirs.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NotOurs, match="move it away"):
        Shared(path)
    assert path.read_bytes() == before
    path.write_text("no database at all, but a text that is long enough to be read as one" * 20)
    with pytest.raises(NotOurs):
        Shared(path)
    with pytest.raises(StoreError):
        Shared(tmp_path)


def test_a_lock_that_is_held_too_long_is_an_error_and_counts_nothing(tmp_path):
    """Nothing is granted that could not be counted."""
    rule, shelf = Rule("r", Limit(1, 60 * SECOND)), Shared(tmp_path / "l.db", busy=0.05)
    holder = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        shelf.take([(rule, "me")], T0)
    holder.execute("ROLLBACK")
    holder.close()
    assert allowed(shelf.take([(rule, "me")], T0))
    shelf.close()


def test_another_limit_of_the_same_policy_begins_anew():
    """The counts of one algorithm mean nothing to another."""
    shelf = Memory()
    for before, after in pairwise(ALGORITHMS):
        for algorithm in (before, after):
            rule = Rule("r", Limit(1, 60 * SECOND, algorithm))
            shelf.take([(rule, "me")], T0)
            assert not allowed(shelf.take([(rule, "me")], T0))
