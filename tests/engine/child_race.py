"""A child process: one race on one file, with a fault point armed to end the process at its nth arrival."""

import argparse
import os
from dataclasses import replace
from itertools import count

import anyio
from child_run import follow, qap

from mezan.api import open_engine
from mezan.engine import faults
from mezan.engine.executors import kernels
from mezan.solvers.catalog import Catalog
from mezan.solvers.qap.family import FAMILY

ITERATIONS = 3_000


def tabus():
    """The portfolio of the QAP with a second tabu search, whose seeds differ."""
    tabu = next(s for s in FAMILY.solvers if s.name == "qap.tabu")
    return Catalog([replace(FAMILY, solvers=(tabu, replace(tabu, name="qap.lone")))])


async def main(url):
    async with open_engine(url, durability="relaxed", capacity={"cpu": 1}, catalog=tabus()) as engine:
        with anyio.fail_after(90):
            await follow(
                await engine.submit(qap(14), pans=("tabu", "lone"), seed=7, time_limit=120, iterations=ITERATIONS)
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--point", required=True)
    parser.add_argument("--nth", type=int, default=1)
    asked = parser.parse_args()
    kernels.CHECKPOINT_SECONDS = 0.0  # after each round
    arrivals = count(1)

    def die():
        if next(arrivals) == asked.nth:
            os._exit(9)

    with faults.armed(asked.point, die):
        anyio.run(main, asked.url)
