"""Timing, medians, and one JSON line per figure in ``benchmarks/results``."""

import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SHARED = HERE.parent.parent / "shared" / "data"


@contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder on a real disk (beside the checkout, not in memory)."""
    path = Path(tempfile.mkdtemp(prefix=".bench-", dir=os.environ.get("MEZAN_BENCH_DIR", HERE.parent)))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Clock:
    """Wall and CPU seconds (all threads of this process) of a block."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


def percentile(values: Sequence[float], q: float) -> float:
    """The q-quantile by rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def machine() -> str:
    """What it ran on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"


def report(bench: str, rows: Sequence[dict[str, object]]) -> None:
    """Print a table and keep it as ``results/<bench>.json``."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{bench}.json").write_text(json.dumps({"machine": machine(), "rows": list(rows)}, indent=1) + "\n")
    print(f"\n{bench}  ({machine()})")
    for row in rows:
        print(
            "  "
            + "  ".join(
                f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items()
            )
        )
