"""`mezan profile` and `mezan clusters`: how good solvers are after how long, and what kinds of instances there are."""

from typing import Any

from mezan.api.views import clusters as view
from mezan.api.views.profiles import mean_of, profiles
from mezan.projections.anytime import TIMES, Anytime, AnytimeState
from mezan.projections.bradley_terry import BradleyTerry
from mezan.projections.clusters import Clusters
from mezan.projections.elo import Elo, EloState

from .errors import DONE
from .output import BARS, clean, console, emit, notice, table
from .reading import opened, value

Json = dict[str, Any]


async def profile(db: str, family: str, as_of: str | None, *, as_json: bool) -> int:
    """Mean losses of a family's solvers at fixed times."""
    async with opened(db) as store:
        state: AnytimeState = await value(store, Anytime(), as_of)
    found = profiles(state, family)
    if as_json:
        emit(found)
        return DONE
    if not found:
        notice("no outcomes of this family yet")
        return DONE
    last = max((i for one in found for i, point in enumerate(one["points"]) if point["attempts"]), default=0)
    columns = [f"{at:g} s" for at in TIMES[: last + 1]]
    shown = table("solver", "attempts", *columns, "course", right=("attempts", *columns))
    for one in sorted(found, key=lambda one: (mean_of(one), one["solver"])):
        means = [point["loss"] for point in one["points"][: last + 1]]
        figures = ["-" if mean is None else f"{mean:.3f}" for mean in means]
        shown.add_row(clean(one["solver"]), str(one["attempts"]), *figures, _course(means))
    console().print(shown)
    notice("mean loss after so many seconds: 0 is the bound or the best known, 1 is no solution")
    return DONE


async def clusters(db: str, family: str | None, as_of: str | None, *, as_json: bool) -> int:
    """The clusters of a family's instances, or of all."""
    async with opened(db) as store:
        groups = await value(store, Clusters(), as_of)
        elo: EloState = await value(store, Elo(), as_of)
        ladders = await value(store, BradleyTerry(), as_of)
    rows = view.clusters(groups, elo, ladders, family)
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


def _course(means: list[float | None]) -> str:
    """Full bars are a loss of 1, so that lines compare."""
    return "".join(" " if mean is None else BARS[round(mean * (len(BARS) - 1))] for mean in means)
