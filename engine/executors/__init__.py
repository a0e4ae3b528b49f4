"""Where attempts run: kernels in chunks on worker threads, procedures on threads or in processes of their own."""

from collections.abc import Sequence

from mezan.engine.attempts import Race
from mezan.engine.scheduler import Job

from .kernels import drive
from .procedures import inline, one
from .processes import Processes
from .races import race

__all__ = ["Processes", "execute"]


async def execute(processes: Processes, jobs: Sequence[Job], device: str) -> None:
    """Run a batch of jobs of one group to the end on one slot of ``device``."""
    if isinstance(jobs[0].work, Race):
        await race(jobs[0], device)
        return
    match jobs[0].work.solver.runs_in:
        case "kernel":
            await drive(jobs, device)
        case "inline":
            await inline(jobs, device)
        case _:
            await one(processes, jobs[0], device)
