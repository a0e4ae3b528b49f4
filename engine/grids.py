"""What the log holds of a benchmark: its grid, and the outcome of every cell, folded from its stream and its runs.

A cell is one solver on one instance with one seed. It is tried again when a try was cut off (cancelled, or its worker
died), because what went on elsewhere has neither the time nor, without a checkpoint, the randomness of an undisturbed run.
"""

import re
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

import anyio.to_thread

from mezan.solvers.catalog import unknown
from mezan.solvers.errors import BadInput

from .events import (
    BenchmarkClosed,
    BenchmarkOpened,
    BenchmarkResumed,
    EnvironmentSpec,
    GridInstance,
    Json,
    Part,
)
from .log import EventLog, Recorded
from .streams import whole_stream

PREFIX = "benchmark/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
PAGE = 500
"""Events that are folded at a time: less than twenty milliseconds of the event loop."""
OF_RUNS = frozenset(
    {
        "RunRequested", "ProblemProfiled", "AttemptStarted", "IncumbentFound", "AttemptSucceeded", "AttemptFailed",
        "AttemptTimedOut", "AttemptAbandoned", "RunCompleted", "RunFailed", "RunCancelled",
    }
)  # fmt: skip

Status = Literal["ok", "timeout", "failed", "refused", "interrupted", "running", "missing"]
DONE: Collection[Status] = frozenset({"ok", "timeout", "failed"})


class Key(NamedTuple):
    """Which cell; ``instance`` is the SHA-256."""

    solver: str
    instance: str
    seed: int


class Moment(NamedTuple):
    """A better solution found: after so many seconds of solving (without compilation) and iterations."""

    seconds: float
    objective: float
    iterations: int


class Cell(Part):
    """The outcome of a cell, of its last undisturbed try; ``tries`` counts them all.

    ``seconds`` is the wall time of the attempt with ``compile_seconds`` in it; ``course`` leaves those out. ``solution`` is a
    SHA-256. A refused or missing cell has no run.
    """

    solver: str
    instance: str
    seed: int
    status: Status
    run: str | None = None
    tries: int = 0
    version: str | None = None
    objective: float | None = None
    solution: str | None = None
    loss: float | None = None
    bound: float | None = None
    proved_optimal: bool = False
    stopped: str | None = None
    iterations: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    error: str | None = None
    message: str | None = None
    course: tuple[Moment, ...] = ()

    @property
    def key(self) -> Key:
        """Which cell."""
        return Key(self.solver, self.instance, self.seed)

    @property
    def solving(self) -> float:
        """Seconds without compilation."""
        return max(0.0, self.seconds - self.compile_seconds)


class Benchmark(Part):
    """A benchmark as of some moment: ``closed`` is None while cells are left. ``profile_seconds`` are those that features took."""

    opened: BenchmarkOpened
    opened_at: int
    resumed: tuple[BenchmarkResumed, ...] = ()
    closed: BenchmarkClosed | None = None
    version: int
    cells: tuple[Cell, ...]
    features: dict[str, dict[str, float]]
    profile_seconds: dict[str, float]

    @property
    def name(self) -> str:
        """Its name."""
        return self.opened.name

    @property
    def stream(self) -> str:
        """The stream of its own events, which its runs are within."""
        return stream_of(self.opened.name)

    @property
    def environments(self) -> tuple[EnvironmentSpec, ...]:
        """Those of all processes that ran its cells, without repetition."""
        found = [self.opened.environment, *(event.environment for event in self.resumed)]
        return tuple(spec for i, spec in enumerate(found) if spec not in found[:i])

    @property
    def instances(self) -> dict[str, GridInstance]:
        """Instances by SHA-256."""
        return {each.instance: each for each in self.opened.instances}

    @property
    def solvers(self) -> tuple[str, ...]:
        """Names, in the grid's order."""
        return tuple(each.solver for each in self.opened.solvers)

    @property
    def counts(self) -> dict[str, int]:
        """Cells by status."""
        statuses = [cell.status for cell in self.cells]
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}


def stream_of(name: str) -> str:
    """The stream of a benchmark; raises BadInput for a name that cannot be one."""
    if not NAME.fullmatch(name):
        msg = f"a benchmark's name must be 1 to 80 letters, digits, dots, dashes or underscores; got {name[:100]!r}"
        raise BadInput(msg)
    return PREFIX + name


def keys_of(opened: BenchmarkOpened) -> Iterator[Key]:
    """The cells to run, in their order: solvers change fastest, so that a machine that slows down slows them alike."""
    refused = {(refusal.solver, refusal.instance) for refusal in opened.refused}
    for each in opened.instances:
        for seed in opened.seeds:
            for entry in opened.solvers:
                if (entry.solver, each.instance) not in refused:
                    yield Key(entry.solver, each.instance, seed)


async def names_of(log: EventLog) -> list[str]:
    """The benchmarks of a log, the oldest first."""
    names: list[str] = []
    after = 0
    while page := await log.read(after=after, types=["BenchmarkOpened"], limit=PAGE):
        names += [recorded.data["name"] for recorded in page]
        after = page[-1].position
    return names


