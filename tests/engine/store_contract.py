"""What every store must do, whatever it is made of: one class per promise, with the store as a fixture.

An implementation's test module subclasses :class:`StoreContract` and gives ``url`` (a database that does not exist yet),
``open_store`` (its way of opening one) and ``tamper`` (a way to change rows behind the store's back).
"""

import asyncio
import hashlib
import random
from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mezan.engine import artifacts, deltas
from mezan.engine.context import acting
from mezan.engine.errors import IdempotencyConflict, LeaseLost, StoreCorrupt, StoreError, WrongExpectedVersion
from mezan.engine.events import IncumbentFound, RunCancelled, RunPlanned
from mezan.engine.folds import Save, Snapshot, Snapshots, StoredRow
from mezan.engine.leases import Lease, fence_if_dead
from mezan.engine.log import ANY, GENESIS, NEW, Fence, Head, Idempotency, Write, link

CHILD = Path(__file__).parent / "child_appends.py"


def planned(*names):
    """A small event that says which one it is."""
    return RunPlanned(order=tuple(map(str, names)))


def found(number):
    """A small event of another type."""
    return IncumbentFound(task="main", attempt=1, objective=number, solution="0" * 64, iterations=number, seconds=0.0)


def names(recorded):
    """What :func:`planned` was given, per event."""
    return [event.data["order"][0] for event in recorded]


async def take(subscription, count):
    """The next events of a subscription; fails when they do not come."""
    events = []
    with anyio.fail_after(20):
        async for recorded in subscription:
            events.append(recorded)
            if len(events) == count:
                return events
    raise AssertionError("the subscription ended")


class StoreContract:
    """The promises; every test opens the store anew on its own database."""

    @pytest.fixture
    @abstractmethod
    def url(self, tmp_path):
        """A database that does not exist yet."""

    @abstractmethod
    def open_store(self, url, **options):
        """A context manager that opens the store."""

    @abstractmethod
    def tamper(self, url, *statements):
        """Execute SQL behind the store's back, without its guards."""

    @pytest.fixture
    async def store(self, url):
        async with self.open_store(url) as store:
            yield store


