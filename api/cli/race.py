"""A race for people: both pans side by side, and who found what, and told it, when."""

from collections.abc import Sequence
from typing import Any

from mezan.engine.log import Recorded

from .output import clean, console, notice, number, table

Json = dict[str, Any]
ROWS = 16
SHARED = ("task", "source_task", "objective", "iterations", "source_iterations", "seconds")
TOLD = "←"


def shares(history: Sequence[Recorded]) -> list[Json]:
    """What one pan told the other, in order."""
    return [{name: r.data[name] for name in SHARED} for r in history if r.type == "IncumbentShared"]


def verdict(about: Json) -> str:
    """How the pans stand to each other, in a sentence."""
    found = {name: task["objective"] for name, task in about["tasks"].items()}
    values = " : ".join(f"{clean(name)} {number(found[name])}" for name in about["pans"])
    if about["winner"] is not None:
        return f"{values}, won by {clean(about['winner'])}"
    return f"{values}, drawn" if about["status"] == "completed" else values


def print_race(about: Json, history: Sequence[Recorded]) -> None:
    """The pans in columns, and below them the last of what each found and was told."""
    from rich.text import Text

    pans = about["pans"]
    sides = table("", *pans, right=pans)
    tasks = [about["tasks"][name] for name in pans]
    sides.add_row(Text("solver", "dim"), *(task["solver"] or "-" for task in tasks))
    sides.add_row(Text("found itself", "dim"), *(number(task["objective"]) for task in tasks))
    sides.add_row(Text("iterations", "dim"), *(str(task["iterations"] or 0) for task in tasks))
    sides.add_row(Text("stopped by", "dim"), *(task["stopped"] or "-" for task in tasks))
    console().print(sides)
    course = [
        r.data | {"told": r.type == "IncumbentShared"}
        for r in history
        if r.type in {"IncumbentFound", "IncumbentShared"}
    ]
    if not course:
        return
    console().print()
    timeline = table("seconds", *pans, right=("seconds", *pans))
    for data in course[-ROWS:]:
        value = number(data["objective"])
        cell = Text(f"{TOLD} {value}", "dim") if data["told"] else Text(value)
        timeline.add_row(f"{data['seconds']:.2f}", *(cell if name == data["task"] else "" for name in pans))
    console().print(timeline)
    if any(data["told"] for data in course[-ROWS:]):
        notice(f"{TOLD} told by the other pan")
    if len(course) > ROWS:
        notice(f"{len(course) - ROWS} earlier ones with --json")
