"""`mezan bench list`, `report` and `compare`: benchmarks read from the log."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mezan.api.views.times import when
from mezan.engine.grids import Benchmark, benchmark_of, names_of
from mezan.solvers.errors import BadInput

from .errors import CHECK_FAILED, DONE
from .output import ago, clean, console, emit, notice, seconds, table
from .reading import opened

if TYPE_CHECKING:
    from mezan.api.bench.measures import Measures

Json = dict[str, Any]
MAX_BASELINE = 512 * 2**20
MEASURES = ("gap", "time")
STYLES = {"same": "dim", "better": "green", "worse": "red", "not repeated": "red"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The options of a report."""

    name: str
    target: float
    html: str | None
    csv: str | None
    parquet: str | None
    aslib: str | None
    measure: str

    def check(self) -> None:
        """Raise BadInput for the first that breaks a rule."""
        if not 0 <= self.target < float("inf"):
            raise BadInput(f"--target must be a gap in percent, 0 or more; got {self.target:g}")
        if self.measure not in MEASURES:
            raise BadInput(f"--measure must be one of {', '.join(MEASURES)}; got {self.measure[:40]!r}")


async def list_benchmarks(db: str, as_json: bool) -> int:
    """The benchmarks of a log, the newest first."""
    async with opened(db) as store:
        found = [await benchmark_of(store, name) for name in reversed(await names_of(store))]
    if as_json:
        emit([_about(benchmark) for benchmark in found])
        return DONE
    if not found:
        notice("no benchmarks; make one with `mezan bench run`")
        return DONE
    from rich.text import Text

    figures = ("solvers", "instances", "seeds", "cells", "failed", "time")
    shown = table("benchmark", "state", "family", *figures, "when", right=figures)
    for each in found:
        about = _about(each)
        closed = each.closed is not None
        shown.add_row(
            Text(each.name, "cyan"),
            Text("finished" if closed else "open", "green" if closed else "yellow"),
            clean(about["family"]),
            *(str(about[name]) for name in ("solvers", "instances", "seeds")),
            f"{about['done']}/{about['cells']}",
            str(about["failures"]),
            seconds(about["seconds"]),
            ago(each.opened_at),
        )
    console().print(shown)
    return DONE


def _about(benchmark: Benchmark) -> Json:
    opened_as, counts = benchmark.opened, benchmark.counts
    failures = counts.get("failed", 0) + counts.get("timeout", 0)
    return {
        "name": benchmark.name,
        "closed": benchmark.closed is not None,
        "family": opened_as.family,
        "solvers": len(opened_as.solvers),
        "instances": len(opened_as.instances),
        "seeds": len(opened_as.seeds),
        "time_limit": opened_as.budget.time_limit,
        "iterations": opened_as.budget.iterations,
        "cells": len(benchmark.cells) - counts.get("refused", 0),
        "done": counts.get("ok", 0) + failures,
        "failures": failures,
        "refused": counts.get("refused", 0),
        "seconds": benchmark.closed.seconds if benchmark.closed is not None else None,
        "opened_at": when(benchmark.opened_at),
    }


def print_outcome(benchmark: Benchmark, *, as_json: bool) -> None:
    """What `bench run` ends with: the figures, and a row per solver."""
    from mezan.api.bench.measures import Measures
    from mezan.api.bench.summary import rows

    found = rows(Measures(benchmark))
    if as_json:
        emit({**_about(benchmark), "results": found})
        return
    if benchmark.closed is None:
        notice(f"cells are left; go on with: mezan bench run --name {benchmark.name}")
    _print_rows(found, benchmark.name)


async def report(db: str, wanted: Wanted, as_json: bool) -> int:
    """Print a benchmark's figures and write the files that were asked for."""
    wanted.check()
    async with opened(db) as store:
        benchmark = await benchmark_of(store, wanted.name)
    from mezan.api.bench.measures import Measures
    from mezan.api.bench.page import jobs_of
    from mezan.api.bench.summary import report as summarised

    found = summarised(benchmark, target=wanted.target)
    _write(Measures(benchmark, wanted.target), found, wanted)
    if as_json:
        emit(found)
        return DONE
    counts = ", ".join(f"{count} {status}" for status, count in found["cells"].items())
    state = "" if found["closed"] else " (not finished)"
    _print_rows(found["solvers"], f"{benchmark.name}{state}: {counts}")
    if (jobs := jobs_of(found["benchmark"])) > 1:
        notice(f"up to {jobs} cells ran at a time: their times tell less")
    _print_tests(found["tests"])
    return DONE


def _write(measures: "Measures", found: Json, wanted: Wanted) -> None:
    from mezan.api.bench.cells import csv_text, write_parquet
    from mezan.api.bench.page import page
    from mezan.api.bench.scenario import write_scenario

    try:
        if wanted.html is not None:
            Path(wanted.html).write_text(page(found), encoding="utf-8")
        if wanted.csv is not None:
            Path(wanted.csv).write_text(csv_text(measures), encoding="utf-8")
        if wanted.parquet is not None:
            write_parquet(measures, Path(wanted.parquet))
        if wanted.aslib is not None:
            write_scenario(measures, Path(wanted.aslib), "time" if wanted.measure == "time" else "gap")
    except OSError as error:
        raise BadInput(
            f"a report must be written to a file that can be made; {error.filename}: {error.strerror}"
        ) from error
    for file in (wanted.html, wanted.csv, wanted.parquet, wanted.aslib):
        if file is not None:
            notice(f"wrote {file}")


