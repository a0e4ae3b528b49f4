"""The follower: what is live equals what is folded again, whatever happened in between."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import anyio
import pytest
from histories import FAMILIES, History, fresh

from mezan.engine import faults, live
from mezan.engine.errors import ProjectionBroken, StoreError, StoreFull
from mezan.engine.follower import Follower
from mezan.engine.live import LiveRows, has_rows
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.travel import rows_as_of, value_as_of
from mezan.projections import DEFAULT, Elo, Runs, Throughput

pytestmark = pytest.mark.anyio
VALUES = [projection for projection in DEFAULT if not has_rows(projection)]
ROWS = [projection for projection in DEFAULT if has_rows(projection)]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def store(tmp_path):
    async with SQLiteStore.open(f"sqlite:///{tmp_path}/log.db", durability="relaxed") as store:
        yield store


async def fill(store, history, events, at_once=6):
    """Append interleaved runs in commits of a few events."""
    batch = []
    for stream, event in history.interleaved(events, at_once):
        batch.append(Write(stream, [event]))
        if len(batch) == 7:
            await store.append(*batch)
            batch = []
    if batch:
        await store.append(*batch)


@asynccontextmanager
async def following(store, projections=DEFAULT, *, running=True, **options):
    """A started follower that sees every commit; it dies without closing, as in a crash."""
    follower = Follower(store, store, projections, **options)
    await follower.start()
    store.observe(follower.observe)
    async with anyio.create_task_group() as tasks:
        if running:
            tasks.start_soon(follower.run)
        yield follower
        tasks.cancel_scope.cancel()
    follower._started = False


async def stored_rows(store, name):
    found, before = {}, None
    while page := await store.rows(name, before=before, limit=500):
        found |= {row.key: (row.data, row.tag) for row in page}
        before = page[-1].position
    return found


async def check(store, follower, position=None):
    """Live values, stored values and stored rows equal a fold of the whole log."""
    end = (await store.head()).position
    assert follower.position == (position or end)
    saved = await store.saved()
    for projection in VALUES:
        expected = projection.dump(await value_as_of(store, projection, end))
        assert projection.dump(follower.state(projection.name)) == expected
        assert saved[projection.name].state == projection.dump(
            await value_as_of(store, projection, saved[projection.name].position)
        )
    for projection in ROWS:
        expected = await rows_as_of(store, projection, end)
        assert saved[projection.name].position == end
        found = await stored_rows(store, projection.name)
        assert {key: row for key, (row, _) in found.items()} == expected
        assert all(tag == projection.tag(row) for row, tag in found.values())


async def test_live_equals_rebuilt_for_every_projection(store):
    """Followed commit by commit with background saves, then rebuilt one by one and all at once: the same each time."""
    async with following(store, flush_seconds=0.001, flush_events=50, save_every=200) as follower:
        await fill(store, History(1), 1_500)
        await follower.flush(states=True)
        await check(store, follower)
        for projection in DEFAULT:
            await follower.rebuild(projection.name)
            await check(store, follower)
        seen = []
        await follower.rebuild_all(lambda position, end: seen.append((position, end)))
        assert seen[-1] == (1_500, 1_500)
        await check(store, follower)
        assert {status.generation for status in follower.status()} == {2}


async def test_a_follower_that_was_closed_goes_on_where_it_was(store):
    """A second follower loads what the first saved and reads only what came after."""
    history = History(2)
    async with following(store) as follower:
        await fill(store, history, 400)
        await follower.close()
    await fill(store, history, 300)
    async with following(store) as follower:
        assert {live.loaded for live in follower._track.lives.values()} == {400}
        await fill(store, history, 200)
        await follower.flush(states=True)
        await check(store, follower)


@pytest.mark.parametrize("point", ["follower.before-save", "follower.after-save"])
async def test_a_crash_around_a_save_loses_nothing(store, point):
    """Killed before or after any of its saves, values behind rows or not, the next follower ends up equal."""
    history = History(3)
    for life in range(4):
        async with following(store, running=False) as follower:
            await fill(store, history, 150)
            await follower.flush(states=life % 2 == 0)
            await fill(store, history, 70)
            with faults.armed(point, _die), pytest.raises(_Death):
                await follower.flush(states=life % 2 == 1)
    async with following(store, running=False) as follower:
        await follower.flush(states=True)
        await check(store, follower)


class _Death(BaseException):
    pass


def _die():
    raise _Death


async def test_rows_whose_beginning_was_not_seen_are_refolded_from_their_stream(store, monkeypatch):
    """With room for three moving rows only, forty interleaved runs still fold to the same rows."""
    monkeypatch.setattr(live, "MOST_ROWS", 3)
    async with following(store, running=False) as follower:
        pairs = list(History(4).interleaved(600, 40))
        for i in range(0, 600, 60):
            await store.append(*(Write(stream, [event]) for stream, event in pairs[i : i + 60]))
            await follower.flush()
            assert all(len(rows.rows) <= 3 for rows in follower._track.rows)
        await follower.flush(states=True)
        await check(store, follower)


async def test_rows_that_left_memory_are_refolded_many_at_a_time(store, monkeypatch):
    """Where thousands of runs went on at once, whoever reads the list waits for a few reads of the log, not for one of each run."""
    monkeypatch.setattr(live, "MOST_ROWS", 0)
    reads = 0

    async def read(method, *args, **options):
        nonlocal reads
        reads += 1
        return await method(*args, **options)

    runs = [f"run-{i}" for i in range(1_000)]
    history = next(events for _, events in iter(History(2).run, None) if len(events) > 5)
    async with following(store, running=False) as follower:
        await store.append(*(Write(run, history[:2]) for run in runs))
        await follower.flush()
        await store.append(*(Write(run, history[2:5]) for run in runs))
        for name in ("read", "histories"):
            monkeypatch.setattr(store, name, partial(read, getattr(store, name)))
        page = await follower.rows("runs", limit=1_000)
        assert 0 < reads <= 2 * len(runs) / live.AT_ONCE
        assert {row.key for row in page} == set(runs)
        assert {row.data["status"] for row in page} == {"running"}


async def test_what_another_process_writes_is_followed_too(tmp_path):
    """Two stores on one file, each with a follower: both end up with everything that either wrote."""
    url = f"sqlite:///{tmp_path}/log.db"
    async with (
        SQLiteStore.open(url, durability="relaxed") as one,
        SQLiteStore.open(url, durability="relaxed") as two,
        following(one, flush_seconds=0.001) as first,
        following(two, flush_seconds=0.001) as second,
    ):
        for seed in range(3):
            await fill(one, History(seed), 100)
            await fill(two, History(seed + 10), 100)
        for store, follower in ((one, first), (two, second)):
            await follower.wait_for(600)
            await follower.flush(states=True)
            await check(store, follower)


async def test_a_follower_goes_on_in_the_generation_that_another_one_rebuilt(store):
    """After one follower rebuilt, the other's next saves land in the new generation, and no row is lost."""
    async with following(store, running=False) as first, following(store, running=False) as second:
        await fill(store, History(1), 200)
        await first.flush(states=True)
        await first.rebuild_all()
        await fill(store, History(2), 200)
        await second.flush(states=True)
        await second.flush(states=True)
        await check(store, second)
        assert {status.generation for status in second.status()} == {1}