class Appending(StoreContract):
    """Append and read."""

    async def test_an_appended_event_is_read_as_it_was_written(self, store):
        """All of what was given comes back, with what the log adds."""
        done = await store.append(Write("a", [planned("é\U0001f600\x00"), found(2)]))
        assert (done.stream, done.first, done.last, done.version, done.duplicate) == ("a", 1, 2, 2, False)
        first, second = await store.read()
        assert first.event == planned("é\U0001f600\x00")
        assert second.event == found(2)
        assert (first.position, first.version, first.stream, first.tenant) == (1, 1, "a", "default")
        assert (second.type, second.schema, second.ref) == ("IncumbentFound", 1, "a@2")
        assert first.digest == hashlib.sha256(first.payload.encode()).digest()
        assert first.hash == link(GENESIS, first.header(), first.digest)
        assert second.hash == link(first.hash, second.header(), second.digest)
        assert second.recorded_at >= first.recorded_at

    async def test_versions_count_per_stream_and_positions_over_the_log(self, store):
        """Interleaved streams have their own versions, one order of positions."""
        for stream in ("a", "b", "a", "c", "b", "a"):
            await store.append(Write(stream, [planned(stream)]))
        recorded = await store.read()
        assert [(r.position, r.stream, r.version) for r in recorded] == [
            (1, "a", 1), (2, "b", 1), (3, "a", 2), (4, "c", 1), (5, "b", 2), (6, "a", 3),
        ]  # fmt: skip

    async def test_reads_are_cut_and_filtered(self, store):
        """after, upto, stream, types, limit and backwards, alone and together."""
        await store.append(*(Write("ab"[i % 2], [planned(i) if i % 3 else found(i)]) for i in range(12)))

        async def positions(**options):
            return [r.position for r in await store.read(**options)]

        assert await positions(after=9) == [10, 11, 12]
        assert await positions(upto=2) == [1, 2]
        assert await positions(after=3, upto=6) == [4, 5, 6]
        assert await positions(stream="a") == [1, 3, 5, 7, 9, 11]
        assert await positions(stream="a", after=3, upto=9) == [5, 7, 9]
        assert await positions(stream="nobody") == []
        assert await positions(types=["IncumbentFound"]) == [1, 4, 7, 10]
        assert await positions(types=("IncumbentFound",), stream="b", limit=1) == [4]
        assert await positions(types=()) == []
        assert await positions(limit=3) == [1, 2, 3]
        assert await positions(limit=3, backwards=True) == [12, 11, 10]
        assert await positions(stream="b", limit=2, backwards=True) == [12, 10]

    async def test_reads_are_limited_to_a_thousand_unless_told(self, store):
        """A careless read of a large log does not fill memory."""
        await store.append(Write("a", [planned(i) for i in range(1_005)]))
        assert len(await store.read()) == 1_000
        assert len(await store.read(limit=5_000)) == 1_005

    @pytest.mark.parametrize(("expected", "actual"), [(NEW, 2), (1, 2), (3, 2), (7, 2)])
    async def test_a_stale_version_is_refused_with_the_actual_one(self, store, expected, actual):
        """The error carries what a retry needs, and nothing is written."""
        await store.append(Write("a", [planned(1), planned(2)], NEW))
        with pytest.raises(WrongExpectedVersion) as refused:
            await store.append(Write("a", [planned(3)], expected))
        assert (refused.value.stream, refused.value.expected, refused.value.actual) == ("a", expected, actual)
        assert len(await store.read()) == 2

    async def test_an_exact_version_is_refused_for_a_new_stream(self, store):
        """A stream that does not exist is at version 0."""
        with pytest.raises(WrongExpectedVersion) as refused:
            await store.append(Write("a", [planned(1)], 1))
        assert refused.value.actual == 0

    async def test_exact_new_and_any_are_accepted_where_they_hold(self, store):
        """Each expectation, met."""
        assert (await store.append(Write("a", [planned(1)], NEW))).version == 1
        assert (await store.append(Write("a", [planned(2), planned(3)], 1))).version == 3
        assert (await store.append(Write("a", [planned(4)], ANY))).version == 4
        assert (await store.append(Write("b", [planned(5)], ANY))).version == 1

    async def test_versions_survive_reopening(self, store, url):
        """A store that has forgotten a stream asks the database."""
        await store.append(Write("a", [planned(1), planned(2)]))
        async with self.open_store(url) as other:
            with pytest.raises(WrongExpectedVersion) as refused:
                await other.append(Write("a", [planned(3)], 1))
            assert refused.value.actual == 2
            assert (await other.append(Write("a", [planned(3)], 2))).first == 3
        with pytest.raises(WrongExpectedVersion) as refused:  # what the first store remembers no longer holds
            await store.append(Write("a", [planned(4)], 2))
        assert refused.value.actual == 3

    async def test_an_append_to_several_streams_is_all_or_nothing(self, store):
        """One stale stream refuses the whole append."""
        await store.append(Write("b", [planned(0)]))
        with pytest.raises(WrongExpectedVersion):
            await store.append(Write("a", [planned(1)], NEW), Write("b", [planned(2)], NEW), Write("c", [planned(3)]))
        assert [r.stream for r in await store.read()] == ["b"]
        done = await store.append(
            Write("a", [planned(1)], NEW), Write("b", [planned(2)], 1), Write("a", [planned(3)], 1)
        )
        assert (done.first, done.last) == (2, 4)
        assert [(r.stream, r.version) for r in await store.read(after=1)] == [("a", 1), ("b", 2), ("a", 2)]

    async def test_a_refused_append_does_not_spoil_its_group_commit(self, store):
        """Of appends that commit together, each has its own outcome."""
        outcomes = await asyncio.gather(
            *(store.append(Write("s", [planned(i)], NEW if i % 2 else ANY)) for i in range(20)), return_exceptions=True
        )
        refused = [o for o in outcomes if isinstance(o, WrongExpectedVersion)]
        assert len(refused) == 10
        assert len(await store.read()) == 10
        assert (await store.verify()).ok

    @pytest.mark.parametrize("where", ["stream", "key", "correlation", "causation"])
    async def test_a_poisoned_append_does_not_take_its_neighbours_down(self, store, where):
        """A lone surrogate, which no database takes, fails its own append only."""
        bad = "lone \ud800 surrogate"

        async def poisoned():
            with acting(correlated=bad if where == "correlation" else None):
                return await store.append(
                    Write(bad if where == "stream" else "p", [planned(0)], ANY, bad if where == "causation" else None),
                    idempotency=Idempotency(bad, "") if where == "key" else None,
                )

        good = [store.append(Write(f"s{i}", [planned(i)])) for i in range(10)]
        outcomes = await asyncio.gather(*good[:5], poisoned(), *good[5:], return_exceptions=True)
        assert isinstance(outcomes[5], ValueError | TypeError)
        assert [o.version for i, o in enumerate(outcomes) if i != 5] == [1] * 10
        assert len(await store.read()) == 10
        assert (await store.verify()).ok

    async def test_positions_have_no_gaps_under_many_producers(self, store):
        """64 producers, some of which are refused: positions stay 1, 2, 3, ..., versions too, and the chain holds."""

        async def produce(number):
            dice = random.Random(number)
            for i in range(20):
                version = ANY if dice.random() < 0.7 else dice.randrange(30)
                with suppress(WrongExpectedVersion):
                    await store.append(Write(f"s{number % 8}", [planned(i)] * dice.randrange(1, 4), version))

        await asyncio.gather(*(produce(i) for i in range(64)))
        recorded = await store.read(limit=100_000)
        assert [r.position for r in recorded] == list(range(1, len(recorded) + 1))
        for stream in {r.stream for r in recorded}:
            versions = [r.version for r in recorded if r.stream == stream]
            assert versions == list(range(1, len(versions) + 1))
        assert [r.recorded_at for r in recorded] == sorted(r.recorded_at for r in recorded)
        verified = await store.verify()
        assert verified.ok
        assert verified.checked == len(recorded)

    @pytest.mark.parametrize("streams", [1, 7, 65, 1_300])
    async def test_one_append_goes_on_with_many_streams(self, store, url, streams):
        """Known and new ones, twice the same and in two tenants: each at its own version, and one that expects another is refused."""
        await store.append(*(Write(f"s{i}", [planned(i)] * (1 + i % 3)) for i in range(0, streams, 2)))
        with acting(in_tenant="other"):
            await store.append(Write("s0", [planned(0)]))
        async with self.open_store(url) as again:
            await again.append(*(Write(f"s{i}", [planned(i)]) for i in (*range(streams), 0)))
            known = [1 + i % 3 if i % 2 == 0 else 0 for i in range(streams)]
            for i in (0, streams // 2, streams - 1):
                with pytest.raises(WrongExpectedVersion) as refused:
                    await again.append(Write(f"s{i}", [planned(i)], 77))
                assert refused.value.actual == known[i] + 1 + (i == 0)
            ends = await again.ends([("default", f"s{i}") for i in range(streams)])
            last = {r.position: (r.stream, r.version) for r in await again.read(limit=100_000)}
            assert [last[ends["default", f"s{i}"]] for i in range(streams)] == [
                (f"s{i}", known[i] + 1 + (i == 0)) for i in range(streams)
            ]

    async def test_events_know_who_caused_them(self, store):
        """Actor, correlation, causation and tenant are picked up from the context; events in one write form a chain."""
        with acting(as_actor="ada", correlated="req-1", caused_by="x@9", in_tenant="acme"):
            await store.append(Write("a", [planned(1), planned(2)]), Write("b", [planned(3)], ANY, "a@1"))
        await store.append(Write("a", [planned(4)]))
        with acting(in_tenant="acme"):
            first, second = await store.read(stream="a")
            (third,) = await store.read(stream="b")
        assert (first.actor, first.correlation, first.causation, first.tenant) == ("ada", "req-1", "x@9", "acme")
        assert second.causation == "a@1"
        assert third.causation == "a@1"
        (plain,) = await store.read(stream="a")
        assert (plain.actor, plain.correlation, plain.causation, plain.version) == ("local", "a", None, 1)

    async def test_contexts_of_concurrent_tasks_do_not_mix(self, store):
        """Each task's appends carry its own actor."""

        async def act(name):
            with acting(as_actor=name):
                for i in range(10):
                    await store.append(Write(name, [planned(i)]))

        await asyncio.gather(*(act(f"actor{i}") for i in range(8)))
        assert all(r.actor == r.stream for r in await store.read())

    async def test_appending_to_a_closed_store_is_an_error(self, url):
        """Nobody waits for a writer that is gone."""
        async with self.open_store(url) as store:
            await store.append(Write("a", [planned(1)]))
        with anyio.fail_after(5), pytest.raises(StoreError):
            await store.append(Write("a", [planned(2)]))
        with pytest.raises(StoreError):
            store.append_soon(Write("a", [planned(2)]))

    async def test_what_is_queued_when_the_store_closes_is_written(self, url):
        """Closing waits for the queue."""
        async with self.open_store(url) as store, anyio.create_task_group() as tasks:
            for i in range(50):
                tasks.start_soon(store.append, Write(f"s{i}", [planned(i)]))
            store.append_soon(Write("soon", [planned(50)]))
        async with self.open_store(url) as store:
            assert len(await store.read()) == 51

    async def test_errors_of_the_block_come_out_as_they_are(self, url):
        """Not in a group: whoever opens a store catches what it raises."""
        with pytest.raises(WrongExpectedVersion):
            async with self.open_store(url) as store:
                await store.append(Write("a", [planned(1)], 5))
        with pytest.raises(KeyError):
            async with self.open_store(url):
                raise KeyError

    async def test_a_cancelled_append_leaves_the_log_whole(self, store):
        """Whoever stops waiting does not know the outcome, but the log does."""
        async with anyio.create_task_group() as tasks:
            for i in range(30):
                tasks.start_soon(store.append, Write("a", [planned(i)]))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        await store.append(Write("b", [planned(99)]))
        recorded = await store.read()
        assert recorded[-1].stream == "b"
        assert [r.version for r in recorded[:-1]] == list(range(1, len(recorded)))
        assert (await store.verify()).ok


class Soon(StoreContract):
    """Appends that nobody waits for."""

    async def test_they_commit_before_a_later_append(self, store):
        """Order is the order of the calls."""
        for i in range(5):
            store.append_soon(Write("a", [planned(i)], i))
        done = await store.append(Write("a", [planned(5)], 5))
        assert (done.first, done.last, done.version) == (6, 6, 6)
        assert names(await store.read(stream="a")) == list("012345")

    async def test_they_overtake_nothing(self, store):
        """Appends to one stream keep the order of their calls, whoever waits for them and whatever they share a commit with."""

        lease = Lease(store, "w")
        await lease.acquire()
        store.append_soon(Write("a", [planned(0)]), fence=lease.fence)
        store.append_soon(Write("a", [planned(1)]), Write("b", [planned("b")]))
        store.append_soon(Write("a", [planned(2)]), fence=lease.fence)
        store.append_soon(Write("a", [planned(3)]))
        store.append_soon(Write("a", [planned(4)]), fence=lease.fence)
        store.append_soon(Write("b", [planned("c")]), Write("a", [planned(5)]))
        store.append_soon(Write("a", [planned(6)]))
        await store.append(Write("a", [planned(7)]))
        assert names(await store.read(stream="a")) == list("01234567")

    async def test_they_share_a_commit_without_mixing_who_and_why(self, store):
        """Events keep their own actor, correlation and causation, and the outcome counts the caller's events only."""
        with acting(as_actor="ada", correlated="one", caused_by="x@1"):
            store.append_soon(Write("a", [planned(0), planned(1)], NEW))
        with acting(as_actor="bob", correlated="two"):
            store.append_soon(Write("a", [planned(2)], 2, "y@2"))
        store.append_soon(Write("a", [planned(3)], 3))
        store.append_soon(Write("a", [planned(4)], 4, "a@1"))
        done = await store.append(Write("a", [planned(5), planned(6)], 5))
        assert (done.first, done.last, done.version) == (6, 7, 7)
        recorded = await store.read()
        assert [(r.actor, r.correlation) for r in recorded] == [("ada", "one")] * 2 + [("bob", "two")] + [
            ("local", "a")
        ] * 4
        assert [r.causation for r in recorded[:3]] == ["x@1", "a@1", "y@2"]
        assert recorded[4].causation == "a@1"
        assert recorded[6].causation == "a@6"

    async def test_a_wrong_version_is_not_hidden_by_sharing_a_commit(self, store):
        """An append that does not continue what waits is judged by itself."""
        store.append_soon(Write("a", [planned(0)], NEW))
        with pytest.raises(WrongExpectedVersion) as refused:
            await store.append(Write("a", [planned(1)], 5))
        assert refused.value.actual == 1
        assert names(await store.read()) == ["0"]

    async def test_they_commit_by_themselves(self, store):
        """Without any later append they still arrive."""
        store.append_soon(Write("a", [planned(1)]))
        (recorded,) = await take(store.subscribe(), 1)
        assert recorded.stream == "a"

    async def test_their_failure_surfaces_in_the_next_append_to_the_stream(self, store):
        """And in no other stream."""
        store.append_soon(Write("a", [planned(1)], 7))
        await store.append(Write("b", [planned(2)]))
        with pytest.raises(WrongExpectedVersion) as refused:
            await store.append(Write("a", [planned(3)]))
        assert refused.value.expected == 7
        await store.append(Write("a", [planned(4)]))
        assert [r.stream for r in await store.read()] == ["b", "a"]

    async def test_they_carry_fences_and_artifacts(self, store):
        """A stale fence refuses them; an artifact comes along."""
        lease = Lease(store, "w")
        await lease.acquire()
        kept, lost = artifacts.prepare("solution", b"kept"), artifacts.prepare("solution", b"lost")
        store.append_soon(Write("a", [planned(1)]), artifacts=[kept], fence=lease.fence)
        store.append_soon(Write("b", [planned(2)]), artifacts=[lost], fence=Fence("w", 9))
        await store.append(Write("c", [planned(3)]))
        assert await store.artifact(kept.digest) == b"kept"
        assert await store.artifact(lost.digest) is None
        with pytest.raises(LeaseLost):
            await store.append(Write("b", [planned(4)]))


class Idempotent(StoreContract):
    """The first append under a key wins."""

    async def test_the_same_request_gets_the_first_outcome(self, store):
        """Once in the log, twice answered."""
        first = await store.append(Write("a", [planned(1)]), idempotency=Idempotency("k", "body"))
        second = await store.append(Write("b", [planned(1)]), idempotency=Idempotency("k", "body"))
        assert second == first._replace(duplicate=True)
        assert len(await store.read()) == 1

    async def test_another_body_is_a_conflict(self, store):
        """The error names the run that the key belongs to."""
        await store.append(Write("a", [planned(1)]), idempotency=Idempotency("k", "body"))
        with pytest.raises(IdempotencyConflict, match="run a"):
            await store.append(Write("b", [planned(2)]), idempotency=Idempotency("k", "other"))
        assert len(await store.read()) == 1

    async def test_it_holds_within_one_group_commit(self, store):
        """Requests that arrive together are told apart before any is committed."""
        same = [store.append(Write(f"s{i}", [planned(1)]), idempotency=Idempotency("k", "body")) for i in range(10)]
        other = [store.append(Write(f"t{i}", [planned(2)]), idempotency=Idempotency("k", "other")) for i in range(3)]
        outcomes = await asyncio.gather(*same, *other, return_exceptions=True)
        assert [o.duplicate for o in outcomes[:10]] == [False] + [True] * 9
        assert {o.stream for o in outcomes[:10]} == {"s0"}
        assert all(isinstance(o, IdempotencyConflict) for o in outcomes[10:])
        assert len(await store.read()) == 1

    async def test_it_survives_reopening(self, store, url):
        """A retry after a restart gets the first outcome."""
        first = await store.append(Write("a", [planned(1), planned(2)], NEW), idempotency=Idempotency("k", "body"))
        async with self.open_store(url) as other:
            again = await other.append(Write("z", [planned(1)], 7), idempotency=Idempotency("k", "body"))
            assert again == first._replace(duplicate=True)
            with pytest.raises(IdempotencyConflict):
                await other.append(Write("z", [planned(1)]), idempotency=Idempotency("k", "other"))

    async def test_a_refused_append_does_not_use_its_key_up(self, store):
        """Only what was written counts."""
        with pytest.raises(WrongExpectedVersion):
            await store.append(Write("a", [planned(1)], 3), idempotency=Idempotency("k", "body"))
        done = await store.append(Write("a", [planned(1)], 0), idempotency=Idempotency("k", "another body"))
        assert not done.duplicate

    async def test_keys_belong_to_a_tenant(self, store):
        """Two tenants may use the same key."""
        await store.append(Write("a", [planned(1)]), idempotency=Idempotency("k", "body"))
        with acting(in_tenant="acme"):
            done = await store.append(Write("a", [planned(1)]), idempotency=Idempotency("k", "other"))
        assert not done.duplicate


class Fenced(StoreContract):
    """Leases and their tokens."""

    async def test_a_live_lease_writes_and_a_stale_one_does_not(self, store):
        """After a takeover the old token is refused, and nothing is written."""
        lease = Lease(store, "worker_1")
        await lease.acquire()
        await store.append(Write("a", [planned(1)]), fence=lease.fence)
        assert await fence_if_dead(store, "worker_1") == "alive"
        await store.transact(lambda c: c.execute("UPDATE leases SET expires_at = 0"))
        assert await fence_if_dead(store, "worker_1") == "dead"
        item = artifacts.prepare("solution", b"never")
        with pytest.raises(LeaseLost):
            await store.append(
                Write("a", [planned(2)]), artifacts=[item], idempotency=Idempotency("k", ""), fence=lease.fence
            )
        assert not await lease.renew()
        assert len(await store.read()) == 1
        assert await store.artifact(item.digest) is None
        assert not (await store.append(Write("a", [planned(3)]), idempotency=Idempotency("k", "x"))).duplicate

    async def test_a_lease_that_never_was_does_not_write(self, store):
        """An unknown worker has no token at all."""
        with pytest.raises(LeaseLost):
            await store.append(Write("a", [planned(1)]), fence=Fence("nobody", 1))
        assert await fence_if_dead(store, "nobody") == "left"

    async def test_a_released_lease_does_not_write(self, store):
        """Who has left stays out."""
        lease = Lease(store, "w")
        await lease.acquire()
        assert await lease.renew()
        await lease.release()
        with pytest.raises(LeaseLost):
            await store.append(Write("a", [planned(1)]), fence=lease.fence)

    async def test_a_stale_fence_does_not_spoil_its_group_commit(self, store):
        """Neighbours of a fenced worker's append are written."""
        outcomes = await asyncio.gather(
            *(store.append(Write("a", [planned(i)]), fence=Fence("w", i) if i % 2 else None) for i in range(10)),
            return_exceptions=True,
        )
        assert [isinstance(o, LeaseLost) for o in outcomes] == [False, True] * 5
        assert len(await store.read()) == 5


class Subscribing(StoreContract):
    """Catch up, then live; never skip, never repeat."""

    async def test_it_catches_up_and_goes_on_live(self, store):
        """What was there and what comes, in one sequence."""
        await store.append(Write("a", [planned(i) for i in range(2_500)]))
        got = []
        async with anyio.create_task_group() as tasks:

            async def follow():
                got.extend(await take(store.subscribe(after=10), 2_520))

            tasks.start_soon(follow)
            for i in range(30):
                await store.append(Write("b", [planned(i)]))
        assert [r.position for r in got] == list(range(11, 2_531))

    @pytest.mark.parametrize("seed", range(3))
    async def test_subscribers_of_every_kind_see_exactly_their_events(self, store, seed):
        """Many at once, from several positions, with filters and pauses, while writers write in bursts."""
        dice = random.Random(seed)
        total = 3_000
        wanted = {
            "all": ({}, lambda r: True),
            "late": ({"after": 700}, lambda r: r.position > 700),
            "stream": ({"stream": "s1"}, lambda r: r.stream == "s1"),
            "types": ({"types": {"IncumbentFound"}}, lambda r: r.type == "IncumbentFound"),
            "both": ({"stream": "s2", "types": ["RunPlanned"]}, lambda r: r.stream == "s2" and r.type == "RunPlanned"),
            "slow": ({}, lambda r: True),
        }
        got = {name: [] for name in wanted}

        async def follow(name, options):
            async for recorded in store.subscribe(**options):
                got[name].append(recorded)
                if recorded.type == "RunCancelled":
                    return
                if name == "slow" and recorded.position % 50 == 0:
                    for _ in range(20):
                        await anyio.lowlevel.checkpoint()

        async def write(number):
            for _ in range(total // 60):
                events = [planned(0) if dice.random() < 0.5 else found(1) for _ in range(dice.randrange(1, 40))]
                if dice.random() < 0.5:
                    store.append_soon(Write(f"s{number}", events))
                else:
                    await store.append(Write(f"s{number}", events))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for name, (options, _) in wanted.items():
                    if name not in {"stream", "types", "both"}:
                        tasks.start_soon(follow, name, options)
                    else:  # filters do not pass the end mark: it goes to their stream and type as well
                        tasks.start_soon(follow_filtered, store, options, got[name])
                async with anyio.create_task_group() as writers:
                    for number in range(4):
                        writers.start_soon(write, number)
                last = RunCancelled(reason="end", seconds=0.0)
                await store.append(Write("s1", [found(-1)]), Write("s2", [planned("end")]), Write("z", [last]))
        log = await store.read(limit=100_000)
        for name, (_, belongs) in wanted.items():
            expected = [r.position for r in log if belongs(r)]
            assert [r.position for r in got[name]] == expected, name

    async def test_a_subscriber_far_behind_reads_from_the_database(self, store):
        """Whoever sleeps through more than memory holds still gets everything."""
        subscription = store.subscribe()
        await store.append(Write("a", [planned(0)]))
        assert (await take_one(subscription)).position == 1
        for _ in range(10):
            await store.append(Write("a", [planned(i) for i in range(1_000)]))
        positions = [(await take_one(subscription)).position for _ in range(10_000)]
        assert positions == list(range(2, 10_002))
        await subscription.aclose()

    async def test_a_filtered_subscriber_wakes_for_its_own_events_only(self, store):
        """Foreign events move its position on, and are not repeated later."""
        subscription = store.subscribe(stream="mine")
        await store.append(*(Write("other", [planned(i)]) for i in range(1_500)))
        await store.append(Write("mine", [planned("x")]))
        assert (await take_one(subscription)).position == 1_501
        await store.append(Write("other", [planned(1)]), Write("mine", [planned("y")]))
        assert (await take_one(subscription)).position == 1_503
        await subscription.aclose()

    async def test_a_tenant_does_not_see_the_stream_of_another(self, store):
        """Streams of the same name in two tenants are two streams."""
        await store.append(Write("a", [planned("ours")]))
        with acting(in_tenant="acme"):
            await store.append(Write("a", [planned("theirs")]))
            await store.append(Write("a", [planned("theirs too")]))
            assert names(await take(store.subscribe(stream="a"), 2)) == ["theirs", "theirs too"]
        assert names(await take(store.subscribe(stream="a"), 1)) == ["ours"]

    async def test_what_another_process_writes_is_delivered(self, store, url, spawn):
        """In order with what is written here, none skipped, none repeated."""
        child = spawn(CHILD, url, "--streams", 4, "--events", 150)
        got = []
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:

                async def write():
                    for i in range(100):
                        await store.append(Write("here", [planned(i)]))
                        await anyio.lowlevel.checkpoint()

                tasks.start_soon(write)
                async for recorded in store.subscribe():
                    got.append(recorded)
                    if len(got) == 700:
                        break
        assert await anyio.to_thread.run_sync(child.wait) == 0
        assert [r.position for r in got] == list(range(1, 701))
        log = await store.read(limit=1_000)
        assert [(r.stream, r.version, r.hash) for r in got] == [(r.stream, r.version, r.hash) for r in log]
        assert {r.stream for r in got} == {"here", "s0", "s1", "s2", "s3"}
        assert (await store.verify()).ok

    async def test_observers_get_consecutive_commits(self, store, url):
        """What observers are given has no gap; when another connection wrote they are told to look."""
        seen, told = [], anyio.Event()
        store.observe(seen.append)
        await asyncio.gather(*(store.append(Write(f"s{i}", [planned(i)])) for i in range(30)))
        assert [r.position for batch in seen for r in batch] == list(range(1, 31))
        seen.clear()
        store.observe(lambda _: told.set())
        async with self.open_store(url) as other:
            await other.append(Write("x", [planned(1)]))
            with anyio.fail_after(10):
                await told.wait()
        assert list(seen[0]) == []


async def follow_filtered(store, options, got):
    """Collect until the mark that ends this filter."""
    async for recorded in store.subscribe(**options):
        got.append(recorded)
        if recorded.data.get("objective") == -1 or recorded.data.get("order") == ["end"]:
            return


async def take_one(subscription):
    """The next event."""
    with anyio.fail_after(20):
        return await anext(subscription)


class Verifying(StoreContract):
    """Tampering shows."""

    @pytest.fixture
    async def tampered(self, url):
        """Twenty events are written; what is then done behind the store's back is verified from a new opening."""
        async with self.open_store(url) as store:
            assert (await store.verify()).ok
            for i in range(20):
                await store.append(Write("ab"[i % 2], [planned(i)]))
            exported = await store.head()
            assert (await store.verify(exported)).ok

        async def verify(*statements, head=None):
            self.tamper(url, *statements)
            async with self.open_store(url, read_only=True) as store:
                return await store.verify(head)

        verify.exported = exported
        return verify

    async def test_the_head_is_the_last_event(self, store):
        """None for an empty log."""
        assert await store.head() is None
        await store.append(Write("a", [planned(1), planned(2)]))
        last = (await store.read())[-1]
        assert await store.head() == Head(2, last.hash.hex(), last.recorded_at)

    @pytest.mark.parametrize(
        ("statement", "position", "why"),
        [
            ("UPDATE events SET payload = '{\"order\":[\"x\"]}' WHERE position = 7", 7, "payload"),
            ("UPDATE events SET digest = zeroblob(32) WHERE position = 7", 7, "payload"),
            ("UPDATE events SET actor = 'eve' WHERE position = 8", 8, "hash"),
            ("UPDATE events SET recorded_at = recorded_at - 1 WHERE position = 9", 9, "hash"),
            ("UPDATE events SET causation = 'x@1' WHERE position = 9", 9, "hash"),
            ("UPDATE events SET tenant = 'acme' WHERE position = 9", 9, "hash"),
            ("UPDATE events SET hash = zeroblob(32) WHERE position = 10", 10, "hash"),
            ("DELETE FROM events WHERE position = 11", 11, "missing"),
            ("DELETE FROM events WHERE position < 3", 1, "missing"),
            ("DELETE FROM events WHERE position > 15", 16, "stored head"),
            ("DELETE FROM events", 1, "stored head"),
            ("UPDATE events SET position = 25 WHERE position = 20", 20, "missing"),
        ],
    )  # fmt: skip
    async def test_every_change_is_found_where_it_is(self, tampered, statement, position, why):
        """Payload, header, chain, a gap, a cut: each at its position."""
        found = await tampered(statement)
        assert not found.ok
        assert found.position == position
        assert why in found.problem
        assert found.checked == position - 1

    async def test_swapped_events_are_found(self, tampered):
        """Two events that change places."""
        found = await tampered(
            "UPDATE events SET position = 100 WHERE position = 5",
            "UPDATE events SET position = 5 WHERE position = 6",
            "UPDATE events SET position = 6 WHERE position = 100",
        )
        assert (found.ok, found.position) == (False, 5)

    async def test_an_inserted_event_is_found(self, tampered, url):
        """Even when its own hash follows from its predecessor's: the stored head does not know it."""
        async with self.open_store(url, read_only=True) as store:
            last = (await store.read())[-1]
        new = replace(last, position=21, version=11)
        new.hash = link(last.hash, new.header(), new.digest)
        found = await tampered(insertion(new))
        assert (found.ok, found.position) == (False, 21)
        assert "stored head" in found.problem

    async def test_a_tail_cut_off_with_its_stored_head_is_found_by_an_exported_one(self, tampered, url):
        """Without a head kept elsewhere, a shorter log is a good log."""
        cut = (
            "DELETE FROM events WHERE position > 15",
            """UPDATE log_head SET (position, hash, recorded_at) =
            (SELECT position, hash, recorded_at FROM events WHERE position = 15)""",
        )
        assert (await tampered(*cut)).ok
        found = await tampered(head=tampered.exported)
        assert (found.ok, found.position, found.checked) == (False, 16, 15)
        assert "exported head" in found.problem

    async def test_a_rewritten_chain_is_found_by_an_exported_head_only(self, tampered, url):
        """Whoever can write everything can lie consistently, except to a head kept elsewhere."""
        async with self.open_store(url, read_only=True) as store:
            log = await store.read()
        previous, statements = log[9].hash, []
        for old in log[10:]:
            r = replace(old, actor="eve")
            r.hash = previous = link(previous, r.header(), r.digest)
            statements.append(
                f"UPDATE events SET actor = 'eve', hash = x'{r.hash.hex()}' WHERE position = {r.position}"
            )
        found = await tampered(*statements)
        assert not found.ok  # the stored head still tells
        assert "stored head" in found.problem
        assert (await tampered(f"UPDATE log_head SET hash = x'{previous.hex()}'")).ok
        found = await tampered(head=tampered.exported)
        assert (found.ok, found.position) == (False, 20)
        assert "exported head" in found.problem

    async def test_an_older_exported_head_still_verifies(self, store):
        """The log may have gone on since."""
        await store.append(Write("a", [planned(i) for i in range(1_200)]))
        old = await store.head()
        await store.append(Write("a", [planned(i) for i in range(1_200)]))
        assert (await store.verify(old)).ok
        assert not (await store.verify(replace(old, hash="00" * 32))).ok

    async def test_a_log_that_is_being_written_verifies(self, store):
        """Events that arrive while it is checked are no tampering."""
        await store.append(Write("a", [planned(i) for i in range(3_000)]))
        async with anyio.create_task_group() as tasks:

            async def write():
                while True:
                    await store.append(Write("b", [planned(1)]))

            tasks.start_soon(write)
            for _ in range(8):
                found = await store.verify()
                assert found.ok, found
            tasks.cancel_scope.cancel()

    async def test_the_position_at_a_time(self, store, url):
        """The last event at or before it."""
        for i in range(9):
            await store.append(Write("a", [planned(i)]))
        self.tamper(url, "UPDATE events SET recorded_at = position / 2 * 10")  # 0 10 10 20 20 30 30 40 40
        assert [await store.position_at(t) for t in (-1, 0, 9, 10, 11, 25, 30, 40, 10**17)] == [
            0, 1, 1, 3, 3, 5, 7, 9, 9,
        ]  # fmt: skip

    async def test_the_position_at_a_time_of_an_empty_log_is_zero(self, store):
        """Nothing was recorded by then."""
        assert await store.position_at(10**17) == 0

    @pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'eve'", "DELETE FROM events"])
    async def test_the_database_itself_refuses_to_change_events(self, store, statement):
        """Not even through the store's own connection."""
        await store.append(Write("a", [planned(1)]))
        before = await store.read()
        with pytest.raises(StoreError, match="append-only"):
            await store.transact(lambda c: c.execute(statement))
        assert await store.read() == before
        await store.append(Write("a", [planned(2)]))


def insertion(r):
    """A recorded event as SQL."""
    cause = "NULL" if r.causation is None else f"'{r.causation}'"
    return (
        f"INSERT INTO events VALUES ({r.position}, '{r.tenant}', '{r.stream}', {r.version}, '{r.type}', {r.schema},"
        f" '{r.payload}', x'{r.digest.hex()}', {cause}, '{r.correlation}', '{r.actor}', {r.recorded_at},"
        f" x'{r.hash.hex()}')"
    )


class Keeping(StoreContract):
    """Artifacts and read models."""

    @pytest.mark.parametrize("size", [0, 1, 512, 513, 200_000])
    @pytest.mark.parametrize("compressible", [True, False])
    async def test_content_comes_back(self, store, size, compressible):
        """Small and large, compressible or not."""
        content = b"a" * size if compressible else random.Random(1).randbytes(size)
        item = artifacts.prepare("problem", content)
        assert item.digest == hashlib.sha256(content).hexdigest()
        assert (item.encoding == "zlib") == (compressible and size > 512)
        await store.append(Write("a", [planned(1)]), artifacts=[item])
        assert await store.artifact(item.digest) == content

    async def test_equal_content_is_kept_once(self, store):
        """In one append, in one commit, or later."""
        item = artifacts.prepare("problem", b"x" * 5_000)
        await asyncio.gather(*(store.append(Write(f"s{i}", [planned(1)]), artifacts=[item, item]) for i in range(5)))
        await store.append(Write("z", [planned(1)]), artifacts=[item])
        assert await store.fetch(lambda c: c.execute("SELECT count(*) FROM artifacts").fetchone()[0]) == 1

    async def test_content_of_a_refused_append_is_not_kept(self, store):
        """Artifacts share their append's fate."""
        item = artifacts.prepare("problem", b"content")
        with pytest.raises(WrongExpectedVersion):
            await store.append(Write("a", [planned(1)], 5), artifacts=[item])
        assert await store.artifact(item.digest) is None

    async def test_forgotten_content_is_gone(self, store):
        """With the append that says so."""
        item = artifacts.prepare("checkpoint", b"content")
        await store.append(Write("a", [planned(1)]), artifacts=[item])
        with pytest.raises(WrongExpectedVersion):
            await store.append(Write("a", [planned(2)], 7), forget=[item.digest])
        assert await store.artifact(item.digest) == b"content"
        await store.append(Write("a", [planned(2)]), forget=[item.digest])
        assert await store.artifact(item.digest) is None

    @pytest.mark.parametrize(
        "damage",
        [
            "stored = zeroblob(length(stored))",
            "stored = substr(stored, 1, length(stored) - 7)",
            "encoding = 'raw'",
            "size = 10",
            "size = 90000",
        ],
    )
    async def test_damaged_content_is_an_error(self, store, url, damage):
        """Never something else than what was stored."""
        item = artifacts.prepare("problem", bytes(range(256)) * 100)
        await store.append(Write("a", [planned(1)]), artifacts=[item])
        self.tamper(url, f"UPDATE artifacts SET {damage}")
        with pytest.raises(StoreCorrupt, match=item.digest[:12]):
            await store.artifact(item.digest)

    async def test_a_bomb_does_not_fill_memory(self, store, url):
        """A row whose content inflates beyond its size is refused early."""
        bomb = artifacts.prepare("problem", bytes(300_000_000))
        await store.append(Write("a", [planned(1)]), artifacts=[replace(bomb, size=1_000)])
        with pytest.raises(StoreCorrupt):
            await store.artifact(bomb.digest)

    async def test_read_models_are_saved_whole_or_not_at_all(self, store):
        """A save with rows and a save with state, in one transaction."""
        rows = [StoredRow(f"k{i}", "a", i, "even" if i % 2 == 0 else "odd", {"n": i}) for i in range(1, 8)]
        saved = await store.save([Save("rows", 1, 0, 7, None, rows), Save("value", 3, 0, 7, b"{}")])
        assert (saved["rows"].position, saved["rows"].version, saved["rows"].generation) == (7, 1, 0)
        assert saved["value"].state == b"{}"
        assert await store.saved() == saved
        assert (await store.row("rows", "k3")).data == {"n": 3}
        assert await store.row("rows", "k9") is None
        assert [r.key for r in await store.rows("rows")] == [f"k{i}" for i in range(7, 0, -1)]
        assert [r.key for r in await store.rows("rows", tag="odd", before=7, limit=2)] == ["k5", "k3"]
        assert await store.rows("nobody") == []
        bad = StoredRow("k1", "a", 1, "odd", {"n": 1 << 70})
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the encoder says
            await store.save([Save("value", 3, 0, 9, b"[]"), Save("rows", 1, 0, 9, None, [bad])])
        assert await store.saved() == saved

    async def test_a_save_behind_the_stored_one_is_skipped(self, store):
        """Another process was ahead; equal folds have written equal rows."""
        await store.save([Save("value", 1, 0, 9, b"new"), Save("other", 1, 0, 2, b"o")])
        saved = await store.save([Save("value", 1, 0, 8, b"old"), Save("other", 1, 0, 3, b"p")])
        assert (saved["value"].position, saved["value"].state) == (9, b"new")
        assert (saved["other"].position, saved["other"].state) == (3, b"p")

    async def test_a_rebuild_stands_beside_the_live_one_until_it_is_swapped(self, store):
        """Readers see the old rows, then the new ones, and never both."""
        row = StoredRow("k", "a", 1, "", {"of": "old"})
        await store.save([Save("rows", 1, 0, 5, None, [row, replace(row, key="gone")])])
        generation = await store.begin_rebuild("rows", 2)
        await store.save([Save("rows", 2, generation, 5, None, [replace(row, data={"of": "new"})])])
        assert (await store.row("rows", "k")).data == {"of": "old"}
        assert (await store.saved())["rows"].generation == 0
        await store.swap("rows", generation)
        assert [(r.key, r.data) for r in await store.rows("rows")] == [("k", {"of": "new"})]
        saved = (await store.saved())["rows"]
        assert (saved.generation, saved.version, saved.position) == (generation, 2, 5)
        saved = (await store.save([Save("rows", 1, 0, 9, None, [replace(row, key="late")])]))["rows"]
        assert (saved.generation, saved.position) == (generation, 5)  # the old generation is no longer written
        assert await store.row("rows", "late") is None

    async def test_of_two_rebuilds_the_later_one_stays(self, store):
        """Two processes may rebuild at once."""
        await store.save([Save("value", 1, 0, 5, b"0")])
        first, second = await store.begin_rebuild("value", 1), await store.begin_rebuild("value", 1)
        assert first != second
        await store.save([Save("value", 1, second, 5, b"2"), Save("value", 1, first, 5, b"1")])
        await store.swap("value", second)
        await store.swap("value", first)
        assert (await store.saved())["value"].state == b"2"

    async def test_the_nearest_snapshot_is_the_last_one_before(self, store):
        """Of the same projection and fold version."""
        await store.keep([Snapshot("elo", 1, position, b"%d" % position) for position in (10, 20, 30)])
        await store.keep([Snapshot("elo", 2, 15, b"other version")])
        assert await store.nearest_snapshot("elo", 1, 9) is None
        assert await store.nearest_snapshot("elo", 1, 20) == (20, b"20")
        assert await store.nearest_snapshot("elo", 1, 29) == (20, b"20")
        assert await store.nearest_snapshot("elo", 1, 99) == (30, b"30")
        assert await store.nearest_snapshot("clusters", 1, 99) is None
        assert (await store.snapshots())["elo"] == Snapshots(2, 15, 1, len(b"other version"))

    async def test_a_snapshot_may_build_on_an_earlier_one(self, store):
        """Several on one; where one of them is missing or damaged, the latest that is whole is found."""
        states = [b'[["a",%d],["b",%d],["c",0]]' % (i, i // 2) for i in range(4)]
        chain = [deltas.full(states[0])]
        for i in range(1, 4):
            made = deltas.delta(states[i], states[i - 1], 10 * i)
            assert made is not None
            chain.append(made)
        await store.keep([Snapshot("elo", 1, 10 * (i + 1), stored) for i, stored in enumerate(chain)])
        assert await store.nearest_snapshots({"elo": (1, 0)}, 99) == {"elo": (40, states[3])}
        assert await store.nearest_snapshots({"elo": (1, 30)}, 39) == {}
        await store.keep([Snapshot("elo", 1, 30, chain[2][:-9])])
        assert await store.nearest_snapshots({"elo": (1, 0)}, 99) == {"elo": (20, states[1])}
        await store.keep([Snapshot("elo", 1, 20, deltas.full(b"[]"))])
        assert await store.nearest_snapshots({"elo": (1, 0)}, 99) == {"elo": (20, b"[]")}

    async def test_a_rebuild_deletes_the_snapshots_that_it_replaces(self, store):
        """Those of its own fold version when it begins, those of earlier ones when it is done."""
        await store.save([Save("value", 1, 0, 5, b"0")])
        await store.keep([Snapshot("value", version, 5, b"0") for version in (1, 2)])
        generation = await store.begin_rebuild("value", 2)
        assert await store.nearest_snapshot("value", 2, 9) is None
        assert await store.nearest_snapshot("value", 1, 9) == (5, b"0")
        await store.keep([Snapshot("value", 2, 7, b"1")])
        await store.swap("value", generation)
        assert await store.nearest_snapshot("value", 1, 9) is None
        assert await store.nearest_snapshot("value", 2, 9) == (7, b"1")

    async def test_the_ends_and_histories_of_streams(self, store):
        """Of several at once, in any tenant; what is not there is not in the answer."""
        first = await store.append(Write("a", [planned(0), planned(1)]), Write("b", [planned(2)]))
        with acting(in_tenant="other"):
            await store.append(Write("a", [planned(3)]))
        streams = [("default", "a"), ("default", "b"), ("other", "a"), ("other", "b")]
        assert await store.ends(streams) == {("default", "a"): 2, ("default", "b"): first.last, ("other", "a"): 4}
        found = await store.histories(streams, upto=3, types={"RunPlanned"})
        assert {stream: [event.position for event in events] for stream, events in found.items()} == {
            ("default", "a"): [1, 2],
            ("default", "b"): [3],
            ("other", "a"): [],
            ("other", "b"): [],
        }
