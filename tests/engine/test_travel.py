"""Time travel: whatever is read as of a position is what a fold from the first event gives."""

from itertools import pairwise

import anyio
import pytest
from histories import History, fresh
from hypothesis import given, settings
from hypothesis import strategies as st
from test_follower import VALUES, fill, following

from mezan.engine import deltas, faults
from mezan.engine.folds import StoredRow
from mezan.engine.follower import Follower
from mezan.engine.live import has_rows, is_shared
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections import DEFAULT, Elo, Runs, Throughput
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio
NAMES = [projection.name for projection in VALUES]
LISTED = [projection for projection in DEFAULT if has_rows(projection) and not is_shared(projection)]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def store(tmp_path):
    async with SQLiteStore.open(f"sqlite:///{tmp_path}/log.db", durability="relaxed") as store:
        yield store


def folded(events, position):
    """The bytes of every value, folded from the first event."""
    out = {}
    for projection in VALUES:
        state = projection.initial()
        for event in fresh(events[:position]):
            if event.type in projection.handles:
                state = projection.apply(state, event)
        out[projection.name] = projection.dump(state)
    return out


def listed(projection, events, position, *, tag=None, keep=None):
    """The rows newest first, folded from the first event."""
    rows, firsts = {}, {}
    for event in fresh(events[:position]):
        if event.type in projection.handles:
            key = projection.key(event)
            firsts.setdefault(key, event)
            rows[key] = projection.apply(rows.get(key), event)
    found = [
        StoredRow(key, firsts[key].stream, firsts[key].position, projection.tag(row), row)
        for key, row in rows.items()
        if tag in {None, projection.tag(row)} and (keep is None or keep(row))
    ]
    return sorted(found, key=lambda row: -row.position)


def dumped(values):
    """Values as bytes, by name."""
    return {projection.name: projection.dump(values[projection.name]) for projection in VALUES}


async def test_several_values_as_of_any_position_are_those_of_a_fold_from_the_first_event(store):
    """Written live, while catching up and by a rebuild; read in any order, one position after another and far apart."""
    async with following(store, running=False, snapshot_events=40) as follower:
        for part in range(12):
            await fill(store, History(part, imports=0.1), 60)
            await follower.flush(states=part % 4 == 0)
        events = await store.read(limit=1_000)
        before = await store.snapshots()
        assert all(before[name].count > 2 for name in ("throughput", "solver_stats", "elo"))
        for rebuilt in (False, True):
            if rebuilt:
                await follower.rebuild_all()
                after = await store.snapshots()
                assert all(after[name].count > 2 for name in NAMES if name in before)
            for position in (719, 5, 0, 400, 401, 399, 405, 40, 41, 39, 720, 1_000, 333):
                assert dumped(await follower.as_of_many(NAMES, position)) == folded(events, position)
    async with following(store, running=False) as follower:
        await fill(store, History(99), 30)
        events = await store.read(limit=1_000)
        for position in (750, 720, 1_000, 719):
            assert dumped(await follower.as_of_many(NAMES, position)) == folded(events, position)


