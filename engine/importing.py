"""Past results become events: the instances first, then the outcomes, each once however often an import is begun again.

All of one family and source is one stream. What the stream has already is left out, and each append states the version at which
it looked: an import that was killed goes on where it was, and a table that has grown adds what is new.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio.to_thread

from mezan.solvers.selection.past.results import PastOutcome, PastResults

from . import events as e
from . import faults
from .artifacts import digest_of
from .errors import WrongExpectedVersion
from .log import EventLog, Recorded, Write

PREFIX = "import-"
BATCH = 40
"""Events of one commit: folding them must not hold the event loop for 20 ms."""
PAGE = 1_000
TRIES = 5
"""Times that it looks again after another process has imported the same."""

Progress = Callable[[int, int], None]
ClusterOf = Callable[[str, Mapping[str, float]], str]
"""(family, features) -> cluster, as of now."""


class Follows(Protocol):
    """What folds the log here."""

    async def wait_for(self, position: int) -> None:
        """Return once a position is folded."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added, and how many of its outcomes the log had."""

    stream: str
    family: str
    source: str
    instances: int
    outcomes: int
    known: int


class _Told:
    """What a stream says already: each instance with its features, and how often each outcome."""

    def __init__(self) -> None:
        self.version = 0
        self.instances: dict[str, dict[str, float]] = {}
        self.outcomes: Counter[tuple[Any, ...]] = Counter()

    def add(self, recorded: Recorded) -> None:
        data, self.version = recorded.data, recorded.version
        if recorded.type == "InstanceImported":
            self.instances[data["instance"]] = data["features"]
        elif recorded.type == "OutcomeImported":
            self.outcomes[_identity(data["budget"]["time_limit"], data)] += 1


def stream_of(family: str, source: str) -> str:
    """Where the results of a source are kept."""
    digest = digest_of(f"{family}\n{source}".encode())
    return f"{PREFIX}{digest[:24]}"


async def import_results(
    log: EventLog, follower: Follows, results: PastResults, cluster_of: ClusterOf, progress: Progress | None = None
) -> Imported:
    """Record what the log does not have yet; ``progress`` is called with (recorded, in all).

    Raises:
        StoreError: the database refused; what was recorded before stays, and the same call goes on from there.
    """
    stream = stream_of(results.family, results.source)
    added = Counter[str]()
    for tried in range(TRIES):
        told = await _told(log, stream)
        try:
            await _record(log, follower, results, cluster_of, told, stream, added, progress)
            break
        except WrongExpectedVersion:
            if tried == TRIES - 1:
                raise
    known = len(results.outcomes) - added["outcomes"]
    return Imported(stream, results.family, results.source, added["instances"], added["outcomes"], known)


async def _told(log: EventLog, stream: str) -> _Told:
    told, position = _Told(), 0
    while page := await log.read(stream=stream, after=position, limit=PAGE):
        for recorded in page:
            told.add(recorded)
        position = page[-1].position
    return told


async def _record(
    log: EventLog,
    follower: Follows,
    results: PastResults,
    cluster_of: ClusterOf,
    told: _Told,
    stream: str,
    added: Counter[str],
    progress: Progress | None,
) -> None:
    instances, outcomes = await anyio.to_thread.run_sync(_new, results, told)
    total, done = len(instances) + len(outcomes), 0

    async def append(events: Sequence[e.Event], kind: str) -> int:
        nonlocal done
        landed = await log.append(Write(stream, events, told.version))
        told.version = landed.version
        faults.reach("import.batch")
        done += len(events)
        added[kind] += len(events)
        if progress is not None:
            progress(done, total)
        return landed.last

    position = 0
    for start in range(0, len(instances), BATCH):
        profiled = [_instance(results, name) for name in instances[start : start + BATCH]]
        position = await append(profiled, "instances")
    await follower.wait_for(position)
    for start in range(0, len(outcomes), BATCH):
        ended = [
            _outcome(results, one, cluster_of(results.family, results.features.get(one.instance, {})))
            for one in outcomes[start : start + BATCH]
        ]
        await append(ended, "outcomes")


def _new(results: PastResults, told: _Told) -> tuple[list[str], list[PastOutcome]]:
    """The instances and outcomes that are not told yet; of equal outcomes, as many as there are more of."""
    features = results.features
    instances = [
        name
        for name in results.instances
        if name not in told.instances or told.instances[name] != dict(features.get(name, {}))
    ]
    left, new = Counter(told.outcomes), []
    for one in results.outcomes:
        key = _identity(one.budget, {name: getattr(one, name) for name in IDENTITY})
        if left[key] > 0:
            left[key] -= 1
        else:
            new.append(one)
    return instances, new


IDENTITY = ("instance", "solver", "version", "status", "objective", "seconds")


def _identity(budget: float, data: Mapping[str, Any]) -> tuple[Any, ...]:
    return (budget, *(data[name] for name in IDENTITY))


def _instance(results: PastResults, name: str) -> e.InstanceImported:
    return e.InstanceImported(
        family=results.family,
        instance=name,
        label=name,
        features=dict(results.features.get(name, {})),
        sense=results.sense,
        source=results.source,
    )


def _outcome(results: PastResults, one: PastOutcome, cluster: str) -> e.OutcomeImported:
    return e.OutcomeImported(
        family=results.family,
        instance=one.instance,
        solver=one.solver,
        version=one.version,
        cluster=cluster,
        sense=results.sense,
        budget=e.BudgetSpec(time_limit=one.budget),
        status=one.status,
        objective=one.objective,
        loss=one.loss,
        seconds=one.seconds,
        source=results.source,
    )
