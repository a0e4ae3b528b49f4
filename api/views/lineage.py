"""What caused a run, and what it caused."""

from collections.abc import Sequence
from typing import Any

from mezan.engine.endings import rated
from mezan.engine.log import EventLog, Recorded

Json = dict[str, Any]
AHEAD = 1_500
"""Later requests, starts and results among which consequences are looked for."""
SHOWN = 20


def causes(history: Sequence[Recorded]) -> list[Json]:
    """Who asked, within what, on whose account, and which earlier results were handed over: ``what``, ``run`` or ``text``."""
    first = history[0]
    found: list[Json] = [{"what": "asked for by", "text": first.actor}]
    if (within := first.data["within"]) is not None:
        found.append({"what": f"a {first.data['purpose']} run within", "stream": within})
    elif first.data["purpose"] != "request":
        found.append({"what": "purpose", "text": first.data["purpose"]})
    if first.correlation != first.stream:
        found.append({"what": "on account of", "stream": first.correlation})
    if first.causation is not None:
        found.append({"what": "caused by event", "text": first.causation, "stream": first.causation.partition("@")[0]})
    seen = set()
    for recorded in history:
        data = recorded.data
        if recorded.type == "AttemptStarted" and (seed := data["seeded_from"]) is not None and seed["run"] not in seen:
            seen.add(seed["run"])
            found.append({"what": "started from the result of", "stream": seed["run"], "objective": seed["objective"], "position": recorded.position})  # fmt: skip
        elif recorded.type == "RunAdopted":
            found.append({"what": "taken over from a lost worker", "text": data["lost_worker"], "position": recorded.position})  # fmt: skip
        elif recorded.type == "SolverChosen" and data["experiment"] is not None and data["experiment"] not in seen:
            seen.add(data["experiment"])
            found.append({"what": f"assigned to arm {data['arm']} of A/B test", "text": data["experiment"], "position": recorded.position})  # fmt: skip
    return found


async def effects(log: EventLog, history: Sequence[Recorded], upto: int | None) -> tuple[list[Json], bool]:
    """Later runs within it, those that started from its results, and the next results that its own were rated against.

    The second value says whether the look ahead ended before the log (or ``upto``) did.
    """
    run = history[0].stream
    types = ("RunRequested", "AttemptStarted", "AttemptSucceeded")
    later = await log.read(after=history[0].position, upto=upto, types=types, limit=AHEAD)
    mine = {
        (r.data["instance"], r.data["solver"], repr(r.data["budget"])): r
        for r in history
        if r.type == "AttemptSucceeded" and rated(r.type, r.data)
    }
    instances = {instance for instance, _, _ in mine}
    found: list[Json] = []
    met: set[str] = set()
    for recorded in later:
        if recorded.stream == run:
            continue
        if recorded.type == "AttemptSucceeded":
            if any(instance in recorded.payload for instance in instances):
                _met(recorded, mine, met, found)
        elif run in recorded.payload or recorded.correlation == run:
            data = recorded.data
            about: Json = {"stream": recorded.stream, "position": recorded.position}
            if recorded.type == "RunRequested":
                found.append(about | {"what": f"{data['purpose']} run", "solver": data["solver"]})
            elif (seed := data["seeded_from"]) is not None and seed["run"] == run:
                found.append(about | {"what": "started from its result", "solver": data["solver"], "objective": seed["objective"]})  # fmt: skip
    return found[:SHOWN], len(later) == AHEAD or len(found) > SHOWN


def _met(recorded: Recorded, mine: dict[tuple[str, str, str], Recorded], met: set[str], found: list[Json]) -> None:
    """The first later result of another solver on the same instance under the same budget: a rated game with one of ours."""
    data = recorded.data
    if not rated(recorded.type, data):
        return
    for (instance, solver, budget), own in mine.items():
        again = f"{instance}/{solver}/{budget}"
        same = data["instance"] == instance and repr(data["budget"]) == budget
        if again in met or not same or recorded.position < own.position:
            continue
        if data["solver"] == solver:  # its later result is what others meet from then on
            met.add(again)
            continue
        met.add(again)
        found.append(
            {
                "what": f"rated against {solver}'s result here",
                "stream": recorded.stream,
                "position": recorded.position,
                "solver": data["solver"],
                "objective": data["objective"],
            }
        )
