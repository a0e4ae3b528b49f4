"""A child process: an import of results that dies after its nth batch."""

import os
import sys
from itertools import count
from pathlib import Path

import anyio

from mezan.api import open_engine
from mezan.engine import faults
from mezan.solvers.selection.past import from_csv as past_csv


async def main(url, table, batches):
    arrivals = count(1)

    def die():
        if next(arrivals) == batches:
            os._exit(9)

    with faults.armed("import.batch", die):
        async with open_engine(url, durability="relaxed") as engine:
            await engine.import_results(past_csv.read(Path(table), family="toy"))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]))
