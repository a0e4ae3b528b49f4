"""How good each solver is after how long: its mean loss at fixed times, per family (an anytime performance profile).

The loss at a time is the relative distance in [0, 1] of the incumbent then to the proved bound, or where there is none to the
best objective known of the instance when the attempt ends; 1 before the first incumbent, and throughout for a failure or timeout.
Every attempt counts at the times up to its time limit, whatever became of it, so that late times are not those of its kind
of ending alone; what it had at its end stays.

Outcomes are those that are rated in the ratings, but for imported ones, which do not say what happened on the way.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from mezan.engine.endings import rated
from mezan.engine.log import Recorded
from mezan.solvers.gaps import behind

from .canonical import dumps, loads

TIMES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
"""Seconds at which profiles are read."""
UNDER_WAY = 1024
INSTANCES = 4096


@dataclass(slots=True)
class Profile:
    """At each of the times, the sum of losses and the number of attempts that count there; ``attempts`` in all."""

    attempts: int = 0
    losses: list[float] = field(default_factory=lambda: [0.0] * len(TIMES))
    counts: list[int] = field(default_factory=lambda: [0] * len(TIMES))

    def means(self) -> list[float | None]:
        """The mean loss at each of the times; None where no attempt counts."""
        return [total / n if n else None for total, n in zip(self.losses, self.counts, strict=True)]


@dataclass(slots=True)
class AnytimeState:
    """Profiles by family and solver; of attempts under way the last incumbent before each time; best objectives by instance."""

    profiles: dict[str, dict[str, Profile]] = field(default_factory=dict)
    under_way: dict[str, list[list[Any]]] = field(default_factory=dict)
    best: OrderedDict[str, float] = field(default_factory=OrderedDict)


class Anytime:
    """See the module. Kept are the last 1,024 attempts under way and the last 4,096 instances."""

    name = "anytime"
    version = 1
    handles = frozenset(
        {
            "IncumbentFound",
            "AttemptSucceeded",
            "AttemptFailed",
            "AttemptTimedOut",
            "AttemptCancelled",
            "AttemptAbandoned",
        }
    )

    def initial(self) -> AnytimeState:
        """No attempts."""
        return AnytimeState()

    def apply(self, state: AnytimeState, event: Recorded) -> AnytimeState:
        """One incumbent, or an attempt's end."""
        data = event.data
        attempt = f"{event.stream}/{data['task']}/{data['attempt']}"
        if event.type == "IncumbentFound":
            _incumbent(state, attempt, data)
            return state
        steps = state.under_way.pop(attempt, None)
        if event.type in {"AttemptCancelled", "AttemptAbandoned"} or not rated(event.type, data):
            return state
        profiles = state.profiles.setdefault(data["family"], {})
        profile = profiles.get(data["solver"])
        if profile is None:
            profile = profiles[data["solver"]] = Profile()
        profile.attempts += 1
        if event.type == "AttemptSucceeded":
            reference, sense = _reference(state, data), data["sense"]
            found = {slot: behind(objective, reference, sense) for slot, objective in steps} if steps else {}
            found[bisect_left(TIMES, data["seconds"])] = behind(data["objective"], reference, sense)
            _count(profile, found, data)
        else:
            _count(profile, {}, data)
        return state

    def dump(self, state: AnytimeState) -> bytes:
        """See :class:`Projection`; lists where the order decides what is forgotten first."""
        profiles = {
            family: {solver: [one.attempts, one.losses, one.counts] for solver, one in solvers.items()}
            for family, solvers in state.profiles.items()
        }
        return dumps(
            {"profiles": profiles, "under_way": list(state.under_way.items()), "best": list(state.best.items())}
        )

    def load(self, content: bytes) -> AnytimeState:
        """See :class:`Projection`."""
        kept = loads(content)
        profiles = {
            family: {solver: Profile(*figures) for solver, figures in solvers.items()}
            for family, solvers in kept["profiles"].items()
        }
        return AnytimeState(profiles, dict(kept["under_way"]), OrderedDict(kept["best"]))


def _incumbent(state: AnytimeState, attempt: str, data: dict[str, Any]) -> None:
    slot = bisect_left(TIMES, data["seconds"])
    steps = state.under_way.get(attempt)
    if steps is None:
        steps = state.under_way[attempt] = []
        if len(state.under_way) > UNDER_WAY:
            del state.under_way[next(iter(state.under_way))]
    if steps and steps[-1][0] == slot:
        steps[-1][1] = data["objective"]
    else:
        steps.append([slot, data["objective"]])


def _reference(state: AnytimeState, data: dict[str, Any]) -> float:
    """The proved bound, else the best objective of the instance, which this one may be."""
    instance, objective = data["instance"], data["objective"]
    known = state.best.pop(instance, objective)
    best: float = min(known, objective) if data["sense"] == "min" else max(known, objective)
    state.best[instance] = best
    if len(state.best) > INSTANCES:
        state.best.popitem(last=False)
    return float(data["bound"]["value"]) if data["bound"] else best


def _count(profile: Profile, found: dict[int, float], data: dict[str, Any]) -> None:
    """One attempt, with its losses by the first of the times that sees them."""
    end = max(data["seconds"], data["budget"]["time_limit"])
    losses, counts, now = profile.losses, profile.counts, 1.0
    for i in range(bisect_right(TIMES, end)):
        if i in found:
            now = found[i]
        losses[i] += now
        counts[i] += 1