def _print_rows(rows: list[Json], title: str) -> None:
    figures = ("rank", "solved", "best", "wins", "mean gap", "median", "PAR10", "time", "failed", "refused")
    shown = table("solver", *figures, right=figures, title=clean(title))
    for row in rows:
        shown.add_row(
            row["solver"],
            _figure(row["mean_rank"], ".2f"),
            f"{row['solved']}/{row['cells']}",
            str(row["best"]),
            str(row["wins"]),
            _figure(row["mean_gap"], ".3f", " %"),
            _figure(row["median_gap"], ".3f", " %"),
            _figure(row["par10"], ".3g"),
            seconds(row["seconds"]),
            str(row["failures"] + row["timeouts"]),
            str(row["refused"]),
        )
    console().print(shown)


def _print_tests(tests: Json) -> None:
    found = tests["friedman"]
    if found is None:
        notice("two solvers on two instances are needed for tests")
        return
    console().print(
        f"\nFriedman over {tests['instances']} instances: chi² {found['chi2']:.2f}, p {found['p']:.3g};"
        f" critical difference of ranks {found['critical_difference']:.2f}"
    )
    for group in found["groups"]:
        console().print(f"not told apart: {clean(', '.join(group))}")
    if tests["left_out"]:
        console().print(f"not ranked, because they refused an instance: {clean(', '.join(tests['left_out']))}")
    clear = [pair for pair in tests["wilcoxon"] if pair["holm"] <= tests["alpha"]]
    for pair in clear:
        better, worse = (pair["first"], pair["second"]) if pair["effect"] < 0 else (pair["second"], pair["first"])
        console().print(f"{better} is better than {worse} (Wilcoxon, p {pair['holm']:.2g} after Holm)")


def _figure(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


async def compare(
    db: str, name: str, earlier: str | None, baseline: str | None, limits: tuple[float, float, float], as_json: bool
) -> int:
    """Print what changed; a solver that got worse is exit code 1."""
    from mezan.api.bench.drift import Limits
    from mezan.api.bench.drift import compare as compared
    from mezan.solvers.catalog import Catalog

    Limits(*limits).check()
    if (earlier is None) == (baseline is None):
        raise BadInput("a benchmark must be compared with one other: name EARLIER, or give --baseline FILE")
    kept = None if baseline is None else read_baseline(baseline)
    async with opened(db) as store:
        now = await benchmark_of(store, name)
        before = kept if kept is not None else await benchmark_of(store, str(earlier))
    unrepeatable = {s.name for family in Catalog.default() for s in family.solvers if not s.repeatable}
    found = compared(before, now, Limits(*limits), unrepeatable)
    if as_json:
        emit(found)
    else:
        _print_comparison(found)
    return CHECK_FAILED if found["worse"] else DONE


def read_baseline(file: str) -> Benchmark:
    """The benchmark in a document that `bench report --json` printed; raises BadInput for anything else."""
    import orjson
    from pydantic import ValidationError

    try:
        path = Path(file)
        if path.stat().st_size > MAX_BASELINE:
            raise BadInput(f"a baseline must be at most {MAX_BASELINE} bytes long; {file} is longer")
        document = orjson.loads(path.read_bytes())
        return Benchmark.model_validate(document["benchmark"])
    except OSError as error:
        raise BadInput(f"a baseline must be a readable file; {file}: {error.strerror}") from error
    except (orjson.JSONDecodeError, ValidationError, KeyError, TypeError, IndexError) as error:
        why = f"{error.error_count()} values do not fit" if isinstance(error, ValidationError) else str(error)[:100]
        raise BadInput(f"a baseline must be what `mezan bench report --json` prints; {file} is not: {why}") from error


def _print_comparison(found: Json) -> None:
    from rich.text import Text

    figures = ("cells", "objective", "p", "time", "p ", "failed")
    title = f"{found['now']} against {found['before']}: {found['cells']} cells in common"
    shown = table("solver", "verdict", *figures, "why", right=figures, title=clean(title))
    for row in found["solvers"]:
        shown.add_row(
            row["solver"],
            Text(row["verdict"], STYLES[row["verdict"]]),
            str(row["cells"]),
            f"{row['objective']['mean_change']:+.3f} %",
            f"{row['objective']['holm']:.2g}",
            _figure(row["time"]["median_ratio"], ".2f", "x"),
            f"{row['time']['holm']:.2g}",
            f"{row['failures']['before']} -> {row['failures']['now']}",
            clean("; ".join(row["reasons"])),
        )
    console().print(shown)
    for row in found["solvers"]:
        for cell in row["differing"]:
            a, b = cell["objective"]["before"], cell["objective"]["now"]
            console().print(
                clean(f"differs: {row['solver']} on {cell['instance']}, seed {cell['seed']}: {a!r} before, {b!r} now")
            )
    for which, count in found["environments"].items():
        if count > 1:
            name = found[which]
            console().print(
                clean(f"environment: the cells of {name} were run in {count} environments; the first is compared")
            )
    for change in found["environment"]:
        console().print(clean(f"environment: {change['name']} was {change['before']}, is {change['now']}"))