async def test_what_a_reader_does_with_a_value_changes_nothing_kept(store):
    """Values are the reader's own, of any position, live ones too."""
    async with following(store, running=False, snapshot_events=20) as follower:
        await fill(store, History(5), 300)
        await follower.flush(states=True)
        events = await store.read(limit=1_000)
        for position in (150, 300):
            for _ in range(3):
                values = await follower.as_of_many(NAMES, position)
                assert dumped(values) == folded(events, position)
                values["throughput"].totals["events"] = -1
                values["elo"].overall.clear()
                values["solver_stats"].solvers.clear()
        assert dumped(follower.states) == folded(events, 300)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    moves=st.lists(st.tuples(st.integers(-30, 60), st.sampled_from(["back", "kept", "own", "rebuilt"])), max_size=9),
    least=st.integers(5, 90),
)
def test_lent_values_are_those_of_a_fold_wherever_the_reader_goes(tmp_path_factory, seed, moves, least):
    """On and back, near and far, given back or not, with readers of their own values and a rebuild in between."""

    async def run():
        folder = tmp_path_factory.mktemp("log")
        async with (
            SQLiteStore.open(f"sqlite:///{folder}/log.db", durability="relaxed") as store,
            following(store, running=False, snapshot_events=least) as follower,
        ):
            await fill(store, History(seed, imports=0.1), 180)
            await follower.flush(states=True)
            recorded = await store.read(limit=1_000)
            position, kept = 90, []
            for step, then in moves:
                position = max(0, min(200, position + step))
                if then == "own":
                    values = await follower.as_of_many(NAMES, position)
                    assert dumped(values) == folded(recorded, position)
                    values["elo"].overall.clear()
                    continue
                lent = await follower.lend(NAMES, position)
                assert dumped(lent) == folded(recorded, position)
                if then == "kept":
                    kept.append((position, lent))
                    continue
                if then == "rebuilt":
                    await follower.rebuild("elo")
                follower.give_back(lent)
                assert not lent
            for position, lent in kept:
                assert dumped(lent) == folded(recorded, position)

    anyio.run(run)


async def test_what_was_given_back_is_folded_on_and_what_was_not_stays_with_its_reader(store):
    """The next reader gets the same state; one that is still being read is nobody else's."""
    async with following(store, running=False) as follower:
        await fill(store, History(5), 300)
        events = await store.read(limit=1_000)
        first = await follower.lend(["throughput"], 150)
        state = first["throughput"]
        follower.give_back(first)
        second = await follower.lend(["throughput", "elo"], 151)
        assert second["throughput"] is state
        third = await follower.lend(["throughput"], 160)
        assert third["throughput"] is not state
        for name, lent, position in (("throughput", second, 151), ("elo", second, 151), ("throughput", third, 160)):
            fold = follower.values[name]
            assert fold.dump(lent[name]) == folded(events, position)[name]
        follower.give_back(second)
        follower.give_back(second)
        assert (await follower.lend(["throughput"], 150))["throughput"] is not state


class _Stumbling(Throughput):
    """Fails once at an event, when it has counted it already."""

    stumbles = False

    def apply(self, state, event):
        state = super().apply(state, event)
        if self.stumbles and event.position == 170:
            self.stumbles = False
            raise RuntimeError("stumbled")
        return state


async def test_a_state_whose_fold_failed_half_way_is_not_folded_on(store):
    """The next reader's is made from what was kept before."""
    projection = _Stumbling()
    async with following(store, [projection], running=False) as follower:
        await fill(store, History(5), 300)
        events = await store.read(limit=1_000)
        follower.give_back(await follower.lend(["throughput"], 160))
        projection.stumbles = True
        with pytest.raises(RuntimeError, match="stumbled"):
            await follower.lend(["throughput"], 175)
        lent = await follower.lend(["throughput"], 180)
        assert projection.dump(lent["throughput"]) == folded(events, 180)["throughput"]


async def test_a_position_beyond_the_log_is_its_end_and_only_as_long_as_it_is(store):
    """What was read beyond the end is not kept for when the log has grown."""
    async with following(store, running=False) as follower:
        for part in range(3):
            await fill(store, History(part), 50)
            values = await follower.as_of_many(NAMES, 150)
            assert dumped(values) == folded(await store.read(limit=1_000), 150)
            lent = await follower.lend(NAMES, 150)
            assert dumped(lent) == folded(await store.read(limit=1_000), 150)
            follower.give_back(lent)


async def test_names_of_no_value_are_refused(store):
    """Rows have no value; nor has what is not there."""
    async with following(store, running=False) as follower:
        for name in ("runs", "nothing"):
            for read in (follower.as_of_many, follower.lend):
                with pytest.raises(KeyError):
                    await read(["elo", name], 1)


