"""`mezan bench aslib`: policies on ASlib scenarios."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mezan.solvers.errors import BadInput

from .errors import DONE
from .output import clean, console, emit, table
from .progress import bar

Json = dict[str, Any]


def aslib(directory: str, policy: str, *, seed: int, as_json: bool) -> int:
    """One line for each scenario and policy, and their means."""
    from mezan.api.bench.aslib import cross_validate
    from mezan.api.bench.selectors import SELECTORS, selector
    from mezan.solvers.selection.past.aslib import is_scenario, read_scenario

    policies = list(SELECTORS) if policy == "all" else [policy]
    makers = {name: selector(name) for name in policies}
    folder = Path(directory)
    found = [folder] if is_scenario(folder) else sorted(p for p in _entries(folder) if is_scenario(p))
    if not found:
        msg = f"DIR must be an ASlib scenario or a folder of them; {directory} has no folder with description.txt and algorithm_runs.arff"
        raise BadInput(msg)
    rows: list[Json] = []
    for path in found:
        scenario = read_scenario(path)
        for name, make in makers.items():
            if name == "pairwise" and len(scenario.algorithms) > 12 and len(makers) > 1:
                continue  # asked for by name it is an error
            with bar(f"{scenario.name} {name}") as progress:
                result = cross_validate(scenario, name, make, seed=seed, progress=progress)
            row = {key: None if value != value else value for key, value in asdict(result).items()}  # noqa: PLR0124 - NaN
            rows.append(row)
            if as_json:
                emit(row)
    if not as_json:
        _show(rows, policies)
    return DONE


def _entries(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        msg = f"DIR must be a readable folder; {folder}: {error.strerror}"
        raise BadInput(msg) from None


def _show(rows: list[Json], policies: list[str]) -> None:
    figures = (
        "instances",
        "solvers",
        "gap closed",
        "PAR10",
        "single best",
        "virtual best",
        "solved | solvable",
        "CPU s",
    )
    shown = table("scenario", "policy", *figures, right=figures)
    for row in rows:
        shown.add_row(
            clean(row["scenario"]),
            row["policy"],
            str(row["instances"]),
            str(row["algorithms"]),
            _figure(row["gap_closed"], 3),
            *(f"{row[name]:.6g}" for name in ("par10", "par10_single_best", "par10_virtual_best")),
            _figure(row["solved_given_solvable"], 3),
            f"{row['seconds']:.1f}",
        )
    console().print(shown)
    if len(rows) > len(policies):
        for name in policies:
            gaps = [row["gap_closed"] for row in rows if row["policy"] == name and row["gap_closed"] is not None]
            if gaps:
                console().print(f"{name}: mean gap closed {math.fsum(gaps) / len(gaps):.3f}, least {min(gaps):.3f}")


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
