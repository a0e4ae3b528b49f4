"""Leaderboard: Elo and Bradley-Terry with intervals, the course of each rating, and the matches behind a point of it."""

from collections.abc import Mapping
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.api.views.leaderboard import check, rated
from mezan.api.views.rating_history import matches, points
from mezan.projections.courses import CoursesState
from mezan.projections.elo import EloState
from mezan.solvers.selection.models.comparisons import LEAST_MATCHES
from mezan.solvers.selection.standings import Record

from ..colours import colour
from ..ratings_svg import course, interval, interval_axis
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/leaderboard", "Leaderboard", "leaderboard.html"
NEEDS = Scope.RUNS_READ
MATCHES = 40
LABELS = 40
"""Runs that are named by their instance at most."""


async def context(view: View) -> Mapping[str, Any]:
    """The table of one family or cluster; of a chosen solver its course, and what moved it at a chosen point."""
    moment = view.moment
    states = await moment.states("bradley_terry", "courses")
    courses: CoursesState = states["courses"]
    elo = courses.ratings
    families = sorted(elo.overall)
    family = view.text("family", max(families, key=lambda name: _outcomes(elo, name), default=None))
    cluster = view.text("cluster")
    if cluster is not None and not cluster.startswith(f"{family}/"):
        cluster = None  # left over from another family
    by = view.choice("by", ("elo", "bt"), "elo")
    check(elo, family, cluster)
    kept = courses.of(family, cluster) if family else {}
    rows = rated(elo, states["bradley_terry"], family, cluster, by) if family else []
    clusters = sorted(name for name in elo.clusters if name.startswith(f"{family}/"))
    latest = max((_generation(name) for name in clusters), default=0)
    for row in rows:
        row["points"] = points(kept[row["solver"]]) if row["solver"] in kept else []
    _draw(rows)
    solver = view.text("solver")
    chosen = next((row for row in rows if row["solver"] == solver), None)
    shown: dict[str, Any] = {
        "families": families,
        "family": family,
        "cluster": cluster,
        "clusters": [name for name in clusters if _generation(name) == latest],
        "older": [name for name in clusters if _generation(name) != latest],
        "by": by,
        "rows": rows,
        "least": LEAST_MATCHES,
        "solver": solver if chosen else None,
        "detail": None,
    }
    if chosen is not None and chosen["points"] and family is not None:
        shown["detail"] = await _detail(view, family, cluster, chosen)
    return shown


def _outcomes(elo: EloState, family: str) -> int:
    return sum(Record(*kept).outcomes for kept in elo.overall[family].values())


def _generation(cluster: str) -> int:
    """How many instances a cluster's generation was fitted to; 0 for the first cluster of a family, which has no fit."""
    fitted, _, number = cluster.rpartition("/")[2].partition(".")
    return int(fitted) if number and fitted.isdecimal() else 0


def _draw(rows: list[dict[str, Any]]) -> None:
    ends = [row[end] for row in rows for end in ("low", "high")]
    ends += [row["bradley_terry"][end] for row in rows if row["bradley_terry"]["ranked"] for end in ("low", "high")]
    axis = interval_axis(ends)
    for row in rows:
        for name, one in (("elo", row), ("bt", row["bradley_terry"])):
            label = f"{row['solver']}: {one['rating']:.0f}, 95 % from {one['low']:.0f} to {one['high']:.0f}"
            row[f"{name}_interval"] = interval(axis, one["low"], one["rating"], one["high"], paint=colour(row["solver"]), label=label)  # fmt: skip


async def _detail(view: View, family: str, cluster: str | None, row: dict[str, Any]) -> dict[str, Any]:
    """The course of one solver, and the matches between the chosen point (or the last) and the one before."""
    known = row["points"]
    wanted = view.number("point", known[-1]["position"])
    place = max((i for i, point in enumerate(known) if point["position"] <= wanted), default=0)
    point = known[place]
    after = known[place - 1]["position"] if place else 0
    moment = view.moment
    found, reached = await matches(
        moment.engine, family, row["solver"], cluster, after=after, upto=point["position"], limit=MATCHES
    )
    labels: dict[str, str] = {}
    for run in dict.fromkeys(match["run"] for match in found[:LABELS] if match["run"]):
        kept = await moment.engine.follower.row("runs", run)
        labels[run] = kept["label"] if kept else ""
    linked = [
        {**one, "link": view.here(solver=row["solver"], point=one["position"], family=family, cluster=cluster)}
        for one in known
    ]
    return {
        "point": point,
        "after": after,
        "before": known[place - 1]["rating"] if place else None,
        "moves": point["move"] - (known[place - 1]["move"] if place else 0),
        "reached": reached,
        "matches": [match | {"label": labels.get(match["run"]) or match["instance"][:12]} for match in found],
        "points": linked,
        "picture": course(
            linked,
            head=max(moment.position, known[-1]["position"]),
            chosen=point["position"],
            paint=colour(row["solver"]),
            label=f"Elo of {row['solver']} over the log; the table below has the figures, each point leads to its matches",
        ),
    }