async def test_snapshots_are_a_small_share_of_the_log(store):
    """About a tenth of its bytes, beside the latest that others will build on, and no two of them are near each other."""
    await fill(store, History(2, instances=300), 12_000, at_once=20)
    async with following(store, running=False) as follower:
        await follower.rebuild_all()
        kept = await store.snapshots()
        largest = await store.fetch(
            lambda c: c.execute("SELECT max(length(state)) FROM snapshots GROUP BY projection").fetchall()
        )
    size = sum(one.size for one in kept.values()) - sum(one for (one,) in largest)
    sizes = "SELECT sum(length(payload) + 2 * length(stream) + length(correlation) + length(type) + 100) FROM events"
    assert size <= 0.12 * await store.fetch(lambda c: c.execute(sizes).fetchone()[0])
    assert kept["throughput"].count >= 8
    rows = await store.fetch(lambda c: c.execute("SELECT projection, position FROM snapshots ORDER BY 1, 2").fetchall())
    for (name, position), (other, later) in pairwise(rows):
        assert name != other or later - position >= 500


async def test_an_old_log_without_snapshots_gets_them_by_being_read(store):
    """What a reader folded far is kept, so that the next reader starts a little before there."""
    await fill(store, History(3), 8_000, at_once=10)
    async with following(store, running=False) as follower:
        await store.transact(lambda c: c.execute("DELETE FROM snapshots"))
        await follower.as_of_many(["throughput", "elo"], 7_500)
        found = await store.nearest_snapshot("elo", Elo.version, 7_500)
        assert found is not None
        assert 7_300 < found[0] <= 7_500
        assert found[1] == folded(await store.read(limit=8_000), found[0])["elo"]
        assert await store.nearest_snapshot("elo", Elo.version, found[0] - 1) is None


@pytest.mark.parametrize("point", ["follower.before-save", "follower.after-save"])
async def test_a_crash_between_saves_and_snapshots_leaves_none_that_is_wrong(store, point):
    """Whether the save, the snapshot or both were lost."""
    async with following(store, running=False, snapshot_events=30) as follower:
        await fill(store, History(7), 200)
        await follower.flush(states=True)
        await fill(store, History(8), 200)
        with faults.armed(point, _die), pytest.raises(_Death):
            await follower.flush(states=True)
    events = await store.read(limit=1_000)
    async with following(store, running=False, snapshot_events=30) as follower:
        await follower.flush(states=True)
        for position in (100, 200, 201, 350, 400):
            assert dumped(await follower.as_of_many(NAMES, position)) == folded(events, position)


class _Death(BaseException):
    pass


def _die():
    raise _Death


async def pages(read, **about):
    """All rows, read page by page."""
    found, before = [], None
    while True:
        page = await read(before=before, **about)
        assert len(page) <= about.get("limit", 100)
        found += page
        if page.before is None:
            return found
        assert before is None or page.before < before
        before = page.before


async def test_rows_as_of_a_position_are_those_of_a_fold_from_the_first_event(store):
    """Saved ones and those that are not, filtered by the tag that they had then and by what they held, in pages of any size."""
    async with following(store, running=False) as follower:
        await fill(store, History(4), 500, at_once=30)
        await follower.flush()
        await fill(store, History(6), 150, at_once=30)
        events = await store.read(limit=1_000)
        for projection in LISTED:
            for position in (0, 1, 120, 499, 500, 510, 640, 650, 9_999):
                expected = listed(projection, events, position)

                async def then(position=position, projection=projection, **about):
                    return await follower.rows_as_of(projection.name, position, **about)

                assert await pages(then, limit=7) == expected
                assert await follower.rows_as_of(projection.name, position, limit=1_000) == expected
                for tag in {row.tag for row in expected}:
                    assert await pages(then, tag=tag, limit=5) == [row for row in expected if row.tag == tag]
                knapsack = [row for row in expected if row.data["family"] == "knapsack"]
                assert await pages(then, keep=lambda row: row["family"] == "knapsack", limit=3) == knapsack
        assert {row.tag for row in listed(Runs(), events, 640)} > {"running", "requested"}


