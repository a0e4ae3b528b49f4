"""Solve a QAPLIB instance, watch its incumbents, and ask why that solver was chosen.

usage: python examples/solve_qap.py [FILE] [SECONDS]
"""

import sys
from pathlib import Path

import anyio

from mezan.api import open_engine
from mezan.solvers.qap import QAP


async def main(file: str, seconds: float) -> None:
    async with open_engine("sqlite:///example.db") as engine:
        run = await engine.submit(QAP.from_qaplib(file), time_limit=seconds, seed=7)
        async for recorded in run.events():
            if recorded.type == "IncumbentFound":
                print(f"{recorded.data['seconds']:6.2f} s  {recorded.data['objective']:.0f}")
        result = await run.result()
        print(f"{result.solver}: {result.objective:.0f}, gap {result.gap:.3f} %, lower bound {result.lower_bound:.0f}")
        card = await engine.why(run.id)
        print(f"because {card.reason}")
        report = await engine.replay(run.id)
        print("replayed:", "identical" if report.identical else report.difference)


if __name__ == "__main__":
    here = Path(__file__).parent
    file = sys.argv[1] if len(sys.argv) > 1 else str(here / "qaplib/tai25a.dat")
    anyio.run(main, file, float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)
