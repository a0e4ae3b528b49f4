"""`mezan leaderboard`: the ratings that policies read, with their intervals."""

from typing import Any

from mezan.api.views.leaderboard import check, rated
from mezan.projections.bradley_terry import BradleyTerry
from mezan.projections.bradley_terry import State as Ladders
from mezan.projections.elo import Elo, EloState
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.models.comparisons import LEAST_MATCHES, Z

from .errors import DONE
from .output import clean, console, emit, notice, table
from .reading import opened, value

Json = dict[str, Any]
ORDERS = ("elo", "bt")


async def leaderboard(
    db: str, family: str | None, cluster: str | None, by: str, as_of: str | None, *, as_json: bool
) -> int:
    """Solvers by rating, per family, or inside one cluster."""
    if by not in ORDERS:
        raise BadInput(f"--by must be elo or bt (Bradley-Terry); got {by[:40]!r}")
    async with opened(db) as store:
        state: EloState = await value(store, Elo(), as_of)
        ladders: Ladders = await value(store, BradleyTerry(), as_of)
    check(state, family, cluster, option="--")
    rows = rated(state, ladders, family, cluster, by)
    if as_json:
        emit(rows)
    elif rows:
        _show(rows, cluster)
    else:
        notice("no rated outcomes yet")
    return DONE


def _show(rows: list[Json], cluster: str | None) -> None:
    counts = ("games", "won", "drawn", "lost", "outcomes", "mean loss", "failed")
    by = rows[0]["by"]
    title = f"in cluster {clean(cluster)}" if cluster else None
    figures = ("Elo", "± 95 %", "BT", "± 95 %", *counts)
    shown = table("#", "solver", *figures, right=("#", *figures), title=title)
    for row in rows:
        other = row["bradley_terry"]
        rank = "-" if row["rank"] is None else str(row["rank"])
        known = (f"{other['rating']:.0f}", f"{Z * other['error']:.0f}") if other["ranked"] else ("-", "-")
        shown.add_row(
            rank,
            clean(row["solver"]),
            f"{row['rating']:.0f}",
            f"{Z * row['error']:.0f}",
            *known,
            *(str(row[name]) for name in ("games", "wins", "draws", "losses", "outcomes")),
            "-" if row["mean_loss"] is None else f"{row['mean_loss']:.4f}",
            str(row["failures"]),
            style=None if row["ranked"] else "dim",
        )
    console().print(shown)
    needs = f"{LEAST_MATCHES} games" if by == "elo" else f"{LEAST_MATCHES} instances on which others were tried too"
    if not all(row["ranked"] for row in rows):
        notice(f"- not enough matches: a rank needs {needs}")
    elif not all(row["bradley_terry"]["ranked"] for row in rows):
        notice(f"- not enough matches: Bradley-Terry needs {LEAST_MATCHES} instances on which others were tried too")
