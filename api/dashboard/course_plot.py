"""The plot of a run's objective, as `static/plot.js` draws it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mezan.api.cli.output import number
from mezan.api.views.course import Axis, course, sampled
from mezan.engine.log import Recorded

from .colours import colour
from .rendering import thinned
from .view import View

Json = dict[str, Any]
FLOOR = 1e-4
"""Percent: the least gap on a logarithmic axis."""
LISTED = 60
FAR = 8
"""Times the range of the values: a bound that is further away is drawn only when asked for."""


def course_plot(view: View, history: Sequence[Recorded], row: Mapping[str, Any], task: str) -> Json:
    """The plot's specification with the choices of axes that the URL makes, and what could not be drawn as asked.

    All pans of a race are in it; of other runs the attempts of one task.
    """
    axis: Axis = "iterations" if view.choice("x", ("seconds", "iterations"), "seconds") == "iterations" else "seconds"
    log_x, log_y = (view.text(name) is not None for name in ("log_x", "log_y"))
    made = course(history, axis)
    lines = [line for line in made["attempts"] if row["pans"] or line["task"] == task]
    bound = sorted({p for name, points in made["bounds"].items() if row["pans"] or name == task for p in points})
    known = row["tasks"][task]["best_known"]
    reference = known if known is not None else bound[-1][1] if bound else None
    as_gap = view.choice("y", ("objective", "gap"), "objective") == "gap" and bool(reference)
    xs = _xs(lines, bound if axis == "seconds" else [], axis, log_x=log_x)
    names = {(line["task"], line["attempt"]): _name(line, lines, row) for line in lines}
    series: list[Json] = [
        {
            "label": names[line["task"], line["attempt"]],
            "values": sampled(line["points"], xs),
            "paint": colour(line["solver"]),
            "steps": True,
            "gaps": True,
            "points": len(line["points"]) < 2,
        }
        for line in lines
    ]
    marks: list[Json] = []
    values = [value for line in lines for _, value in line["points"]] + ([] if known is None else [known])
    far = bool(bound and values) and _is_far(bound[-1][1], values) and not as_gap
    with_bound = not far or view.text("bound") is not None
    if not as_gap:
        if not with_bound:
            pass
        elif bound and axis == "seconds" and len(bound) > 1:
            proved = sampled(bound, xs, beyond=True)
            series.append({"label": "proved bound", "values": proved, "paint": "c4", "steps": True, "dash": [4, 4]})
        elif bound:
            marks.append({"y": bound[-1][1], "label": "proved bound", "paint": "c4"})
        if known is not None:
            marks.append({"y": known, "label": "best known", "paint": "good"})
    else:
        for one in series:
            one["values"] = [_gap(value, reference, floor=log_y) for value in one["values"]]
    least = min((v for one in series for v in one["values"] if v is not None), default=1.0)
    least = min([least, *(mark["y"] for mark in marks)])
    notes = [] if not log_y or least > 0 else ["Values that are not positive have no logarithm: the axis is linear."]
    if as_gap and log_y and least <= FLOOR:
        notes.append(f"A gap of 0 is drawn at {FLOOR:g} %.")
    if far and not with_bound:
        notes.append(f"The proved bound, {number(bound[-1][1])}, is far outside of this picture.")
    points = [
        {"solver": line["solver"], "name": names[line["task"], line["attempt"]], "x": x, "objective": value}
        for line in lines
        for x, value in line["points"]
    ]
    points.sort(key=lambda point: point["x"])
    return {
        "plot": {
            "x": xs,
            "x_log": log_x,
            "y_log": log_y and least > 0,
            "x_label": axis,
            "y_label": ("gap to the " + ("best known" if known is not None else "bound") + ", %")
            if as_gap
            else "objective",
            "series": series,
            "marks": marks,
        },
        "drawn": bool(lines),
        "axis": axis,
        "as_gap": as_gap,
        "has_gap": bool(reference),
        "far": far,
        "with_bound": with_bound,
        "log_x": log_x,
        "log_y": log_y,
        "notes": notes,
        "points": points[-LISTED:],
        "left_out": max(0, len(points) - LISTED),
    }


def _is_far(bound: float, values: Sequence[float]) -> bool:
    """Whether a picture with the bound in it would show everything else as one line."""
    low, high = min(values), max(values)
    return 0 < FAR * (high - low) < max(abs(low - bound), abs(high - bound))


def _xs(lines: Sequence[Json], bound: Sequence[tuple[float, float]], axis: Axis, *, log_x: bool) -> list[float]:
    """Where something changes, and just before: lines are steps."""
    places = {x for line in lines for x, _ in line["points"]}
    if places:
        last = max(places)
        places |= {x for x, _ in bound if x <= last}
    if axis == "seconds" and places and not log_x:
        places.add(0.0)
    if log_x:
        least = 1e-3 if axis == "seconds" else 1.0
        places = {max(x, least) for x in places}
    return thinned(sorted(places))


def _name(line: Json, lines: Sequence[Json], row: Mapping[str, Any]) -> str:
    several = sum(one["solver"] == line["solver"] for one in lines) > 1
    return f"{line['solver']} ({line['attempt']})" if several else str(line["solver"])


def _gap(value: float | None, reference: float | None, *, floor: bool) -> float | None:
    if value is None or not reference:
        return None
    found = 100.0 * abs(value - reference) / abs(reference)
    return max(found, FLOOR) if floor else found
