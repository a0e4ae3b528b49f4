"""Seconds from the start of a fresh process to its first solution of nug30, compilation included.

usage: python benchmarks/qap_cold_start.py

Measured as a user meets it: `python -c` that opens an engine on a new file and waits for the first incumbent. The compile
cache is empty the first time and warm afterwards; each figure is the median of five processes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import SHARED, median, report

SCRIPT = """
import anyio, sys
from mezan.api import cache_kernels, open_engine, tune_gc
cache_kernels(sys.argv[1])
async def main():
    from mezan.solvers.qap import QAP
    async with open_engine(f"sqlite:///{sys.argv[2]}") as engine:
        run = await engine.submit(QAP.from_qaplib(sys.argv[3]), time_limit=20)
        async for recorded in run.events():
            if type(recorded.event).__name__ == "IncumbentFound":
                print("found", flush=True)
                break
        await run.cancel("measured")
anyio.run(main)
"""


def first_answer(cache: Path) -> float:
    """Seconds from the start of one process to its word that it has a solution."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SCRIPT, str(cache), f"{folder}/log.db", str(SHARED / "qaplib" / "nug30.dat")]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            seconds = time.perf_counter() - start
        assert said.strip() == b"found", "the process must find a solution"
    return seconds


def main() -> None:
    """Measure, print, keep."""
    cache = Path(tempfile.mkdtemp())
    cold, warm = [], []
    try:
        for _ in range(5):
            shutil.rmtree(cache)
            cold.append(first_answer(cache))
            warm.append(first_answer(cache))
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    report(
        "qap_cold_start",
        [
            {
                "compile cache": "empty",
                "seconds to the first answer": median(cold),
                "worst of five": max(cold),
                "bar": 4.0,
            },
            {
                "compile cache": "warm",
                "seconds to the first answer": median(warm),
                "worst of five": max(warm),
                "bar": 1.5,
            },
        ],
    )


if __name__ == "__main__":
    main()
