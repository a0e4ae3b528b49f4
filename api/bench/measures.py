"""A benchmark as arrays: gaps to the best known, seconds to a target, and the course of every search.

Arrays are solvers x problems, where a problem is an instance with a seed. NaN marks what was not run (refused, or still
missing), infinity what was run and failed or did not reach the target.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mezan.engine.grids import DONE, Benchmark, Cell, Key
from mezan.solvers.gaps import equal, gap

Floats = NDArray[np.float64]
LEAST = 1e-3
"""Seconds that a search takes at least: what is faster cannot be told apart."""


@dataclass(frozen=True)
class Measures:
    """What a benchmark measured.

    Attributes:
        benchmark: where it comes from.
        target: the gap in percent at which an instance counts as solved.
    """

    benchmark: Benchmark
    target: float = 0.0

    @property
    def solvers(self) -> tuple[str, ...]:
        """The rows."""
        return self.benchmark.solvers

    @cached_property
    def problems(self) -> list[tuple[str, int]]:
        """The columns: (instance, seed)."""
        opened = self.benchmark.opened
        return [(each.instance, seed) for each in opened.instances for seed in opened.seeds]

    @cached_property
    def cells(self) -> dict[Key, Cell]:
        """Cells by key."""
        return {cell.key: cell for cell in self.benchmark.cells}

    @cached_property
    def references(self) -> dict[str, float | None]:
        """Per instance the best of what is known of it and what was found here; None where nothing is either."""
        best = min if self.benchmark.opened.sense == "min" else max
        known = {each.instance: [each.best_known] for each in self.benchmark.opened.instances}
        for cell in self.benchmark.cells:
            known[cell.instance] += [cell.objective, *(moment.objective for moment in cell.course)]
        values = {instance: [v for v in found if v is not None] for instance, found in known.items()}
        return {instance: best(found) if found else None for instance, found in values.items()}

    @property
    def cutoff(self) -> float:
        """Seconds that a search may take."""
        return self.benchmark.opened.budget.time_limit

    def cell(self, row: int, column: int) -> Cell:
        """What is behind an entry of the arrays."""
        return self.cells[Key(self.solvers[row], *self.problems[column])]

    def distance(self, instance: str, objective: float) -> float:
        """The gap of an objective to its instance's reference in percent; 100 for a reference of zero that is missed."""
        reference = self.references[instance]
        if reference is None or equal(objective, reference):
            return 0.0
        found = gap(objective, reference)
        return 100.0 if found is None else found

    def reached(self, cell: Cell, target: float) -> float:
        """Seconds of solving until a cell's search was within ``target`` percent; infinity if it never was."""
        for moment in cell.course:
            if self.distance(cell.instance, moment.objective) <= target:
                return max(LEAST, moment.seconds)
        return float("inf")

    @cached_property
    def gaps(self) -> Floats:
        """Gaps of the results, in percent."""
        return self._array(
            lambda cell: (
                float("inf")
                if cell.objective is None or cell.status != "ok"
                else self.distance(cell.instance, cell.objective)
            )
        )

    @cached_property
    def times(self) -> Floats:
        """Seconds of solving until the target was reached."""
        return self._array(lambda cell: self.reached(cell, self.target) if cell.status == "ok" else float("inf"))

    @cached_property
    def seconds(self) -> Floats:
        """Seconds of solving, without compilation."""
        return self._array(lambda cell: cell.solving)

    @cached_property
    def par10(self) -> Floats:
        """Seconds to the target, ten times the time limit where it was missed."""
        return np.where(np.isinf(self.times), 10 * self.cutoff, self.times)

    def _array(self, value: Callable[[Cell], float]) -> Floats:
        made = np.full((len(self.solvers), len(self.problems)), np.nan)
        for i in range(made.shape[0]):
            for j in range(made.shape[1]):
                cell = self.cell(i, j)
                if cell.status in DONE:
                    made[i, j] = value(cell)
        return made

    @cached_property
    def by_instance(self) -> Floats:
        """Mean gaps over seeds: solvers x instances; infinity where a seed failed, NaN where one was not run."""
        seeds = len(self.benchmark.opened.seeds)
        means: Floats = self.gaps.reshape(len(self.solvers), -1, seeds).mean(axis=2)
        return means

    @cached_property
    def ranked(self) -> tuple[list[int], list[int]]:
        """Rows and columns of :attr:`by_instance` that ranks are of: solvers that refused no instance, and instances that all of those have done."""
        refused = {each.solver for each in self.benchmark.opened.refused}
        rows = [i for i, solver in enumerate(self.solvers) if solver not in refused]
        done = ~np.isnan(self.by_instance[rows]).any(axis=0) if rows else np.zeros(0, bool)
        return rows, [int(j) for j in np.flatnonzero(done)]
