"""Past results in a CSV file, one row per outcome.

Columns, in any order: ``instance`` and ``solver``; ``objective``, ``seconds`` and ``status`` as far as they are known; ``budget``
(or ``cutoff``), the seconds that the solver was allowed; ``version``; ``seed``, which tells repetitions apart and is not
kept; and ``feature:NAME``, a number per instance, where an empty cell is a missing value.

With an ``objective`` column the loss is the relative distance to the best objective of the instance in the file; a row
without a number has no result. Without that column the file is about running time: ``seconds`` is needed, a budget too, and
the loss is PAR10 over its worst. ``status`` is ok, timeout or failed (every other word counts as failed); where it is not
said, a row with a result is ok, one that used up its budget timed out, and any other failed.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from ...problem import Sense
from .results import (
    MAX_NAME,
    UNVERSIONED,
    BadResults,
    PastOutcome,
    PastResults,
    Status,
    qualified,
    runtime_loss,
    with_quality_losses,
    without_gaps,
)

MAX_BYTES = 128 * 2**20
MAX_ROWS = 1_000_000
MAX_FEATURES = 1_000
FEATURE = "feature:"
KNOWN = frozenset({"instance", "solver", "objective", "seconds", "status", "budget", "cutoff", "version", "seed"})
FORM = "instance,solver,objective,seconds,status,budget,version,seed,feature:NAME,..."

WORDS: dict[str, Status] = {"ok": "ok", "timeout": "timeout", "failed": "failed"}

Row = dict[str, str]


def read(
    path: Path,
    *,
    family: str | None = None,
    sense: Sense = "min",
    source: str | None = None,
    budget: float | None = None,
) -> PastResults:
    """The results in a file.

    Args:
        path: a CSV file in UTF-8 with a header.
        family: whose solvers these are; default: the file's name without its ending.
        sense: whether low objectives are good.
        source: where the results are from, as events will say; default: the file's name.
        budget: seconds allowed, for rows that do not say; default: the longest ``seconds`` of a file with objectives.

    Raises:
        BadResults: the file breaks the form; the message names the line.
    """
    family = name_of(path.stem if family is None else family, "a family")
    lines = list(_lines(path))
    if not lines:
        raise BadResults(f"past results must have a row after the header; {path.name} has none")
    quality = "objective" in lines[0][1]
    if not quality and "seconds" not in lines[0][1]:
        raise BadResults(f"past results must have a column objective or seconds; {path.name} has neither: {FORM}")
    if budget is not None and not 0 < budget < float("inf"):
        raise BadResults(f"the seconds allowed must be a positive number; got {budget}")
    if budget is None and quality:
        budget = max((_number(row, "seconds", n) or 0.0 for n, row in lines), default=0.0) or 1.0
    outcomes = [_outcome(row, n, family, budget, quality=quality) for n, row in lines]
    features = _features(lines)
    instances = dict.fromkeys(outcome.instance for outcome in outcomes)
    return PastResults(
        family,
        sense if quality else "min",
        path.name if source is None else name_of(source, "a source"),
        with_quality_losses(outcomes, sense) if quality else outcomes,
        without_gaps(features, instances) if any(features.values()) else {},
    )


def name_of(text: str, what: str) -> str:
    """A name that can be stored and printed on a line; raises BadResults."""
    if not 0 < len(text) <= MAX_NAME or not text.isprintable() or text != text.strip():
        raise BadResults(f"{what} must be named by 1 to {MAX_NAME} printable characters; got {text[:40]!r}")
    return text


def _lines(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        if not S_ISREG((kind := path.stat()).st_mode):
            raise BadResults(f"past results must be in a file; {path} is none")
        if kind.st_size > MAX_BYTES:
            raise BadResults(f"a file of past results must be at most {MAX_BYTES} bytes long; {path.name} is longer")
        with path.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            header = _header(next(reader, []), path.name)
            for count, cells in enumerate(reader, 1):
                if count > MAX_ROWS:
                    raise BadResults(f"a file of past results must have at most {MAX_ROWS} rows; {path.name} has more")
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise BadResults(
                        f"line {reader.line_num}: a row must have the header's {len(header)} cells; got {len(cells)}"
                    )
                yield reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))
    except OSError as error:
        raise BadResults(f"past results must be in a readable file; {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadResults(f"past results must be plain text (UTF-8); {path.name} is not: {error.reason}") from error
    except csv.Error as error:
        raise BadResults(f"past results must be CSV; {path.name}: {error}") from error


def _header(cells: Sequence[str], name: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    if missing := [column for column in ("instance", "solver") if column not in header]:
        raise BadResults(
            f"past results need the columns instance and solver; {name} lacks {', '.join(missing)}: {FORM}"
        )
    if len(set(header)) != len(header):
        raise BadResults(f"every column must have a name of its own; {name} repeats one")
    unknown = [column for column in header if column not in KNOWN and not column.startswith(FEATURE)]
    if unknown:
        raise BadResults(f"a column must be one of {FORM}; {name} has {unknown[0][:40]!r}: rename it or leave it out")
    if {"budget", "cutoff"} <= set(header):
        raise BadResults(f"budget and cutoff are the same; {name} has both: leave one out")
    for column in header:
        if column.startswith(FEATURE):
            name_of(column.removeprefix(FEATURE), "a feature")
    if sum(column.startswith(FEATURE) for column in header) > MAX_FEATURES:
        raise BadResults(f"past results may have at most {MAX_FEATURES} features; {name} has more")
    return header


def _outcome(row: Row, line: int, family: str, budget: float | None, *, quality: bool) -> PastOutcome:
    objective, seconds = _number(row, "objective", line), _number(row, "seconds", line)
    allowed = _number(row, "budget", line) or _number(row, "cutoff", line) or budget
    if allowed is None or allowed <= 0 or (seconds or 0.0) < 0:
        raise BadResults(
            f"line {line}: seconds must not be negative, and the seconds allowed must be positive; got "
            f"{'none allowed: add a column budget, or --budget' if allowed is None else f'{seconds} of {allowed}'}"
        )
    solved = objective is not None if quality else seconds is not None and seconds < allowed
    said = row.get("status", "").lower()
    status: Status = "ok" if solved else "timeout" if seconds is not None and seconds >= allowed else "failed"
    if said:
        status = WORDS.get(said, "failed")
    if status == "ok" and not solved:
        lacks = "an objective" if quality else "seconds below its budget"
        raise BadResults(f"line {line}: a row whose status is ok must have {lacks}")
    used = allowed if seconds is None and status == "timeout" else seconds or 0.0
    return PastOutcome(
        instance=name_of(row["instance"], f"line {line}: an instance"),
        solver=qualified(family, name_of(row["solver"], f"line {line}: a solver")),
        budget=allowed,
        status=status,
        objective=None if status != "ok" else objective if quality else used,
        seconds=used,
        loss=1.0 if quality else runtime_loss(status, used, allowed),
        version=name_of(row.get("version") or UNVERSIONED, f"line {line}: a version"),
    )


def _number(row: Row, column: str, line: int) -> float | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise BadResults(f"line {line}: {column} must be a finite number, or empty; got {text[:40]!r}")
    return value


def _features(lines: Sequence[tuple[int, Row]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    columns = [column for column in lines[0][1] if column.startswith(FEATURE)]
    for line, row in lines if columns else ():
        own = found.setdefault(row["instance"], {})
        for column in columns:
            if (value := _number(row, column, line)) is not None:
                name = column.removeprefix(FEATURE)
                if own.setdefault(name, value) != value:
                    raise BadResults(
                        f"line {line}: an instance must have one value of each feature; {row['instance'][:40]!r} has "
                        f"{own[name]:g} and {value:g} of {name}"
                    )
    return found
