"""A child process: producers append to their streams and print each acknowledged event at once."""

import argparse
import asyncio
import os

from mezan.engine.events import RunPlanned
from mezan.engine.log import Write
from mezan.engine.stores.sqlite import SQLiteStore


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--events", type=int, default=10**9)
    parser.add_argument("--prefix", default="s")
    parser.add_argument("--durability", default="relaxed")
    parser.add_argument("--exact", action="store_true")
    asked = parser.parse_args()

    async def produce(store, stream):
        page = await store.read(stream=stream, limit=1, backwards=True)
        version = page[0].version if page else 0
        for _ in range(asked.events):
            event = RunPlanned(order=(f"{stream}/{version + 1}",))
            done = await store.append(Write(stream, [event], version if asked.exact else -1))
            version = done.version
            os.write(1, f"{stream} {done.version} {done.last}\n".encode())

    async with SQLiteStore.open(asked.url, durability=asked.durability) as store:
        await asyncio.gather(*(produce(store, f"{asked.prefix}{i}") for i in range(asked.streams)))


asyncio.run(main())
