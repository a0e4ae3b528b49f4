"""A benchmark's cells as a table, for CSV and Parquet files."""

import csv
import io
from pathlib import Path
from typing import Any

from mezan.solvers.errors import BadInput

from .measures import Measures

COLUMNS: dict[str, type] = {
    "benchmark": str, "family": str, "solver": str, "version": str, "instance": str, "digest": str, "size": int, "seed": int,
    "status": str, "objective": float, "reference": float, "gap": float, "time_to_target": float, "loss": float, "seconds": float,
    "compile_seconds": float, "iterations": int, "stopped": str, "proved_optimal": bool, "solution": str, "tries": int, "run": str,
    "error": str,
}  # fmt: skip
"""Gaps are in percent, times in seconds; ``time_to_target`` is empty where the target was not reached."""


def rows_of(measures: Measures) -> list[dict[str, Any]]:
    """One row per cell, in the order of the grid; None where there is no value."""
    benchmark = measures.benchmark
    instances = benchmark.instances
    rows = []
    for cell in benchmark.cells:
        about, has_result = instances[cell.instance], cell.status == "ok" and cell.objective is not None
        time = measures.reached(cell, measures.target) if has_result else float("inf")
        derived = {
            "benchmark": benchmark.name,
            "family": benchmark.opened.family,
            "instance": about.label,
            "digest": cell.instance,
            "size": about.size,
            "reference": measures.references[cell.instance],
            "gap": None
            if cell.objective is None or not has_result
            else measures.distance(cell.instance, cell.objective),
            "time_to_target": None if time == float("inf") else time,
        }
        rows.append({name: derived[name] if name in derived else getattr(cell, name) for name in COLUMNS})
    return rows


def csv_text(measures: Measures) -> str:
    """The table as CSV with a header; numbers are written in full."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(measures))
    return out.getvalue()


def write_parquet(measures: Measures, path: Path) -> None:
    """The table as a Parquet file; raises BadInput without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise BadInput(
            'a Parquet file needs pyarrow: pip install "mezan[parquet]", or write CSV, which needs nothing'
        ) from None
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    parquet.write_table(pa.Table.from_pylist(rows_of(measures), schema=schema), path)
