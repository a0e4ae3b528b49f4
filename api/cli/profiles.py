"""`mezan profile` and `mezan clusters`: how good solvers are after how long, and what kinds of instances there are."""

from typing import Any

from mezan.projections.anytime import TIMES, Anytime, AnytimeState, Profile
from mezan.projections.bradley_terry import BradleyTerry, strengths
from mezan.projections.clusters import Clusters, Described, described
from mezan.projections.elo import Elo, EloState

from .errors import DONE
from .output import BARS, clean, console, emit, notice, table
from .reading import opened, value

Json = dict[str, Any]
STANDING_OUT = 3
"""Features named per cluster."""


async def profile(db: str, family: str, as_of: str | None, *, as_json: bool) -> int:
    """Mean losses of a family's solvers at fixed times."""
    async with opened(db) as store:
        state: AnytimeState = await value(store, Anytime(), as_of)
    _check(family, state.profiles)
    profiles = state.profiles.get(family, {})
    if as_json:
        emit([_profile(solver, one) for solver, one in sorted(profiles.items())])
        return DONE
    if not profiles:
        notice("no outcomes of this family yet")
        return DONE
    last = max((i for one in profiles.values() for i, n in enumerate(one.counts) if n), default=0)
    columns = [f"{at:g} s" for at in TIMES[: last + 1]]
    shown = table("solver", "attempts", *columns, "course", right=("attempts", *columns))
    for solver, one in sorted(profiles.items(), key=lambda item: (_area(item[1]), item[0])):
        means = one.means()[: last + 1]
        figures = ["-" if mean is None else f"{mean:.3f}" for mean in means]
        shown.add_row(clean(solver), str(one.attempts), *figures, _course(means))
    console().print(shown)
    notice("mean loss after so many seconds: 0 is the bound or the best known, 1 is no solution")
    return DONE


async def clusters(db: str, family: str | None, as_of: str | None, *, as_json: bool) -> int:
    """The clusters of a family's instances, or of all."""
    async with opened(db) as store:
        groups = await value(store, Clusters(), as_of)
        elo: EloState = await value(store, Elo(), as_of)
        ladders = await value(store, BradleyTerry(), as_of)
    if family is not None:
        _check(family, groups)
    rows = []
    for name in sorted(groups):
        if family in {None, name}:
            for one in described(groups, name):
                compared = strengths(ladders, name, one.cluster).in_cluster
                rows.append(_cluster(name, one, elo, {s: x.rating for s, x in compared.items() if x.ranked}))
    if as_json:
        emit(rows)
        return DONE
    if not rows:
        notice("no instances yet")
        return DONE
    shown = table("cluster", "instances", "outcomes", "best by BT", "least mean loss", "stands out by", right=("instances", "outcomes"))  # fmt: skip
    for row in rows:
        out = ", ".join(f"{clean(f['feature'])} {f['centre']:.4g} ({f['z']:+.1f} sd)" for f in row["stands_out"])
        least = row["least_mean_loss"]
        shown.add_row(
            clean(row["cluster"]),
            str(row["instances"]),
            str(row["outcomes"]),
            clean(row["best"]["solver"]) if row["best"] else "-",
            f"{clean(least['solver'])} {least['mean_loss']:.4f}" if least else "-",
            out or "-",
        )
    console().print(shown)
    return DONE


def _check(family: str, known: Any) -> None:
    """A family without events is empty, an unknown one is an error."""
    if family not in known:
        from mezan.solvers.catalog import Catalog

        Catalog.default().family(family)


def _profile(solver: str, one: Profile) -> Json:
    points = zip(TIMES, one.means(), one.counts, strict=True)
    return {
        "solver": solver,
        "attempts": one.attempts,
        "points": [{"seconds": at, "loss": mean, "attempts": n} for at, mean, n in points],
    }


def _area(one: Profile) -> float:
    means = [mean for mean in one.means() if mean is not None]
    return sum(means) / len(means) if means else 1.0


def _course(means: list[float | None]) -> str:
    """Full bars are a loss of 1, so that lines compare."""
    return "".join(" " if mean is None else BARS[round(mean * (len(BARS) - 1))] for mean in means)


def _cluster(family: str, one: Described, elo: EloState, rated: dict[str, float]) -> Json:
    records = elo.cluster_records(one.cluster)
    losses = {solver: record.mean_loss for solver, record in records.items() if record.mean_loss is not None}
    least = min(sorted(losses), key=lambda solver: losses[solver]) if losses else None
    best = max(sorted(rated), key=lambda solver: rated[solver]) if rated else None
    away = sorted(one.centre, key=lambda name: (-abs(one.scores[name]), name))[:STANDING_OUT]
    return {
        "family": family,
        "cluster": one.cluster,
        "instances": one.instances,
        "outcomes": sum(record.outcomes for record in records.values()),
        "best": None if best is None else {"solver": best, "rating": rated[best]},
        "least_mean_loss": None if least is None else {"solver": least, "mean_loss": losses[least]},
        "stands_out": [{"feature": name, "centre": one.centre[name], "z": one.scores[name]} for name in away],
        "centre": dict(one.centre),
    }
