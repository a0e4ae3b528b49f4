"""Scenarios of ASlib, the benchmark library of algorithm selection (Bischl et al., Artificial Intelligence 237, 2016).

A scenario is a folder: `description.txt`, `algorithm_runs.arff`, `feature_values.arff`, `cv.arff`, and where known
`feature_costs.arff`. Repeated runs count by their median, repeated features and costs by their mean. Instances are those that
have runs, features and a fold, in the order of their names; algorithms too are in the order of their names.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .arff import Arff, number, read_arff, read_text
from .outline import Outline

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scenario:
    """`n` instances with `d` features, and how `m` algorithms did on them.

    ``X`` [n, d]: the features of the default steps, NaN where missing. ``performance`` [n, m]: as measured, NaN where missing.
    ``par10`` [n, m]: what a selector loses, less is better: for runtimes in seconds 10 times ``cutoff`` where not ``solved``
    [n, m]; for qualities the negated quality where more is better, the worst one where it is missing.
    ``folds`` [repetitions, n]: the number of the test fold, 0 for none. ``feature_cost`` [n]: seconds of the default steps.
    """

    name: str
    instances: tuple[str, ...]
    features: tuple[str, ...]
    algorithms: tuple[str, ...]
    X: Floats
    performance: Floats
    par10: Floats
    solved: NDArray[np.bool_]
    folds: NDArray[np.int64]
    feature_cost: Floats
    cutoff: float
    maximize: bool
    runtime: bool


def is_scenario(directory: Path) -> bool:
    """Whether the folder looks like one scenario."""
    return (directory / "description.txt").is_file() and (directory / "algorithm_runs.arff").is_file()


def read_scenario(directory: str | Path) -> Scenario:
    """The scenario in a folder.

    Raises:
        BadInput: a file is missing, too large or malformed, or no instance has runs, features and a fold.
    """
    folder = Path(directory)
    if not is_scenario(folder):
        msg = f"a scenario must be a folder with description.txt and algorithm_runs.arff; {folder} is none"
        raise BadInput(msg)
    about = Outline(read_text(folder / "description.txt")).read()
    runtime = _first(about, "performance_type").lower() == "runtime"
    maximize = _first(about, "maximize").lower() in {"true", "yes", "on"}
    cutoff = _cutoff(about)
    if runtime and not (0 < cutoff < math.inf):
        msg = f"a runtime scenario must have an algorithm_cutoff_time in seconds; got {about.get('algorithm_cutoff_time')!r}"
        raise BadInput(msg)
    runs, algorithms = _runs(read_arff(folder / "algorithm_runs.arff"), _first(about, "performance_measures"))
    folds = _folds(read_arff(folder / "cv.arff"))
    known, columns = _means(read_arff(folder / "feature_values.arff"))
    instances = tuple(sorted(set(runs) & set(folds[0]) & set(known)))
    if not instances:
        msg = f"{folder.name} must have instances with runs, features and a fold; no name is in all three files"
        raise BadInput(msg)
    steps, provided = _default_steps(about)
    used = [j for j, column in enumerate(columns) if column in provided] or list(range(len(columns)))
    performance = np.array([[runs[i].get(a, (math.nan, False))[0] for a in algorithms] for i in instances])
    ok = np.array([[runs[i].get(a, (math.nan, False))[1] for a in algorithms] for i in instances])
    cost = np.zeros(len(instances))
    if runtime:
        solved = ok & np.isfinite(performance) & (performance <= cutoff)
        par10 = np.where(solved, np.maximum(performance, 0.0), 10 * cutoff)
        if (folder / "feature_costs.arff").is_file():
            cost = _costs(read_arff(folder / "feature_costs.arff"), steps, instances)
    else:
        solved = np.isfinite(performance)
        if not solved.any():
            raise BadInput(f"{folder.name} must have at least one measured quality")
        par10 = -performance if maximize else performance.copy()
        par10[~solved] = par10[solved].max()
    return Scenario(
        name=(_first(about, "scenario_id", folder.name)).strip() or folder.name,
        instances=instances,
        features=tuple(columns[j] for j in used),
        algorithms=algorithms,
        X=np.array([known[i][used] for i in instances]),
        performance=performance,
        par10=par10,
        solved=solved,
        folds=np.array([[fold.get(i, 0) for i in instances] for fold in folds]),
        feature_cost=cost,
        cutoff=cutoff,
        maximize=maximize,
        runtime=runtime,
    )


def _first(about: dict[str, Any], key: str, default: str | None = None) -> str:
    value = about.get(key, default)
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, str):
        msg = f"description.txt must say {key}; got {value!r}"
        raise BadInput(msg)
    return value


def _cutoff(about: dict[str, Any]) -> float:
    try:
        return float(_first(about, "algorithm_cutoff_time", "?"))
    except ValueError:
        return math.inf


def _runs(table: Arff, measure: str) -> tuple[dict[str, dict[str, tuple[float, bool]]], tuple[str, ...]]:
    """Median performance and majority status by instance and algorithm, and the algorithms' names."""
    instance, algorithm, value, status = (
        table.column(name) for name in ("instance_id", "algorithm", measure, "runstatus")
    )
    several: dict[str, dict[str, list[tuple[float, bool]]]] = {}
    for row in table.rows:
        ok = (row[status] or "").lower() == "ok"
        by_algorithm = several.setdefault(str(row[instance]), {})
        by_algorithm.setdefault(str(row[algorithm]), []).append((number(table, row[value]), ok))
    runs = {
        name: {who: results[0] if len(results) == 1 else _median(results) for who, results in by_algorithm.items()}
        for name, by_algorithm in several.items()
    }
    return runs, tuple(sorted({who for by_algorithm in runs.values() for who in by_algorithm}))