async def benchmark_of(log: EventLog, name: str) -> Benchmark:
    """A benchmark by its name, or the ``last`` one; raises BadInput when there is none."""
    if name == "last":
        newest = await log.read(types=["BenchmarkOpened"], limit=1, backwards=True)
        if not newest:
            raise BadInput("`last` must name the latest benchmark; this database has none: make one with `bench run`")
        name = newest[0].data["name"]
    own = await whole_stream(log, stream_of(name))
    if not own:
        raise (
            unknown("benchmark", name, names)
            if (names := await names_of(log))
            else BadInput(f"a benchmark must be named; this database has none called {name!r}, nor any other")
        )
    fold = Fold(own)
    after, upto = own[0].position, fold.end
    while page := await log.read(after=after, upto=upto, types=OF_RUNS, limit=PAGE):
        for recorded in page:
            fold.apply(recorded)
        after = page[-1].position
    return await anyio.to_thread.run_sync(fold.benchmark)


class Fold:
    """Folds a benchmark's runs, given all events of its own stream."""

    def __init__(self, own: list[Recorded]) -> None:
        opened = own[0].event
        if not isinstance(opened, BenchmarkOpened):
            msg = f"a benchmark's stream must begin with BenchmarkOpened; {own[0].stream} begins with {own[0].type}"
            raise BadInput(msg)
        self._opened, self._opened_at, self._version = opened, own[0].recorded_at, own[-1].version
        self._stream = own[0].stream
        events = [(recorded.event, recorded.position) for recorded in own]
        self._resumed = tuple(event for event, _ in events if isinstance(event, BenchmarkResumed))
        closings = [(event, position) for event, position in events if isinstance(event, BenchmarkClosed)]
        self._closed = closings[-1][0] if closings else None
        self.end = closings[-1][1] if closings else None
        """The position after which nothing belongs to it; None while it is open."""
        self._tries: dict[Key, list[Json]] = {}
        self._runs: dict[str, Json] = {}
        self._features: dict[str, dict[str, float]] = {}
        self._profile_seconds: dict[str, float] = {}

    def apply(self, recorded: Recorded) -> None:
        """One event of any run; those of other runs change nothing."""
        if recorded.type == "RunRequested":
            if self._stream in recorded.payload and recorded.data["within"] == self._stream:
                self._requested(recorded)
        elif (cell := self._runs.get(recorded.stream)) is not None:
            self._event(cell, recorded.type, recorded.data)

    def benchmark(self) -> Benchmark:
        """What was folded."""
        refused = [
            Cell(solver=each.solver, instance=each.instance, seed=seed, status="refused", message=each.why)
            for each in self._opened.refused
            for seed in self._opened.seeds
        ]
        return Benchmark(
            opened=self._opened,
            opened_at=self._opened_at,
            resumed=self._resumed,
            closed=self._closed,
            version=self._version,
            cells=(*(self._cell(key) for key in keys_of(self._opened)), *refused),
            features=self._features,
            profile_seconds=self._profile_seconds,
        )

    def _cell(self, key: Key) -> Cell:
        tries = self._tries.get(key, [])
        if not tries:
            return Cell(**key._asdict(), status="missing")
        last = next((each for each in reversed(tries) if each["status"] in DONE), tries[-1])
        compiled = last["compile_seconds"]
        course = tuple(Moment(max(0.0, at - compiled), value, count) for at, value, count in last["course"])
        return Cell(**last | {"tries": len(tries), "course": course})

    def _requested(self, recorded: Recorded) -> None:
        data = recorded.data
        key = Key(data["solver"], data["tasks"][0]["problem"], data["seed"])
        cell = {
            **key._asdict(), "status": "running", "run": recorded.stream, "course": [], "compile_seconds": 0.0,
        }  # fmt: skip
        self._runs[recorded.stream] = cell
        self._tries.setdefault(key, []).append(cell)

    def _event(self, cell: Json, kind: str, data: Json) -> None:
        match kind:
            case "ProblemProfiled":
                self._features.setdefault(data["instance"], data["features"])
                self._profile_seconds.setdefault(data["instance"], data["seconds"])
            case "AttemptStarted":
                cell["course"] = []
            case "IncumbentFound":
                cell["course"].append((data["seconds"], data["objective"], data["iterations"]))
            case "AttemptAbandoned":
                cell["status"] = "interrupted"
            case "AttemptSucceeded":
                same = (
                    "version", "objective", "solution", "loss", "proved_optimal", "stopped", "iterations", "seconds",
                    "compile_seconds",
                )  # fmt: skip
                cell.update({name: data[name] for name in same})
                cell["bound"] = data["bound"]["value"] if data["bound"] else None
                if not cell["course"] or cell["course"][-1][1] != data["objective"]:
                    cell["course"].append((data["seconds"], data["objective"], data["iterations"]))
            case "AttemptFailed":
                cell.update({name: data[name] for name in ("version", "seconds", "error", "message")})
            case "AttemptTimedOut":
                cell.update(version=data["version"], seconds=data["seconds"], error="timed-out")
            case _:
                self._over(cell, kind, data)

    def _over(self, cell: Json, kind: str, data: Json) -> None:
        if cell["status"] == "interrupted":
            return
        if kind == "RunCompleted":
            cell["status"] = "ok"
        elif kind == "RunCancelled":
            cell["status"], cell["message"] = "interrupted", data["reason"]
        else:
            cell["status"] = "timeout" if cell.get("error") == "timed-out" else "failed"
            cell["error"], cell["message"] = data["error"], data["message"]
