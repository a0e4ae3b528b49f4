"""A child process: a small tournament that dies at the nth arrival at a fault point."""

import os
import sys
from itertools import count
from pathlib import Path

import anyio

from mezan.api import open_engine
from mezan.engine import faults
from mezan.engine.tournament import Plan, open_tournament, play
from mezan.solvers.qap import QAP

DATA = Path(__file__).parents[1] / "data" / "qap"
SOLVERS = ("qap.tabu", "qap.annealing", "qap.descent")


def plan():
    problems = [QAP.from_qaplib(DATA / f"{name}.dat") for name in ("nug12", "chr12a")]
    return Plan(problems=problems, solvers=SOLVERS, iterations=10, time_limit=60.0, seed=3)


async def main(url, point, arrivals):
    reached = count(1)

    def die():
        if next(reached) == arrivals:
            os._exit(9)

    with faults.armed(point, die):
        async with open_engine(url, durability="relaxed") as engine:
            await play(engine, (await open_tournament(engine, plan())).stream)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