async def test_observe_skips_what_it_has_seen_and_catches_up_over_a_gap(store):
    """The same commit twice changes nothing; a commit that does not follow makes it read the log."""
    await fill(store, History(5), 300)
    events = await store.read(limit=300)
    follower = Follower(store, store, VALUES)
    await follower.start()
    follower.observe(events[100:150])
    assert follower.position == 300
    assert follower.state("throughput").totals["events"] == 300
    await fill(store, History(6), 100)
    follower.observe((await store.read(after=350))[:20])
    assert follower.position == 300
    await follower.wait_for(400)
    follower.observe(await store.read(after=350))
    assert follower.state("throughput").totals["events"] == 400


async def test_wait_for_returns_when_the_position_is_folded(store):
    """A reader that waits for an append to be visible sees it in the state when it wakes."""
    async with following(store) as follower, anyio.create_task_group() as tasks:
        seen = []

        async def reader():
            await follower.wait_for(50)
            seen.append(follower.state("throughput").totals["events"])

        tasks.start_soon(reader)
        await anyio.wait_all_tasks_blocked()
        assert not seen
        await fill(store, History(1), 50)
    assert seen == [50]


async def test_events_that_arrive_during_a_rebuild_are_in_it(store, monkeypatch):
    """Appends between any two pages of a rebuild are folded before the swap."""
    monkeypatch.setattr("mezan.engine.follower.PAGE", 64)
    history = History(7)
    async with following(store, flush_seconds=0.001, flush_events=40) as follower:
        await fill(store, history, 300)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fill, store, history, 400)
            await follower.rebuild_all()
        await follower.flush(states=True)
        await check(store, follower)


