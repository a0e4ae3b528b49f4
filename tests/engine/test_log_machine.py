"""Random lives of a log against a list: appends, conflicts, retries, crashes, reopenings, subscriptions, rebuilds."""

import shutil
import tempfile
from collections import Counter
from itertools import groupby
from pathlib import Path

import anyio
import hypothesis.strategies as st
import pytest
from anyio.from_thread import start_blocking_portal
from histories import History
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from mezan.engine.errors import IdempotencyConflict, WrongExpectedVersion
from mezan.engine.follower import Follower
from mezan.engine.live import has_rows
from mezan.engine.log import ANY, Idempotency, Write
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.engine.travel import rows_as_of, value_as_of
from mezan.projections import DEFAULT


class LogMachine(RuleBasedStateMachine):
    """The model is the list of what was acknowledged: (stream, version, payload)."""

    keys = Bundle("keys")

    @initialize(seed=st.integers(0, 2**16))
    def open(self, seed):
        self.folder = Path(tempfile.mkdtemp(prefix="mezan-"))
        self.path = self.folder / "0.db"
        self.history = History(seed).interleaved(10**6, 3)
        self.pending = []
        self.model = []
        self.outcomes = {}
        self.subscribers = []
        self.crashes = 0
        self.exported = None
        self.portal_context = start_blocking_portal("asyncio")
        self.portal = self.portal_context.__enter__()
        self.context = None
        self._open()

    def _open(self):
        self.context = self.portal.wrap_async_context_manager(
            SQLiteStore.open(f"sqlite:///{self.path}", durability="relaxed")
        )
        self.store = self.context.__enter__()
        self.follower = self.portal.call(self._follow)

    async def _follow(self):
        follower = Follower(self.store, self.store, DEFAULT, snapshot_events=7)
        await follower.start()
        self.store.observe(follower.observe)
        return follower

    def _close(self):
        self.context.__exit__(None, None, None)

    def teardown(self):
        if getattr(self, "context", None) is not None:
            for subscription, _, _ in self.subscribers:
                self.portal.call(subscription.aclose)
            self._close()
            self.portal_context.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def _version(self, stream):
        return sum(1 for name, *_ in self.model if name == stream)

    def _next(self, count):
        """The next events of some runs, each to go to the end of its stream."""
        while len(self.pending) < count:
            self.pending.append(next(self.history))
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken

    def _put_back(self, pairs):
        self.pending = pairs + self.pending

    def _writes(self, pairs, exact):
        """One write for each stretch of one stream."""
        versions, writes = {}, []
        for stream, stretch in groupby(pairs, key=lambda pair: pair[0]):
            events = [event for _, event in stretch]
            version = versions.setdefault(stream, self._version(stream))
            writes.append(Write(stream, events, version if exact else ANY))
            versions[stream] += len(events)
        return writes

    def _remember(self, pairs):
        for stream, event in pairs:
            self.model.append((stream, self._version(stream) + 1, event.model_dump_json()))

    # appending

    @rule(count=st.integers(1, 6), exact=st.booleans())
    def append(self, count, exact):
        pairs = self._next(count)
        done = self.portal.call(self.store.append, *self._writes(pairs, exact))
        assert (done.first, done.last) == (len(self.model) + 1, len(self.model) + count)
        self._remember(pairs)
        assert done.version == self._version(pairs[-1][0])

    @rule(count=st.integers(1, 4), at=st.integers(0, 3), off=st.integers(-3, 3).filter(bool))
    def conflict(self, count, at, off):
        """One stale write of several refuses them all."""
        pairs = self._next(count)
        self._put_back(pairs)
        writes = self._writes(pairs, exact=True)
        at %= len(writes)
        wrong = max(0, writes[at].expected + off)
        if wrong == writes[at].expected:
            return
        actual, writes[at] = writes[at].expected, writes[at]._replace(expected=wrong)
        with pytest.raises(WrongExpectedVersion) as refused:
            self.portal.call(self.store.append, *writes)
        assert (refused.value.stream, refused.value.expected, refused.value.actual) == (
            writes[at].stream,
            wrong,
            actual,
        )

    @rule(count=st.integers(1, 4))
    def append_soon_then_append(self, count):
        pairs = self._next(count + 1)

        async def together():
            for stream, event in pairs[:-1]:
                self.store.append_soon(Write(stream, [event]))
            return await self.store.append(Write(pairs[-1][0], [pairs[-1][1]]))

        self.portal.call(together)
        log = self.portal.call(self._read)[len(self.model) :]
        # streams may pass each other while they wait; each keeps its own order
        assert Counter(r.stream for r in log) == Counter(stream for stream, _ in pairs)
        waiting = list(pairs)
        for r in log:
            pair = next(pair for pair in waiting if pair[0] == r.stream)
            waiting.remove(pair)
            self._remember([pair])

    @rule(target=keys, key=st.text(min_size=1, max_size=3), body=st.sampled_from("xy"))
    def append_once(self, key, body):
        pairs = self._next(1)
        known = self.outcomes.get(key)
        try:
            done = self.portal.call(self._append_once, *pairs[0], key, body)
        except IdempotencyConflict:
            assert known is not None
            assert known[0] != body
            self._put_back(pairs)
            return key
        if known is not None:
            assert known[0] == body
            assert done.duplicate
            assert (done.first, done.last, done.version, done.stream) == known[1]
            self._put_back(pairs)
            return key
        assert not done.duplicate
        self.outcomes[key] = (body, (done.first, done.last, done.version, done.stream))
        self._remember(pairs)
        assert done.version == self._version(done.stream)
        return key

    @rule(key=keys)
    def retry(self, key):
        pairs = self._next(1)
        self._put_back(pairs)
        body, outcome = self.outcomes[key]
        done = self.portal.call(self._append_once, *pairs[0], key, body)
        assert done.duplicate
        assert (done.first, done.last, done.version, done.stream) == outcome

    async def _append_once(self, stream, event, key, body):
        return await self.store.append(Write(stream, [event]), idempotency=Idempotency(key, body))

    # crashing

    @rule()
    def reopen(self):
        self._unsubscribe()
        self._close()
        self._open()

    @precondition(lambda self: self.crashes < 4)
    @rule()
    def crash(self):
        """What a machine finds after a kill: the file with its write-ahead log, as they are at this moment."""
        self.crashes += 1
        self._unsubscribe()
        image = self.folder / f"{self.crashes}.db"
        for suffix in ("", "-wal"):
            if (source := Path(f"{self.path}{suffix}")).exists():
                shutil.copy(source, f"{image}{suffix}")
        self._close()
        self.path = image
        self._open()

    def _unsubscribe(self):
        for subscription, got, filters in self.subscribers:
            self._drain(subscription, got, filters)
            self.portal.call(subscription.aclose)
        self.subscribers = []

    # following

    @rule(after=st.integers(0, 40), one=st.booleans())
    def subscribe(self, after, one):
        after = min(after, len(self.model))
        stream = self.model[-1][0] if one and self.model else None
        if len(self.subscribers) < 3:
            self.subscribers.append((self.store.subscribe(after=after, stream=stream), [], (after, stream)))

    @rule()
    def follow(self):
        for subscription, got, filters in self.subscribers:
            self._drain(subscription, got, filters)

    def _drain(self, subscription, got, filters):
        after, stream = filters
        wanted = [i for i, (name, *_) in enumerate(self.model, 1) if i > after and stream in {None, name}]

        async def read():
            with anyio.fail_after(10):
                for _ in range(len(wanted) - len(got)):
                    got.append((await anext(subscription)).position)

        self.portal.call(read)
        assert got == wanted

    @rule(name=st.sampled_from([projection.name for projection in DEFAULT]))
    def rebuild(self, name):
        self.portal.call(self.follower.rebuild, name)

    @rule()
    def save(self):
        async def flush():
            await self.follower.flush(states=True)

        self.portal.call(flush)

    @rule()
    def export_head(self):
        self.exported = self.portal.call(self.store.head)

    # what always holds

    @invariant()
    def the_log_is_the_list(self):
        if getattr(self, "context", None) is None:
            return
        log = self.portal.call(self._read)
        assert [(r.stream, r.version, r.payload) for r in log] == self.model
        assert [r.position for r in log] == list(range(1, len(log) + 1))

    async def _read(self):
        return await self.store.read(limit=100_000)

    @invariant()
    def the_chain_holds(self):
        if getattr(self, "context", None) is not None:
            verified = self.portal.call(self.store.verify, self.exported)
            assert verified.ok, verified
            assert verified.checked == len(self.model)

    @invariant()
    def what_is_live_is_what_is_folded_again(self):
        if getattr(self, "context", None) is not None:
            self.portal.call(self._compare)

    async def _compare(self):
        end = len(self.model)
        await self.follower.wait_for(end)
        for projection in DEFAULT:
            if not has_rows(projection):
                folded = await value_as_of(self.store, projection, end)
                assert projection.dump(self.follower.state(projection.name)) == projection.dump(folded)
                continue
            expected = await rows_as_of(self.store, projection, end)
            await self.follower.flush()
            stored = await self.store.rows(projection.name, limit=100_000)
            assert {r.key: r.data for r in stored} == expected


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
