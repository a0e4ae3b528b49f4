"""Who uses how much: runs under way, and solver seconds per UTC day, by actor."""

from dataclasses import dataclass, field

from mezan.engine.events import TERMINAL
from mezan.engine.log import Recorded

from .canonical import dumps, loads

DAY = 86_400_000_000
"""Microseconds."""
DAYS = 35
"""How many days of seconds are kept."""
ENDS = frozenset({"AttemptSucceeded", "AttemptFailed", "AttemptTimedOut", "AttemptCancelled"})


@dataclass(slots=True)
class Going:
    """A run that has not ended. Times in microseconds.

    Attributes:
        actor: who requested it.
        limit: the most solver time that its tasks may use: the time limit, for each task that is not a pan.
        pans: how many tasks share each second of solving.
        running: per task the start of its attempt, and what the attempts that it resumed had used and were charged.
    """

    actor: str
    limit: int
    pans: int
    running: dict[str, list[int]] = field(default_factory=dict)


@dataclass(slots=True)
class Use:
    """``going`` by run, ``runs`` under way and their ``limits`` together by actor, ``days`` since the epoch to actor to microseconds."""

    going: dict[str, Going] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    days: dict[int, dict[str, int]] = field(default_factory=dict)


class Usage:
    """Runs that somebody asked for, charged to who requested them, whoever carries them on; shadow runs are nobody's.

    An attempt is charged with its wall time on the day of its end: what its event says, less what a success spent on compiling
    kernels, which nobody can foresee; and for a cancelled one the time from its start. The pans of a race share a thread, so each is charged its share. A dead worker's attempt is charged what its
    checkpoint says; the one that resumes it only with what it adds.
    """

    name = "usage"
    version = 1
    handles = frozenset({"RunRequested", "AttemptStarted", "AttemptAbandoned"}) | ENDS | TERMINAL

    def initial(self) -> Use:
        """Nobody uses anything."""
        return Use()

    def apply(self, state: Use, event: Recorded) -> Use:
        """A request, an attempt's start or end, or a run's end."""
        kind = event.type
        key = f"{event.tenant}/{event.stream}"
        if kind == "RunRequested":
            data = event.data
            if data["purpose"] != "shadow":
                pans = max(1, len(data["pans"]))
                limit = round(data["budget"]["time_limit"] * 1e6) * (len(data["tasks"]) - pans + 1)
                state.going[key] = Going(event.actor, limit, pans)
                _add(state.runs, event.actor, 1)
                _add(state.limits, event.actor, limit)
        elif (run := state.going.get(key)) is None:
            return state
        elif kind in TERMINAL:
            del state.going[key]
            _add(state.runs, run.actor, -1)
            _add(state.limits, run.actor, -run.limit)
        elif kind == "AttemptStarted":
            data = event.data
            before = run.running.get(data["task"])
            carried = before[1] if before is not None and data["resumed_from"] is not None else 0
            run.running[data["task"]] = [event.recorded_at, carried]
        else:
            _charge(state, run, kind, event)
        return state

    def dump(self, state: Use) -> bytes:
        """See :class:`Projection`."""
        going = {key: [run.actor, run.limit, run.pans, run.running] for key, run in state.going.items()}
        return dumps({"going": going, "days": sorted(state.days.items())})

    def load(self, content: bytes) -> Use:
        """See :class:`Projection`; what runs use together follows from them."""
        kept = loads(content)
        state = Use({key: Going(*run) for key, run in kept["going"].items()}, days=dict(kept["days"]))
        for run in state.going.values():
            _add(state.runs, run.actor, 1)
            _add(state.limits, run.actor, run.limit)
        return state


def _charge(state: Use, run: Going, kind: str, event: Recorded) -> None:
    data = event.data
    started, carried = run.running.pop(data["task"], (event.recorded_at, 0))
    if kind == "AttemptCancelled":
        used = max(0, event.recorded_at - started)
    else:
        total = round((data["seconds"] - data.get("compile_seconds", 0.0)) * 1e6)
        used = max(0, total - carried)
        if kind == "AttemptAbandoned":
            run.running[data["task"]] = [event.recorded_at, carried + used]
    day = event.recorded_at // DAY
    if (today := state.days.get(day)) is None:
        today = state.days[day] = {}
        for old in [kept for kept in state.days if kept <= day - DAYS]:
            del state.days[old]
    today[run.actor] = today.get(run.actor, 0) + used // run.pans


def _add(counts: dict[str, int], actor: str, change: int) -> None:
    if now := counts.get(actor, 0) + change:
        counts[actor] = now
    else:
        counts.pop(actor, None)