class Brittle(Throughput):
    """Breaks on the first failed attempt."""

    name = "brittle"
    handles = frozenset({"AttemptFailed", "RunRequested"})

    def apply(self, state, event):
        if event.type == "AttemptFailed":
            msg = "cannot fold a failure"
            raise RuntimeError(msg)
        return super().apply(state, event)


class BrittleRows(Runs):
    """Breaks on the first failed attempt."""

    name = "brittle_rows"

    def apply(self, row, event):
        if event.type == "AttemptFailed":
            msg = "cannot fold a failure"
            raise RuntimeError(msg)
        return super().apply(row, event)


async def test_a_broken_projection_stands_still_and_the_others_go_on(store):
    """Its error and position are shown, reading it raises, a rebuild that fails leaves it, and one that works mends it."""
    async with following(store, (*DEFAULT, Brittle(), BrittleRows()), flush_seconds=0.001) as follower:
        await fill(store, History(1), 600)
        failed_at = next(event.position for event in await store.read(types=["AttemptFailed"]))
        await follower.flush(states=True)
        await check(store, follower)
        broken = {status.name: status for status in follower.status() if status.error}
        assert set(broken) == {"brittle", "brittle_rows"}
        for status in broken.values():
            assert (status.failed_at, status.error) == (failed_at, "RuntimeError: cannot fold a failure")
            assert status.saved < failed_at
        with pytest.raises(ProjectionBroken, match=rf"brittle .*at position {failed_at}"):
            follower.state("brittle")
        with pytest.raises(ProjectionBroken):
            await follower.rebuild("brittle")
        follower._projections["brittle"].apply = lambda state, event: Throughput.apply(follower, state, event)
        await follower.rebuild("brittle")
        assert follower.state("brittle").totals["requested"] == len(await store.read(types=["RunRequested"]))


async def test_a_raised_fold_version_is_rebuilt_at_the_start(store):
    """Stored values and rows of an older version are folded again and replaced; those of the same version are loaded."""
    async with following(store) as follower:
        await fill(store, History(1), 300)
        await follower.close()

    class NewElo(Elo):
        version = Elo.version + 1

    class NewRuns(Runs):
        version = Runs.version + 1

    newer = tuple({"elo": NewElo(), "runs": NewRuns()}.get(projection.name, projection) for projection in DEFAULT)
    await fill(store, History(2), 100)
    async with following(store, newer) as follower:
        await follower.flush(states=True)
        await check(store, follower)
        generations = {status.name: (status.version, status.generation) for status in follower.status()}
        assert generations["elo"] == (NewElo.version, 1)
        assert generations["runs"] == (NewRuns.version, 1)
        assert generations["decisions"] == (1, 0)
    async with following(store) as old:
        assert {status.name for status in old.status() if not status.saves} == {"elo", "runs"}
        await fill(store, History(3), 50)
        await old.flush(states=True)
        assert Elo().dump(old.state("elo")) == Elo().dump(await value_as_of(store, Elo(), 450))
        assert (await store.saved())["elo"].version == NewElo.version


async def test_stored_state_that_is_ahead_of_the_log_or_unreadable_is_rebuilt(store):
    """A read model of a log that is gone, or bytes that no longer parse, are replaced by a fold of the log."""
    await fill(store, History(1), 200)
    async with following(store, running=False) as follower:
        saves = [live.take(5_000) for live in follower._track.lives.values() if live.name in {"runs", "elo"}]
        saves += [
            type(save)(save.name, save.version, 0, 200, b"{")
            for save in [follower._track.lives["clusters"].take(200)]
        ]  # fmt: skip
        await store.save(saves)
    async with following(store, running=False) as follower:
        await follower.flush(states=True)
        await check(store, follower)


