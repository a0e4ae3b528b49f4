"""Compare: runs, solvers or policies side by side."""

from collections.abc import Mapping
from typing import Any

import anyio.to_thread

from mezan.api.accounts.scopes import Scope
from mezan.api.views.families import check_family
from mezan.api.views.instances import sample
from mezan.api.views.policy_comparison import paired, tallied
from mezan.api.views.profiles import mean_of, profiles
from mezan.api.views.run_comparison import side_by_side
from mezan.api.views.solver_comparison import compared
from mezan.engine.streams import whole_stream
from mezan.projections.elo import OUTCOMES
from mezan.projections.policy_outcomes import LEVELS
from mezan.solvers.errors import BadInput
from mezan.solvers.gaps import gap

from ..colours import PALETTE, colour
from ..rendering import thinned
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/compare", "Compare", "compare.html"
NEEDS = Scope.RUNS_READ
KINDS = ("runs", "solvers", "policies")
MOST_RUNS, MOST_SOLVERS, MOST_POLICIES = 8, 8, 12
AT_FIRST = 5
"""Solvers that are compared when none is named: those that lead, of those with half as many outcomes as the one with the most."""
POINTS = 300
"""Points of one run's course that reach the browser."""
VALUE = 160
"""Characters of a differing value that are shown."""
DASHES: tuple[list[int] | None, ...] = (None, [9, 4], [3, 3], [12, 4, 3, 4])
"""Tell lines of one colour apart."""


async def context(view: View) -> Mapping[str, Any]:
    """One of the three comparisons, by what the URL names."""
    named = next((kind for kind in KINDS if view.request.query_params.get(kind)), KINDS[0])
    kind = view.choice("kind", KINDS, named)
    shown: dict[str, Any] = {"kind": kind, "kinds": KINDS}
    if kind == "runs":
        return shown | await _runs(view)
    if kind == "solvers":
        return shown | await _solvers(view)
    return shown | await _policies(view)


def names_in(view: View, name: str, most: int) -> list[str]:
    """A parameter that may be repeated and may hold several names between commas; raises BadInput for too many."""
    given = [
        part.strip() for value in view.request.query_params.getlist(name)[:100] for part in value[:2_000].split(",")
    ]
    found = list(dict.fromkeys(part for part in given if part))
    if len(found) > most or any(len(part) > 100 for part in found):
        msg = f"{name} must be at most {most} names, each of at most 100 characters; got {len(found)}"
        raise BadInput(msg)
    return found


async def _runs(view: View) -> dict[str, Any]:
    moment = view.moment
    axis = view.choice("axis", ("seconds", "iterations"), "seconds")
    scale = view.choice("scale", ("objective", "gap"), "objective")
    log = view.choice("log", ("no", "yes"), "no") == "yes"
    names = names_in(view, "runs", MOST_RUNS)
    full = list(dict.fromkeys([await moment.engine.find(name) for name in names]))
    histories = [await whole_stream(moment.engine.log, run, moment.at) for run in full]
    later = [run for run, history in zip(full, histories, strict=True) if not history]
    made = await anyio.to_thread.run_sync(side_by_side, [history for history in histories if history])
    runs = made["runs"]
    _paint(runs)
    reference = _reference(runs) if made["same_instance"] else None
    for part in made["differences"]:
        for each in (part["content"], part["search"]):
            for side in ("first", "second"):
                if each is not None and each[side] is not None:
                    each[side]["value"] = repr(each[side]["value"])[:VALUE]
    return {
        "names": ",".join(full),
        "later": later,
        "axis": axis,
        "scale": scale,
        "log": log,
        **made,
        "reference": reference,
        "plot": _overlay(runs, axis, scale, reference, log=log) if any(run["course"] for run in runs) else None,
    }


def _paint(runs: list[dict[str, Any]]) -> None:
    """A solver's colour, and for its second and third run another dash."""
    seen: dict[str, int] = {}
    for run in runs:
        name = run["solver"] or ""
        place = seen[name] = seen.get(name, -1) + 1
        run["paint"] = colour(name or None) if name else "c4"
        run["dash"] = DASHES[place % len(DASHES)]
        run["dashed"] = ("solid", "dashed", "dotted", "dash and dot")[place % len(DASHES)]


def _reference(runs: list[dict[str, Any]]) -> float | None:
    """What gaps are measured to: the best known of the instance, or what one of the runs found if that is better."""
    known = [v for run in runs for v in (run["best_known"], run["objective"]) if v is not None]
    if not known:
        return None
    best: float = min(known) if runs[0]["sense"] == "min" else max(known)
    return best


def _overlay(
    runs: list[dict[str, Any]], axis: str, scale: str, reference: float | None, *, log: bool
) -> dict[str, Any]:
    """Each course as a step function on the union of all times; a run's line ends where it ended."""
    courses = [thinned(run["course"], POINTS) for run in runs]
    least = 1e-3 if axis == "seconds" else 1
    xs = sorted({max(least, point[axis]) if log else point[axis] for course in courses for point in course})
    series = []
    for run, course in zip(runs, courses, strict=True):
        values: list[float | None] = []
        place = -1
        end = course[-1][axis] if course else -1.0
        for x in xs:
            while place + 1 < len(course) and course[place + 1][axis] <= x:
                place += 1
            if place < 0 or x > max(end, least if log else end):
                values.append(None)
            else:
                objective = course[place]["objective"]
                values.append(gap(objective, reference) if scale == "gap" else objective)
        label = f"{run['run'][:16]} {run['solver'] or ''}"
        series.append({"label": label, "values": values, "paint": run["paint"], "steps": True, "dash": run["dash"]})
    marks = (
        [{"y": reference, "label": "best", "paint": "soft"}] if scale == "objective" and reference is not None else []
    )
    return {
        "x": xs,
        "x_log": log,
        "x_label": axis,
        "y_label": "objective" if scale == "objective" else "gap to the best, %",
        "series": series,
        "marks": marks,
    }


