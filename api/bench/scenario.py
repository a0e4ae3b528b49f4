"""A benchmark as an ASlib scenario (Bischl et al., Artificial Intelligence 237, 2016): a folder that selectors are tested on.

Seeds are the repetitions of a run. ``gap`` exports qualities, the gap in percent, less being better; ``time`` runtimes,
the seconds to the target with the benchmark's time limit as the cutoff.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from mezan.engine.grids import Benchmark, Cell
from mezan.solvers.errors import BadInput

from .measures import Measures

Measure = Literal["gap", "time"]
FOLDS = 10
STEP = "all"
STATUS = {"ok": "ok", "timeout": "timeout", "failed": "crash", "refused": "not_applicable"}
RUN_STATUS = "{ok, timeout, memout, not_applicable, crash, other}"
FEATURE_STATUS = "{ok, timeout, memout, presolved, crash, other, unknown}"


def write_scenario(measures: Measures, folder: Path, measure: Measure = "gap", seed: int = 0) -> None:
    """Write the scenario's files; the folder is made.

    Args:
        measures: of a benchmark of which every cell has its outcome.
        folder: where to.
        measure: what performance is.
        seed: of the ten folds (as many as instances, if there are fewer).

    Raises:
        BadInput: cells are missing, or there are less than two instances.
    """
    benchmark = measures.benchmark
    if benchmark.closed is None:
        raise BadInput(f"a benchmark must be finished to be exported as a scenario; {benchmark.name} is not: go on with `bench run --name {benchmark.name}`")  # fmt: skip
    if len(benchmark.opened.instances) < 2:
        raise BadInput("a scenario must have at least two instances, or no fold could be left out")
    names = _names(benchmark)
    files = {
        "description.txt": _description(measures, measure),
        "algorithm_runs.arff": _runs(measures, names, measure),
        **_features(benchmark, names),
        "cv.arff": _folds(names, seed),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def _names(benchmark: Benchmark) -> dict[str, str]:
    """Instances' names, which must differ: the label, with the beginning of the SHA-256 where two share it or have none."""
    counts = Counter(each.label for each in benchmark.opened.instances)
    return {
        each.instance: each.label
        if each.label and counts[each.label] == 1
        else f"{each.label or benchmark.opened.family}-{each.instance[:12]}"
        for each in benchmark.opened.instances
    }


def _description(measures: Measures, measure: Measure) -> str:
    opened = measures.benchmark.opened
    features = _feature_names(measures.benchmark)
    listed = "\n".join(f"    - {_quoted(name)}" for name in features)
    solvers = "\n".join(
        f"  {_quoted(entry.solver)}:\n    configuration: ''\n    deterministic: false\n    version: {_quoted(entry.version)}"
        for entry in opened.solvers
    )
    return (
        f"scenario_id: {_quoted(measures.benchmark.name)}\n"
        f"performance_measures:\n- {measure}\nmaximize:\n- false\n"
        f"performance_type:\n- {'runtime' if measure == 'time' else 'solution_quality'}\n"
        f"algorithm_cutoff_time: {opened.budget.time_limit!r}\nalgorithm_cutoff_memory: '?'\n"
        "features_cutoff_time: '?'\nfeatures_cutoff_memory: '?'\nnumber_of_feature_steps: 1\n"
        f"default_steps:\n- {STEP}\nfeature_steps:\n  {STEP}:\n    provides:\n{listed}\n"
        f"features_deterministic:\n{listed.replace('    - ', '- ')}\nfeatures_stochastic: null\n"
        f"metainfo_algorithms:\n{solvers}\n"
    )


def _runs(measures: Measures, names: dict[str, str], measure: Measure) -> str:
    numbers = {seed: i for i, seed in enumerate(measures.benchmark.opened.seeds, 1)}

    def row(cell: Cell) -> list[str]:
        status, value = STATUS[cell.status], "?"
        if status == "ok" and measure == "gap" and cell.objective is not None:
            value = repr(measures.distance(cell.instance, cell.objective))
        elif measure == "time" and status in {"ok", "timeout"}:
            time = measures.reached(cell, measures.target)
            if status == "ok" and time <= measures.cutoff:
                value = repr(time)
            else:
                value, status = repr(measures.cutoff), "timeout"
        return [_quoted(names[cell.instance]), str(numbers[cell.seed]), _quoted(cell.solver), value, status]

    columns = (("instance_id", "STRING"), ("repetition", "NUMERIC"), ("algorithm", "STRING"), (measure, "NUMERIC"), ("runstatus", RUN_STATUS))  # fmt: skip
    return _arff("algorithm_runs", columns, (row(cell) for cell in measures.benchmark.cells))


def _features(benchmark: Benchmark, names: dict[str, str]) -> dict[str, str]:
    features = _feature_names(benchmark)
    first = (("instance_id", "STRING"), ("repetition", "NUMERIC"))
    known = benchmark.features
    values = [
        [_quoted(name), "1", *(_value(known.get(instance, {}).get(feature)) for feature in features)]
        for instance, name in names.items()
    ]
    costs = [
        [_quoted(name), "1", repr(benchmark.profile_seconds.get(instance, 0.0))] for instance, name in names.items()
    ]
    status = [[_quoted(name), "1", "ok" if instance in known else "unknown"] for instance, name in names.items()]
    numeric = [(_quoted(feature), "NUMERIC") for feature in features]
    return {
        "feature_values.arff": _arff("feature_values", (*first, *numeric), values),
        "feature_costs.arff": _arff("feature_costs", (*first, (STEP, "NUMERIC")), costs),
        "feature_runstatus.arff": _arff("feature_runstatus", (*first, (STEP, FEATURE_STATUS)), status),
    }


def _feature_names(benchmark: Benchmark) -> list[str]:
    return sorted({name for values in benchmark.features.values() for name in values})


def _folds(names: dict[str, str], seed: int) -> str:
    """Instances in an order that only the seed and their content decide, dealt out to the folds."""
    order = sorted(names, key=lambda instance: hashlib.sha256(f"{seed}/{instance}".encode()).digest())
    count = min(FOLDS, len(order))
    rows = [[_quoted(names[instance]), "1", str(i % count + 1)] for i, instance in enumerate(order)]
    return _arff("cv", (("instance_id", "STRING"), ("repetition", "NUMERIC"), ("fold", "NUMERIC")), rows)


def _arff(relation: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    head = "\n".join(f"@ATTRIBUTE {name} {kind}" for name, kind in columns)
    return f"@RELATION {relation}\n\n{head}\n\n@DATA\n" + "".join(f"{','.join(row)}\n" for row in rows)


def _value(value: float | None) -> str:
    return "?" if value is None else repr(value)


def _quoted(name: str) -> str:
    """A name as ARFF and YAML take it: plain where it is a word, else in single quotes without what those cannot hold."""
    if name and name.replace("_", "a").replace("-", "a").replace(".", "a").isalnum() and name.isascii() and not name[0].isdigit() and name[0] not in "-.":  # fmt: skip
        return name
    return "'" + "".join(c for c in name if c.isprintable() and c not in "'\"\\") + "'"
