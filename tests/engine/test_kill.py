"""kill -9, again and again, on one file: what was acknowledged is there, exactly as acknowledged, and the chain holds."""

import random
import signal
from pathlib import Path

import anyio
import pytest

from mezan.engine.stores.sqlite import SQLiteStore

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
CHILD = Path(__file__).parent / "child_appends.py"
KILLS = 56
PRODUCERS = 18


def killed_after(child, lines):
    """Read acknowledgements until there are ``lines``, kill, and return all that were made."""
    acknowledged = []
    with child.stdout as stdout:
        for line in stdout:
            acknowledged.append(line)
            if len(acknowledged) == lines:
                child.send_signal(signal.SIGKILL)
    child.wait()
    return [tuple(line.split()) for line in acknowledged if line.endswith("\n")]


@pytest.mark.timeout(240)
async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path, spawn):
    """Dozens of kills at random moments, alternating durability, one file that goes on."""
    dice = random.Random(9)
    url = f"sqlite:///{tmp_path}/mezan.db"
    acknowledged, position = {}, 0

    def start(kill):
        options = ["--exact"] if kill % 2 else []
        durability = "full" if kill % 4 < 2 else "relaxed"
        return spawn(CHILD, url, "--streams", PRODUCERS, "--durability", durability, *options)

    child = start(0)
    for kill in range(KILLS):
        lines = await anyio.to_thread.run_sync(
            killed_after, child, dice.choice((1, 2, 5, 40, 300)) + dice.randrange(30)
        )
        # the next child starts while this log is examined: it has to recover the file by itself
        child = start(kill + 1) if kill + 1 < KILLS else None
        async with SQLiteStore.open(url, read_only=True) as store:
            log = await store.read(after=position, limit=1_000_000)
        got = {(r.stream, str(r.version)): r for r in log}
        for stream, version, at in lines:
            assert (stream, version) not in acknowledged
            recorded = got[stream, version]
            assert str(recorded.position) == at
            assert recorded.data == {"order": [f"{stream}/{version}"]}
            acknowledged[stream, version] = (recorded.position, recorded.hash)
        assert [r.position for r in log] == list(range(position + 1, position + 1 + len(log)))
        # commits that the killed child did not live to acknowledge are in this log too; the next child comes after
        position = max((int(at) for _, _, at in lines), default=position)
    async with SQLiteStore.open(url) as store:
        assert (await store.verify()).ok
        log = {(r.stream, str(r.version)): (r.position, r.hash) for r in await store.read(limit=1_000_000)}
    assert len(acknowledged) > 20 * KILLS
    assert {key: log.get(key) for key in acknowledged} == acknowledged
    for stream in {stream for stream, _ in log}:
        versions = sorted(int(version) for name, version in log if name == stream)
        assert versions == list(range(1, len(versions) + 1))
