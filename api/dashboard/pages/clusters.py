"""Clusters: a map of the instances that are known, what the clusters are, and one instance among its like."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import anyio.to_thread

from mezan.api.accounts.scopes import Scope
from mezan.api.views import clusters as view_clusters
from mezan.api.views.families import check_family
from mezan.api.views.instances import Sample, chart, instance, sample
from mezan.engine.context import tenant
from mezan.projections.known import KnownResults, key_of

from ..colours import MARKS, PALETTE, colour, mark
from ..map_svg import instance_map, instance_table
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/clusters", "Clusters", "clusters.html"
NEEDS = Scope.RUNS_READ
ANY = "INSTANCE"
"""Stands for an id in a link that is made once for all."""
NAMED = 2
"""Features named on an axis."""
PLAIN = 0.005
"""Standard deviations from the mean below which a feature is not worth a look."""


async def context(view: View) -> Mapping[str, Any]:
    """The map, the table of clusters, and of a chosen instance all that is known."""
    moment = view.moment
    states = await moment.states("clusters", "elo", "bradley_terry", "instances")
    groups = states["clusters"]
    families = sorted(groups)
    family = view.text("family", families[0] if families else None)
    by = view.choice("by", ("solver", "cluster"), "solver")
    chosen = view.text("instance")
    shown: dict[str, Any] = {"families": families, "family": family, "by": by, "map": None, "one": None}
    if family is None:
        return {**shown, "rows": [], "missing": None}
    check_family(family, groups)
    taken = sample(family, states["instances"].get(family), groups.get(family))
    rows = view_clusters.clusters({family: groups[family]} if family in groups else {}, states["elo"], states["bradley_terry"], family)  # fmt: skip
    made, one = await anyio.to_thread.run_sync(_computed, taken, chosen)
    if one is not None:
        one["plain"] = [each for each in one["features"] if abs(each["z"]) < PLAIN]
        one["features"] = one["features"][: len(one["features"]) - len(one["plain"])]
        one |= await _choice(view, family, one["instance"])
    shown |= {
        "rows": rows,
        "map": made,
        "one": one,
        "missing": chosen if chosen and one is None else None,
        "picture": _picture(view, made, by, one) if made["points"] else None,
        "legend": _legend(made, by),
        "table": _table(view, made) if view.choice("table", ("no", "yes"), "no") == "yes" else None,
    }
    return shown


def _computed(taken: Sample, chosen: str | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    return chart(taken), instance(taken, chosen) if chosen else None


async def _choice(view: View, family: str, digest: str) -> dict[str, Any]:
    """The best result by then, the run that found it, and who was chosen there."""
    moment = view.moment
    row = await moment.engine.follower.row(KnownResults.name, key_of(family, digest, tenant.get()))
    if row is None or row["position"] > moment.position:
        return {"known": None, "choice": None, "label": None}
    found = await moment.engine.log.read(stream=row["run"], types=["SolverChosen"], upto=moment.position, limit=8)
    card = next((event for event in found if event.data["task"] == row["task"]), None)
    about = await moment.engine.follower.row("runs", row["run"])
    choice = None
    if card is not None:
        choice = {name: card.data[name] for name in ("solver", "policy", "reason", "forced")}
    return {"known": row, "choice": choice, "label": about["label"] if about else None}


def _cluster_index(name: str) -> int:
    last = name.rpartition(".")[2] if "." in name else "0"
    return int(last) if last.isdecimal() else 0


def _style(point: Mapping[str, Any], by: str) -> tuple[str, str]:
    if by == "solver":
        return colour(point["best"]), mark(point["best"]) if point["best"] else "circle"
    index = _cluster_index(point["cluster"])
    return f"c{index % PALETTE}", MARKS[index % len(MARKS)]


def _picture(view: View, made: Mapping[str, Any], by: str, one: Mapping[str, Any] | None) -> Any:
    near = {each["instance"] for each in one["nearest"]} if one else set()
    points = []
    link = view.here(instance=ANY, family=made["family"])
    for point in made["points"]:
        paint, shape = _style(point, by)
        best = f"best {point['best']}, mean loss {point['mean_loss']:.4f}" if point["best"] else "no outcome yet"
        points.append(
            {
                "x": point["x"],
                "y": point["y"],
                "id": f"at-{point['instance']}",
                "link": link.replace(ANY, point["instance"]),
                "title": f"{point['instance'][:12]}, {point['cluster']}: {best}",
                "paint": paint,
                "mark": shape,
                "chosen": one is not None and point["instance"] == one["instance"],
                "near": point["instance"] in near,
            }
        )
    labels = [_axis(k, axis) for k, axis in enumerate(made["axes"], 1)] + ["", ""]
    label = f"Map of {len(points)} instances of {made['family']}; each leads to its features and outcomes, the table below has them all"
    return instance_map(points, x_label=labels[0], y_label=labels[1], label=label)


def _table(view: View, made: Mapping[str, Any]) -> Any:
    link = view.here(instance=ANY, family=made["family"])
    names = [point["instance"] for point in made["points"]]
    return instance_table(
        [{**point, "name": name[:12], "link": link.replace(ANY, name)} for name, point in zip(names, made["points"], strict=True)]
    )  # fmt: skip


def _axis(number: int, axis: Mapping[str, Any]) -> str:
    parts = ", ".join(f"{each['loading']:+.2f} {each['feature']}" for each in axis["loadings"][:NAMED])
    return f"component {number}, {axis['explained']:.0%} of the variance: {parts}"


def _legend(made: Mapping[str, Any], by: str) -> list[dict[str, Any]]:
    key = "best" if by == "solver" else "cluster"
    counts = Counter(point[key] for point in made["points"])
    found = []
    for name, count in sorted(counts.items(), key=lambda item: (item[0] is None, -item[1], item[0])):
        paint, shape = _style({"best": name, "cluster": name}, by)
        found.append({"name": name, "count": count, "paint": paint, "mark": shape})
    return found