async def test_values_as_of_a_position_equal_a_fold_of_the_prefix(store):
    """With snapshots every hundred events, for positions between, on and beyond them; and as of a time."""
    async with following(store, running=False, snapshot_events=100) as follower:
        for part in range(5):
            await fill(store, History(part), 110)
            await follower.flush(states=True)
        kept = await store.nearest_snapshot("elo", Elo.version, 449)
        assert kept is not None
        assert 100 <= kept[0] <= 449
        events = await store.read(limit=1_000)
        for position in (0, 1, 99, 220, kept[0], 449, 550, 10_000):
            for projection in VALUES:
                state = projection.initial()
                for event in fresh(events[:position]):
                    if event.type in projection.handles:
                        state = projection.apply(state, event)
                assert projection.dump(await follower.as_of(projection.name, position)) == projection.dump(state)
        at = events[300].time
        position = max(event.position for event in events if event.time <= at)
        state = await follower.as_of("throughput", at)
        assert state.totals["events"] == position
        with pytest.raises(ValueError, match="time zone"):
            await follower.as_of("throughput", datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
        assert (await follower.as_of("throughput", datetime(2000, 1, 1, tzinfo=UTC))).totals["events"] == 0


async def test_rows_as_of_a_position_equal_a_fold_of_the_prefix(store):
    """One row is folded from its stream alone, found in memory or in the store; all rows from the prefix."""
    async with following(store, running=False) as follower:
        await fill(store, History(1), 400)
        await follower.flush()
        for projection in ROWS:
            for position in (50, 200, 400):
                expected = await rows_as_of(store, projection, position)
                assert await follower.as_of(projection.name, position) == expected
                for key in list(expected)[::5]:
                    assert await follower.as_of(projection.name, position, key=key) == expected[key]
            last = list(await rows_as_of(store, projection, 400))[-1]
            assert await follower.as_of(projection.name, 1, key=last) is None
            assert await follower.as_of(projection.name, 400, key="nobody") is None
            assert await follower.row(projection.name, last) == expected[last]


async def test_a_reader_follows_without_saving(tmp_path):
    """A read-only follower has live values from stored ones, follows the writer, and reads its rows; it stores nothing."""
    url = f"sqlite:///{tmp_path}/log.db"
    async with SQLiteStore.open(url, durability="relaxed") as store, following(store, running=False) as writer:
        await fill(store, History(1), 300)
        await writer.flush(states=True)
        await fill(store, History(2), 2_500)
        await writer.flush()
        async with (
            SQLiteStore.open(url, read_only=True) as reading,
            following(reading, read_only=True, flush_seconds=0.001) as reader,
        ):
            assert reader.position == 2_800
            await fill(store, History(3), 100)
            await reader.wait_for(2_900)
            for projection in VALUES:
                expected = await value_as_of(store, projection, 2_900)
                assert projection.dump(reader.state(projection.name)) == projection.dump(expected)
            key = (await reading.rows("runs"))[0].key
            assert (await reader.row("runs", key))["run"] == key
            assert not any(status.saves for status in reader.status())
            await reader.close()
        await writer.flush(states=True)
        await check(store, writer)


async def test_a_save_that_fails_is_made_up_for(store):
    """Nothing is lost when the disk is full for a while; the background task says so and tries again."""
    failures, reported, saved = iter([True] * 3), [], anyio.Event()

    def fail():
        reported.append(follower.save_error)
        if next(failures, False):
            msg = "the disk is full"
            raise StoreFull(msg)

    async with following(store, running=False, flush_seconds=0.001) as follower:
        await fill(store, History(1), 200)
        with faults.armed("follower.before-save", fail), faults.armed("follower.after-save", saved.set):
            with pytest.raises(StoreError, match="full"):
                await follower.flush(states=True)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follower.run)
                await saved.wait()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
        assert reported == [None, None, "the disk is full", "the disk is full"]
        assert follower.save_error is None
        await follower.flush(states=True)
        await check(store, follower)


def test_a_row_being_saved_is_not_changed_under_the_store():
    """A row that moves on while the store writes it is copied first; what was handed over stays as it was."""
    runs = LiveRows(Runs())
    events = [event for event in History(1, instances=5).log(60, at_once=1) if event.type in Runs.handles]
    first = [event for event in events if event.stream == events[0].stream]
    runs.apply(first[0])
    (handed,) = runs.take(1).rows
    before = dict(handed.data)
    for event in first[1:]:
        runs.apply(event)
    assert handed.data == before
    runs.done()
    (again,) = runs.take(60).rows
    assert again.data["events"] == first[-1].version
    assert again.data["family"] in FAMILIES


async def test_the_states_of_a_follower_are_a_mapping_of_its_values(store):
    """Policies read them by name; row projections are not among them."""
    async with following(store, running=False) as follower:
        assert set(follower.states) == {projection.name for projection in VALUES}
        assert len(follower.states) == len(VALUES)
        with pytest.raises(KeyError):
            follower.state("runs")