async def test_rows_as_of_a_time_are_those_of_its_position(store):
    """The last position recorded by then."""
    async with following(store, running=False) as follower:
        await fill(store, History(4), 200)
        events = await store.read(limit=1_000)
        position = max(event.position for event in events if event.time <= events[90].time)
        assert await follower.rows_as_of("runs", events[90].time) == listed(Runs(), events, position)


async def test_rows_of_now_hold_what_is_not_saved_yet(store):
    """A run accepted since the last save is in the list, in its place, and one that moved on has its new tag only."""
    async with following(store, running=False) as follower:
        await fill(store, History(4), 400, at_once=20)
        await follower.flush()
        saved = {row.key: row.tag for row in await store.rows("runs", limit=1_000)}
        history = History(8)
        await fill(store, history, 100, at_once=20)
        events = await store.read(limit=1_000)
        for projection in LISTED:
            expected = listed(projection, events, 500)

            async def now(projection=projection, **about):
                return await follower.rows(projection.name, **about)

            assert await pages(now, limit=7) == expected
            for tag in {row.tag for row in expected}:
                assert await pages(now, tag=tag, limit=4) == [row for row in expected if row.tag == tag]
        assert any(row.key not in saved for row in await follower.rows("runs"))
        row = (await follower.rows("runs", limit=1))[0]
        row.data["status"] = "spoilt"
        assert (await follower.rows("runs", limit=1))[0].data["status"] != "spoilt"


async def test_a_row_that_moved_on_since_it_was_saved_is_listed_by_its_new_tag(store):
    """Its stored row has another."""
    history = History(12)
    lives = [history.run() for _ in range(30)]
    async with following(store, running=False) as follower:
        for stream, events in lives:
            await store.append(Write(stream, events[:2]))
        await follower.flush()
        for stream, events in lives[::2]:
            await store.append(Write(stream, events[2:]))
        recorded = await store.read(limit=1_000)
        for tag in ("requested", "running", "completed", "failed"):
            assert await follower.rows("runs", tag=tag) == listed(Runs(), recorded, len(recorded), tag=tag)


async def test_a_page_stops_after_so_many_rows_and_says_where_to_go_on(store, monkeypatch):
    """A filter that few rows pass costs a bounded time for each call."""
    monkeypatch.setattr("mezan.engine.listing.SCANNED", 40)
    monkeypatch.setattr("mezan.engine.listing.CHUNK", 20)
    async with following(store, running=False) as follower:
        await fill(store, History(4), 1_500, at_once=10)
        await follower.flush()
        events = await store.read(limit=2_000)
        oldest = listed(Runs(), events, 1_500)[-1]
        for read in (follower.rows, lambda name, **about: follower.rows_as_of(name, 1_500, **about)):
            before, calls, found = None, 0, []
            while calls == 0 or before is not None:
                page = await read("runs", keep=lambda row: row["run"] == oldest.key, before=before, limit=10)
                before, calls, found = page.before, calls + 1, found + page
            assert found == [oldest]
            assert calls > 1


async def test_rows_with_very_long_streams_are_folded_too(store, monkeypatch):
    """A stream of more events than are read at once with others is read alone."""
    monkeypatch.setattr("mezan.engine.stores.sqlite.PAGE", 4)
    async with following(store, running=False) as follower:
        await fill(store, History(4), 300, at_once=10)
        await follower.flush()
        events = await store.read(limit=1_000)
        assert await follower.rows_as_of("runs", 150) == listed(Runs(), events, 150)


@pytest.mark.parametrize("saved", [True, False])
async def test_a_reader_lists_what_another_process_has_not_saved_yet(tmp_path, saved):
    """Read-only: the stored rows and the tail of the log, or the log alone when nobody has saved."""
    url = f"sqlite:///{tmp_path}/log.db"
    async with SQLiteStore.open(url, durability="relaxed") as store, following(store, running=False) as follower:
        await fill(store, History(4), 300, at_once=10)
        if saved:
            await follower.flush(states=True)
        await fill(store, History(6), 100, at_once=10)
        async with SQLiteStore.open(url, read_only=True) as other:
            reader = Follower(other, other, (Runs(), Elo()), read_only=True)
            await reader.start()
            events = await store.read(limit=1_000)
            assert await reader.rows("runs", limit=1_000) == listed(Runs(), events, 400)
            assert await reader.rows_as_of("runs", 340, limit=1_000) == listed(Runs(), events, 340)
            assert Elo().dump(await reader.as_of("elo", 340)) == folded(events, 340)["elo"]


