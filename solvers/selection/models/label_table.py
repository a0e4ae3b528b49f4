"""From outcomes in log order to a table of instances by solvers, for policies that need to know what every solver does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..examples import Row
from .labels import Labels
from .schedules import UNIT

Floats = NDArray[np.float64]

SHARE = 0.8
"""Of the solvers that must have been tried on an instance, for it to count."""
GROWTH = 1.15
FIRST = 32


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Features [n, d] and losses [n, m] of instances that nearly all of ``solvers`` have been tried on."""

    solvers: tuple[str, ...]
    X: Floats
    labels: Labels


def fitted_count(count: int) -> int:
    """How many of ``count`` rows a model is fitted to: 32, then always 15 percent more, so that fits are rare; 0 before."""
    if count < FIRST:
        return 0
    fitted = FIRST
    while (following := math.ceil(fitted * GROWTH)) <= count:
        fitted = following
    return fitted


def label_table(rows: Sequence[Row], solvers: Sequence[tuple[str, str]], least: int) -> LabelTable | None:
    """The table of the given (solver, version) pairs; None with fewer than ``least`` instances or two solvers.

    Solvers that were tried on less than half as many instances as the one tried on most are left out. Repeated outcomes count by
    their mean, and what is missing by the solver's mean loss.
    """
    wanted = dict(solvers)
    found: dict[str, dict[str, list[float]]] = {}
    features: dict[str, Sequence[float]] = {}
    for row in rows:
        if wanted.get(row.solver) == row.version:
            found.setdefault(row.instance, {}).setdefault(row.solver, []).append(row.loss)
            features[row.instance] = row.features
    tried = {name: sum(name in by_solver for by_solver in found.values()) for name in wanted}
    names = tuple(name for name, count in tried.items() if count and 2 * count >= max(tried.values()))
    usual = [name for name, by_solver in found.items() if sum(n in by_solver for n in names) >= SHARE * len(names)]
    if len(names) < 2 or len(usual) < least:
        return None
    losses = np.array([[_mean(found[instance].get(name)) for name in names] for instance in usual])
    missing = np.isnan(losses)
    columns = np.add.reduce(np.where(missing, 0.0, losses), axis=0) / np.maximum((~missing).sum(axis=0), 1)
    losses = np.rint(np.clip(np.where(missing, columns, losses), 0.0, 1.0) * UNIT) / UNIT
    return LabelTable(names, np.array([features[instance] for instance in usual]), Labels(losses, None, None))


def _mean(losses: list[float] | None) -> float:
    return math.fsum(losses) / len(losses) if losses else math.nan
