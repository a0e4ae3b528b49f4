"""Ids need no coordination: not between threads, not between processes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mezan.engine.ids import new_id, random_bits

FORK = """
import os
from mezan.engine.ids import random_bits
random_bits(80)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, str(random_bits(80)).encode())
    os._exit(0)
os.wait()
print(os.read(reader, 100).decode(), random_bits(80))
"""


def test_ids_sort_by_time_and_differ() -> None:
    """However many threads ask at once; the form is the prefix and 26 characters."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id("run"), range(20_000)))
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {30}
    assert new_id("run")[:14] >= made[0][:14]


def test_every_bit_is_drawn() -> None:
    """Over some draws each bit is sometimes set and sometimes not, and none is beyond the count."""
    drawn = [random_bits(48) for _ in range(200)]
    assert max(drawn) < 2**48
    assert all(0 < sum(value >> bit & 1 for value in drawn) < 200 for bit in range(48))


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the system has no fork")
def test_a_forked_process_draws_its_own() -> None:
    """It does not repeat what its parent draws."""
    said = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True).stdout.split()
    assert len(set(said)) == 2
