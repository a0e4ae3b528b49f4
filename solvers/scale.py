"""The scale: two searches on one instance, its pans, that tell each other what they find.

A :class:`Pan` advances by iterations only and takes what its rival found at the counts where it is told, so the same
sequence of calls gives the same results on any day. Who moves when is decided elsewhere.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from .driver import Drive, Incumbent
from .errors import BadInput, SolverFailed
from .pack import Array, pack, unpack
from .problem import Family, Problem
from .solver import Solver


class Pan:
    """One search of a race.

    Attributes:
        best: the best that it found itself; what it was told is never here.
        told: the best objective that it was told.
        done: its kernel has nothing left to do.
    """

    def __init__(self, family: Family[Any], solver: Solver[Any], problem: Problem, seed: int) -> None:
        self._family, self._solver = family, solver
        self._drive = Drive(family, solver, [problem], [seed])
        self.best: Incumbent | None = None
        self.told: float | None = None
        self.done = False

    @property
    def iterations(self) -> int:
        """How far it has come."""
        return self._drive.iterations

    @property
    def compile_seconds(self) -> float:
        """What its first chunk took."""
        return self._drive.compile_seconds

    def advance(self, iterations: int) -> bool:
        """Run exactly that many iterations; whether it found something better than all that it knew.

        Raises:
            SolverFailed: the evaluator refuses its solution, or it has none after its first chunk.
        """
        report = self._drive.advance(iterations)[0]
        self.done = report.done
        if report.incumbent is not None:
            self.best = report.incumbent
        if self.best is None:
            msg = f"{self._solver.name} must have an incumbent after its first chunk; it has none"
            raise SolverFailed(msg)
        return report.incumbent is not None

    def skip(self, iterations: int) -> None:
        """Run as if it were the beginning of the next :meth:`advance`, so that where chunks end changes nothing."""
        self.done = self._drive.skip(iterations)

    def wants(self, rival: "Pan") -> bool:
        """Whether the rival has found something better than all that this pan knows.

        A pan that has not begun is told nothing: it would have no result of its own.
        """
        if self.best is None or rival.best is None:
            return False
        known = [self.best.objective] if self.told is None else [self.best.objective, self.told]
        return all(self._family.better(rival.best.objective, value) for value in known)

    def tell(self, incumbent: Incumbent) -> None:
        """Work a rival's solution into the search; from then on only what is better counts as found here."""
        self._drive.inject({0: incumbent})
        self.told = incumbent.objective

    def _parts(self) -> dict[str, Array]:
        parts = {
            "drive": np.frombuffer(self._drive.checkpoint(), np.uint8),
            "told": np.float64(np.nan if self.told is None else self.told),
        }
        if self.best is not None:
            parts |= {"objective": np.float64(self.best.objective), "solution": self.best.solution}
        return {name: np.asarray(part) for name, part in parts.items()}

    def _restore(self, parts: Mapping[str, Array]) -> None:
        self._drive.restore(parts["drive"].tobytes())
        self.told = None if np.isnan(parts["told"]) else float(parts["told"])
        if "solution" in parts:
            self.best = Incumbent(float(parts["objective"]), parts["solution"])


def checkpoint(pans: Mapping[str, Pan]) -> bytes:
    """All pans at one moment, canonical bytes."""
    return pack({f"{name}/{part}": array for name, pan in pans.items() for part, array in pan._parts().items()})  # noqa: SLF001 - its own module


def restore(content: bytes, pans: Mapping[str, Pan]) -> None:
    """Continue pans from a checkpoint that holds them; one that broke since is left out of ``pans``.

    Raises:
        BadInput: the checkpoint does not hold them, or is of another solver version or problem.
    """
    arrays = unpack(content)
    for name, pan in pans.items():
        start = f"{name}/"
        parts = {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
        if not {"drive", "told"} <= set(parts):
            msg = f"a race's checkpoint must hold the pan {name!r} to continue it; this one does not"
            raise BadInput(msg)
        pan._restore(parts)  # noqa: SLF001 - its own module
