"""A child process: a whole run on one file, with a fault point armed to end the process at its nth arrival.

Prints the run's id as soon as its request is acknowledged, then each event that is in the log.
"""

import argparse
import os
from itertools import count

import anyio

from mezan.api import open_engine
from mezan.engine import faults
from mezan.engine.executors import kernels
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.qap import QAP


def knapsack(n=24):
    return Knapsack(
        values=[(i * 7919) % 97 + 3 for i in range(n)],
        weights=[(i * 104729) % 89 + 5 for i in range(n)],
        capacity=20 * n,
    )


def qap(n=9):
    return QAP(
        A=[[abs(i - j) * (i + j) % 13 for j in range(n)] for i in range(n)],
        B=[[(i * j * 31 + i + j) % 17 if i != j else 0 for j in range(n)] for i in range(n)],
    )


PROBLEMS = {"knapsack": knapsack, "qap": qap}


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def follow(run):
    say("run", run.id)
    async for r in run.events():
        say("event", r.position, r.hash.hex(), r.type)


async def main(asked):
    async with open_engine(asked.url, durability="relaxed", capacity={"cpu": 2}) as engine:
        say("open", engine.follower.position)
        with anyio.fail_after(60):
            if asked.family is not None:
                async with anyio.create_task_group() as tasks:
                    for i in range(asked.runs):
                        problem = PROBLEMS[asked.family]()
                        run = await engine.submit(
                            problem, solver=asked.solver, seed=7 + i, time_limit=120, iterations=asked.iterations
                        )
                        tasks.start_soon(follow, run)
            for run in engine.adopted:
                await engine.result_of(run)
        say("done")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--family")
    parser.add_argument("--solver")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--point")
    parser.add_argument("--nth", type=int, default=1)
    asked = parser.parse_args()
    kernels.CHECKPOINT_SECONDS = 0.05
    arrivals = count(1)

    def die():
        if next(arrivals) == asked.nth:
            os._exit(9)

    if asked.point is None:
        anyio.run(main, asked)
    else:
        with faults.armed(asked.point, die):
            anyio.run(main, asked)
