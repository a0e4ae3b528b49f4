"""Place the departments of a clinic: patients' walks between departments, metres between places, an answer in names.

usage: python examples/clinic_layout.py [SECONDS]
"""

import sys
from pathlib import Path

import anyio

from mezan.api import open_engine
from mezan.solvers.qap import Assignment, Facilities
from mezan.solvers.qap.heatmap import heatmap
from mezan.solvers.qap.heatmap_svg import svg

DEPARTMENTS = ["Reception", "Triage", "X-ray", "Surgery", "Laboratory", "Pharmacy", "Ward", "Physiotherapy"]
WALKS = {
    ("Reception", "Triage"): 180,
    ("Reception", "Pharmacy"): 60,
    ("Triage", "X-ray"): 75,
    ("Triage", "Laboratory"): 90,
    ("X-ray", "Surgery"): 25,
    ("Laboratory", "Ward"): 40,
    ("Surgery", "Ward"): 30,
    ("Ward", "Physiotherapy"): 45,
    ("Ward", "X-ray"): 20,
}
"""Walks a day between two departments."""
PLACES = {f"{floor}.{room}": (room, floor) for floor in (0, 1) for room in (1, 2, 3, 4)}
"""Two floors of four rooms, 12 m from door to door; the stairs cost as much as 30 m."""


def layout() -> Facilities:
    flows = [[WALKS.get((a, b), 0) + WALKS.get((b, a), 0) for b in DEPARTMENTS] for a in DEPARTMENTS]
    distances = [[12 * abs(x - u) + 30 * abs(y - v) for u, v in PLACES.values()] for x, y in PLACES.values()]
    return Facilities(flows, distances, DEPARTMENTS, list(PLACES), name="clinic")


async def solve(clinic: Facilities, seconds: float) -> None:
    async with open_engine("sqlite:///example.db") as engine:
        run = await engine.submit(clinic.problem, time_limit=seconds, seed=7)
        result = await run.result()
    answer = clinic.read(result.solution)
    print(f"{answer.cost:.0f} metres a day, there and back; at least {result.lower_bound:.0f} in any layout")
    for department, place in answer.location_of.items():
        print(f"  {department:<14} {place}")
    for pair in answer.pairs(3):
        what = f"{pair.facility} and {pair.other}"
        print(f"{what}: {pair.flow:.0f} walks of {pair.distance:.0f} m, {pair.share:.0%} of it all")
    draw(answer, "clinic.svg")


def draw(answer: Assignment, file: str) -> None:
    Path(file).write_text(svg(heatmap(answer)))
    print("drawn:", file)


if __name__ == "__main__":
    anyio.run(solve, layout(), float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