async def test_only_rows_of_one_stream_each_are_listed(store):
    """Rows that streams share have no first event of their own; values have none at all; and pages are bounded."""
    async with following(store, running=False) as follower:
        for name in ("known", "elo", "nothing"):
            with pytest.raises(KeyError):
                await follower.rows(name)
            with pytest.raises(KeyError):
                await follower.rows_as_of(name, 1)
        for limit in (0, 1_001):
            with pytest.raises(BadInput, match="1 to 1000 rows"):
                await follower.rows("runs", limit=limit)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    events=st.integers(1, 260),
    positions=st.lists(st.integers(0, 270), min_size=1, max_size=6),
    least=st.integers(1, 90),
    generations=st.integers(0, 2),
)
def test_any_history_as_of_any_positions(tmp_path_factory, seed, events, positions, least, generations):
    """Values and rows, with snapshots at any distance, after any number of rebuilds."""

    async def run():
        folder = tmp_path_factory.mktemp("log")
        async with (
            SQLiteStore.open(f"sqlite:///{folder}/log.db", durability="relaxed") as store,
            following(store, running=False, snapshot_events=least) as follower,
        ):
            await fill(store, History(seed, imports=0.1), events)
            await follower.flush(states=bool(seed % 2))
            for _ in range(generations):
                await follower.rebuild_all()
            recorded = await store.read(limit=1_000)
            for position in positions:
                assert dumped(await follower.as_of_many(NAMES, position)) == folded(recorded, position)
                assert await follower.rows_as_of("runs", position) == listed(Runs(), recorded, position)[:100]

    anyio.run(run)


texts = st.text(alphabet='ab",[]\n1', max_size=60).map(str.encode)


@given(states=st.lists(texts, min_size=1, max_size=6))
def test_a_chain_of_deltas_gives_back_every_state(states):
    """Whatever the bytes; a state that cannot be cut must stand alone."""
    chain = [deltas.full(states[0])]
    for i in range(1, len(states)):
        made = deltas.delta(states[i], states[i - 1], i)
        chain = [deltas.full(states[i])] if made is None else [*chain, made]
        assert made is None or deltas.base_of(made) == i
        assert deltas.restore(chain) == states[i]


def test_a_delta_of_a_long_list_takes_what_changed():
    """Elements that stay cost nothing, even where they moved."""
    entries = [f'["{i * 2654435761 % 2**32:08x}{i}",{i}.5]' for i in range(4_000)]
    base = f"[{','.join(entries)}]".encode()
    entries[1_000:1_000] = entries[3_000:3_500]
    entries[17], entries[2_000] = '["new",1]', '["newer",2]'
    state = f"[{','.join(entries)}]".encode()
    made = deltas.delta(state, base, 1)
    assert made is not None
    assert len(made) < 300
    assert deltas.restore([base, made]) == state
    with pytest.raises(ValueError, match="has changed"):
        deltas.restore([state, made])


async def test_a_new_projection_that_catches_up_spoils_no_snapshot_of_the_others(store):
    """The others were saved at the log's end; while the new one folds the beginning, no state of theirs is kept for it."""
    await fill(store, History(3), 400)
    follower = Follower(store, store, [one for one in DEFAULT if one.name != "throughput"])
    await follower.start()
    await follower.close()
    await store.transact(lambda c: c.execute("DELETE FROM snapshots"))
    async with following(store, running=False, snapshot_events=20) as follower:
        await follower.flush(states=True)
        events = await store.read(limit=1_000)
        for position in (150, 390, 400):
            assert dumped(await follower.as_of_many(NAMES, position)) == folded(events, position)
        assert (await store.saved())["elo"].position == 400
