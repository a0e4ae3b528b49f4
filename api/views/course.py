"""How a run's objective came down (or up): every attempt's best over seconds or iterations, with the proved bound."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Literal

from mezan.engine.log import Recorded

Json = dict[str, Any]
Axis = Literal["seconds", "iterations"]
Points = list[tuple[float, float]]


def course(history: Sequence[Recorded], axis: Axis) -> Json:
    """``attempts`` (``task``, ``attempt``, ``solver``, ``points``) and ``bounds`` by task, each a list of (x, value) in order of x.

    Seconds count from the start of the first attempt. A bound's points have seconds for x on either axis; a point at an
    attempt's end repeats its best.
    """
    lines: dict[tuple[str, int], Json] = {}
    bounds: dict[str, Points] = {}
    first: int | None = None
    starts: dict[tuple[str, int], float] = {}
    for recorded in history:
        data, kind = recorded.data, recorded.type
        if kind == "ProblemProfiled" and data["bound"] is not None:
            bounds[data["task"]] = [(0.0, data["bound"]["value"])]
        if "attempt" not in data:
            continue
        key = data["task"], data["attempt"]
        if kind == "AttemptStarted":
            first = recorded.recorded_at if first is None else first
            starts[key] = (recorded.recorded_at - first) / 1e6
            line = lines[key] = {"task": key[0], "attempt": key[1], "solver": data["solver"], "points": []}
            if data["seeded_from"] is not None:
                line["points"].append(
                    (_x(axis, starts[key], 0.0, data["iterations"]), data["seeded_from"]["objective"])
                )
        elif key in lines and kind in {"IncumbentFound", "AttemptSucceeded"}:
            x = _x(axis, starts[key], data["seconds"], data["iterations"])
            lines[key]["points"].append((x, data["objective"]))
        elif kind == "BoundTightened":
            bounds.setdefault(key[0], []).append((starts.get(key, 0.0) + data["seconds"], data["value"]))
        elif key in lines and "iterations" in data and lines[key]["points"]:
            x = _x(axis, starts[key], data["seconds"], data["iterations"])
            lines[key]["points"].append((x, lines[key]["points"][-1][1]))
    for line in lines.values():
        line["points"].sort(key=lambda point: point[0])
    found = [line for line in lines.values() if line["points"]]
    return {"attempts": found, "bounds": {task: sorted(points) for task, points in bounds.items()}}


def _x(axis: Axis, start: float, seconds: float, iterations: int) -> float:
    return start + seconds if axis == "seconds" else float(iterations)


def sampled(points: Points, xs: Sequence[float], *, beyond: bool = False) -> list[float | None]:
    """The value at each x: that of the last point before or at it; None before the first, and after the last unless ``beyond``."""
    places = [x for x, _ in points]
    values: list[float | None] = []
    for x in xs:
        i = bisect_right(places, x) - 1
        outside = i < 0 or (not beyond and x > places[-1])
        values.append(None if outside else points[i][1])
    return values
