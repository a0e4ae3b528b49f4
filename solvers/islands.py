"""Several searches of one problem at once, each on its own core or device, that tell each other what they have found.

An archipelago behaves as one :class:`Drive` of one problem. Exchanges happen after fixed numbers of iterations, so the
same iterations give the same results on any day, with the same number of islands.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, cast

import numpy as np

from . import devices
from .driver import Drive, Incumbent, LaneReport
from .pack import Array, pack, unpack
from .problem import Family, Problem
from .seeds import derive
from .solver import Islander, Solver, load

MOST = 64


def drive_for(
    family: Family[Any],
    solver: Solver[Any],
    problems: Sequence[Problem],
    seeds: Sequence[int],
    *,
    lanes: int | None = None,
    lane: int = 0,
) -> "Driven":
    """What drives ``solver``: an archipelago where it is declared to work on islands, of which ``lanes`` is the number."""
    if solver.islands:
        (problem,), (seed,) = problems, seeds
        return Archipelago(family, solver, problem, seed, islands=lanes)
    return Drive(family, solver, problems, seeds, lanes=lanes, lane=lane)


class Archipelago:
    """One problem, ``islands`` searches (default: one for each of `devices`).

    Island i searches from seed ``derive(seed, "island", i)``; the first from ``seed`` itself.
    """

    def __init__(
        self, family: Family[Any], solver: Solver[Any], problem: Problem, seed: int, *, islands: int | None = None
    ) -> None:
        self._family, self._solver, self._problem, self._seed = family, solver, problem, seed
        self._every = cast("Islander[Any]", load(solver)).exchange(problem)
        self._settle_on(islands or min(MOST, devices.count()))
        self._best: Incumbent | None = None
        self._outside: float | None = None
        self._compiled = False
        self._restored = False
        self.iterations = 0

    def _settle_on(self, count: int) -> None:
        seeds = [self._seed, *(derive(self._seed, "island", i) for i in range(1, count))]
        self._drives = [Drive(self._family, self._solver, [self._problem], [seed]) for seed in seeds]
        self._found: list[Incumbent | None] = [None] * count

    @property
    def lanes(self) -> int:
        """Number of islands."""
        return len(self._drives)

    @property
    def compile_seconds(self) -> float:
        """Seconds of the slowest island's first call."""
        return max(drive.compile_seconds for drive in self._drives)

    def advance(self, iterations: int) -> list[LaneReport]:
        """Run exactly that many iterations on every island, exchanging on the way, and report the best."""
        end, before = self.iterations + iterations, self._best
        if not self._compiled:  # by one thread, for all
            self._compiled = True
            self._found[0] = self._drives[0].advance(0)[0].incumbent
        with ThreadPoolExecutor(len(self._drives)) as threads:
            while True:
                count = min(end, (self.iterations // self._every + 1) * self._every) - self.iterations
                reports = [r[0] for r in threads.map(Drive.advance, self._drives, repeat(count))]
                self.iterations += count
                for i, report in enumerate(reports):
                    self._found[i] = report.incumbent or self._found[i]
                done = all(report.done for report in reports)
                self._settle()
                if self.iterations % self._every == 0 and count:
                    self._exchange()
                if self.iterations == end:
                    break
        improved = self._best is not before or self._restored
        self._restored = False
        return [LaneReport(self._best if improved else None, done)]

    def _settle(self) -> None:
        for found in self._found:
            if found is not None and self._is_better(found.objective):
                self._best = found

    def _is_better(self, objective: float) -> bool:
        known = [self._outside, None if self._best is None else self._best.objective]
        return all(value is None or self._family.better(objective, value) for value in known)

    def _exchange(self) -> None:
        """Each island tells the next one its best; what that one knows already changes little there."""
        found = list(self._found)
        for i, drive in enumerate(self._drives):
            told = found[i - 1]
            if told is not None and len(self._drives) > 1:
                drive.inject({0: told})
        self._found = [None] * len(found)

    def inject(self, solutions: Mapping[int, Incumbent]) -> None:
        """Give every island a solution from outside."""
        for incumbent in solutions.values():
            if self._outside is None or self._family.better(incumbent.objective, self._outside):
                self._outside = incumbent.objective
        for drive in self._drives:
            drive.inject(solutions)

    def checkpoint(self, index: int = 0) -> bytes:
        """The state of every island."""
        parts: dict[str, Array] = {
            "iterations": np.array(self.iterations, np.int64),
            "outside": np.array(np.nan if self._outside is None else self._outside),
            "bests": np.array([np.nan if (best := drive.best()) is None else best for drive in self._drives]),
        }
        if self._best is not None:
            parts |= {"value": np.array(self._best.objective), "best": self._best.solution}
        for i, (drive, found) in enumerate(zip(self._drives, self._found, strict=True)):
            parts[f"island{i:03}"] = np.frombuffer(drive.checkpoint(index), np.uint8)
            if found is not None:
                parts |= {f"value{i:03}": np.array(found.objective), f"found{i:03}": found.solution}
        return pack(parts)

    def restore(self, content: bytes) -> None:
        """Continue from a checkpoint; the first advance reports the incumbent anew.

        It may be of another number of islands, which then is this one's.

        Raises:
            BadInput: the checkpoint is of another solver version or problem.
        """
        arrays = unpack(content)
        self._settle_on(sum(name.startswith("island") for name in arrays))
        for i, drive in enumerate(self._drives):
            best = float(arrays["bests"][i])
            drive.restore(arrays[f"island{i:03}"].tobytes(), best=None if np.isnan(best) else best)
            value = arrays.get(f"value{i:03}")
            self._found[i] = None if value is None else Incumbent(float(value), arrays[f"found{i:03}"])
        self._best = Incumbent(float(arrays["value"]), arrays["best"]) if "value" in arrays else None
        self._compiled = self._restored = True
        self._outside = None if np.isnan(arrays["outside"]) else float(arrays["outside"])
        self.iterations = int(arrays["iterations"])


Driven = Drive | Archipelago