def _median(results: list[tuple[float, bool]]) -> tuple[float, bool]:
    values = [value for value, _ in results if not math.isnan(value)]
    return float(np.median(values)) if values else math.nan, 2 * sum(ok for _, ok in results) >= len(results)


def _folds(table: Arff) -> list[dict[str, int]]:
    instance, repetition, fold = (table.column(name) for name in ("instance_id", "repetition", "fold"))
    found: dict[float, dict[str, int]] = {}
    for row in table.rows:
        which, value = number(table, row[repetition]), number(table, row[fold])
        if not (math.isfinite(which) and 1 <= value <= 10_000):
            msg = f"cv.arff must have a repetition and a fold from 1 on for each instance; got {row[fold]!r}"
            raise BadInput(msg)
        found.setdefault(which, {})[str(row[instance])] = int(value)
    if not found:
        raise BadInput("cv.arff must have at least one instance")
    return [found[which] for which in sorted(found)]


def _means(table: Arff) -> tuple[dict[str, Floats], list[str]]:
    """Means over the repetitions by instance, missing values aside, and the names of the columns."""
    instance = table.column("instance_id")
    kept = [j for j, name in enumerate(table.columns) if name.lower() not in {"instance_id", "repetition"}]
    several: dict[str, list[list[float]]] = {}
    for row in table.rows:
        several.setdefault(str(row[instance]), []).append([number(table, row[j]) for j in kept])
    means = {}
    for name, rows in several.items():
        values = np.array(rows)
        if len(rows) == 1:
            means[name] = values[0]
            continue
        there = ~np.isnan(values)
        sums, counts = np.where(there, values, 0.0).sum(axis=0), there.sum(axis=0)
        means[name] = np.where(counts > 0, sums / np.maximum(counts, 1), math.nan)
    return means, [table.columns[j] for j in kept]


def _costs(table: Arff, steps: list[str], instances: tuple[str, ...]) -> Floats:
    means, columns = _means(table)
    used = [j for j, column in enumerate(columns) if column in steps]
    none = np.zeros(len(columns))
    return np.array([float(np.nan_to_num(means.get(i, none)[used]).sum()) for i in instances])


def _default_steps(about: dict[str, Any]) -> tuple[list[str], set[str]]:
    """The names of the default feature steps and of the features that they provide."""
    steps = about.get("feature_steps")
    if not isinstance(steps, dict):
        raise BadInput("description.txt must list feature_steps as a mapping")
    default = _names(about.get("default_steps")) or list(steps)
    provided: set[str] = set()
    for step in default:
        if step not in steps:
            msg = f"default_steps must be among feature_steps ({', '.join(list(steps)[:8])}); got {step[:60]!r}"
            raise BadInput(msg)
        given = steps[step]
        provided.update(_names(given.get("provides") if isinstance(given, dict) else given))
    return default, provided


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return [str(name) for name in value] if isinstance(value, list) else []