async def _solvers(view: View) -> dict[str, Any]:
    states = await view.moment.states("elo", "anytime", "instances")
    elo, anytime, instances = states["elo"], states["anytime"], states["instances"]
    families = sorted(elo.overall)
    asked = names_in(view, "solvers", MOST_SOLVERS)
    holding = next((name for name in families if asked and asked[0] in elo.overall[name]), None)
    family = view.text("family", holding or (families[0] if families else None))
    shown: dict[str, Any] = {"families": families, "family": family, "candidates": [], "solvers": [], "compared": None}
    if family is None:
        return shown
    check_family(family, elo.overall)
    records = elo.overall.get(family, {})
    candidates = sorted(records, key=lambda name: (-records[name][0], name))
    most = max((kept[OUTCOMES] for kept in records.values()), default=0)
    often = [name for name in candidates if 2 * records[name][OUTCOMES] >= most]
    solvers = [name for name in asked if name in records] or often[:AT_FIRST]
    known = sample(family, instances.get(family), None).outcomes
    courses = {one["solver"]: one for one in profiles(anytime, family)} if family in anytime.profiles else {}
    made = await anyio.to_thread.run_sync(compared, known, solvers)
    shown |= {
        "candidates": candidates,
        "solvers": solvers,
        "unknown": [name for name in asked if name not in records and name.startswith(f"{family}.")],
        "compared": made,
        "ecdf": _ecdf(made["levels"], [(name, made["ecdf"][name], colour(name)) for name in solvers]),
        "profile": _profile(made, solvers),
        "anytime": _anytime([courses[name] for name in solvers if name in courses]),
        "courses": sorted((courses[name] for name in solvers if name in courses), key=lambda one: (mean_of(one), one["solver"])),
    }  # fmt: skip
    return shown


def _ecdf(levels: list[float], shares: list[tuple[str, list[float], str]]) -> dict[str, Any]:
    """On a logarithmic axis, so what is zero counts from its first value on."""
    return {
        "x": levels[1:],
        "x_log": True,
        "x_label": "loss at most",
        "y_label": "share",
        "series": [
            {"label": name, "values": values[1:], "paint": paint, "steps": True} for name, values, paint in shares
        ],
    }


def _profile(made: Mapping[str, Any], solvers: list[str]) -> dict[str, Any] | None:
    xs = sorted({x for curve in made["profile"].values() for x in curve["x"]})
    if not xs:
        return None
    xs = thinned([*xs, max(1.0 + 1e-6, xs[-1] * 1.02)])
    series = []
    for solver in solvers:
        curve = made["profile"][solver]
        values, place, y = [], 0, 0.0
        for x in xs:
            while place < len(curve["x"]) and curve["x"][place] <= x:
                y = curve["y"][place]
                place += 1
            values.append(y)
        series.append({"label": solver, "values": values, "paint": colour(solver), "steps": True})
    return {
        "x": xs,
        "x_label": "within a factor of the best (1 + loss)",
        "y_label": "share of instances",
        "series": series,
    }


def _anytime(courses: list[dict[str, Any]]) -> dict[str, Any] | None:
    last = max((i for one in courses for i, point in enumerate(one["points"]) if point["attempts"]), default=-1)
    if last < 1:
        return None
    return {
        "x": [point["seconds"] for point in courses[0]["points"][: last + 1]],
        "x_log": True,
        "x_label": "seconds",
        "y_label": "mean loss",
        "series": [
            {
                "label": one["solver"],
                "values": [point["loss"] for point in one["points"][: last + 1]],
                "paint": colour(one["solver"]),
                "points": True,
            }
            for one in courses
        ],
    }


async def _policies(view: View) -> dict[str, Any]:
    state = (await view.moment.states("policy_outcomes"))["policy_outcomes"]
    families = sorted(state.tallies)
    family = view.text("family", families[0] if families else None)
    shown: dict[str, Any] = {"families": families, "family": family, "candidates": [], "policies": [], "rows": []}
    if family is None:
        return shown
    check_family(family, state.tallies)
    tallies = state.tallies.get(family, {})
    asked = names_in(view, "policies", MOST_POLICIES)
    policies = [name for name in asked if name in tallies] or sorted(tallies)[:MOST_POLICIES]
    rows = tallied(tallies, policies)
    instances = {
        i: {p: list(sums) for p, sums in found.items()} for i, found in state.instances.get(family, {}).items()
    }
    for place, row in enumerate(rows):
        row["paint"] = f"c{place % PALETTE}"
    tests = await anyio.to_thread.run_sync(paired, instances, policies)
    rated = [row for row in rows if row["outcomes"]]
    shown |= {
        "candidates": sorted(tallies),
        "policies": policies,
        "unknown": [name for name in asked if name not in tallies],
        "rows": sorted(rows, key=lambda row: (row["mean_loss"] is None, row["mean_loss"], row["policy"])),
        "tests": tests,
        "ecdf": _ecdf(list(LEVELS), [(row["policy"], row["ecdf"], row["paint"]) for row in rated]),
    }
    return shown
