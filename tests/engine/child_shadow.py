"""A child process: a run whose shadow never ends by itself; says when the shadow works."""

import os
import sys

import anyio
from toys import Kernel, Toy, catalog, smallest, solver

from mezan.api import Shadow, open_engine


async def main(url):
    solvers = catalog(solver("smallest", smallest), solver("endless", Kernel(), runs_in="kernel"))
    async with open_engine(url, durability="relaxed", catalog=solvers, shadow=Shadow(share=1.0)) as engine:
        await (await engine.submit(Toy(numbers=(3, 1, 2)), solver="toy.smallest", time_limit=60)).result()
        async for recorded in engine.log.subscribe(types=["AttemptStarted"]):
            if recorded.data["solver"] == "toy.endless":
                os.write(1, f"{recorded.stream}\n".encode())


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
