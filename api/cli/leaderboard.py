"""`mezan leaderboard`: the ratings that policies read, with their intervals."""

from typing import Any

from mezan.projections.bradley_terry import BradleyTerry, strengths
from mezan.projections.bradley_terry import State as Ladders
from mezan.projections.elo import Elo, EloState
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.models.comparisons import LEAST_MATCHES, NO_STRENGTH, Strength, Z
from mezan.solvers.selection.standings import Record

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
    if family is not None and family not in state.overall:
        from mezan.solvers.catalog import Catalog

        Catalog.default().family(family)  # a family without outcomes is empty, an unknown one is an error
    if cluster is not None and cluster not in state.clusters:
        known = ", ".join(sorted(state.clusters)) or "none yet"
        raise BadInput(f"--cluster must name a cluster with outcomes; got {cluster[:80]!r}; there are: {known}")
    rows = _rows(state, ladders, family, cluster, by)
    if as_json:
        emit(rows)
    elif rows:
        _show(rows, cluster)
    else:
        notice("no rated outcomes yet")
    return DONE


def _rows(state: EloState, ladders: Ladders, family: str | None, cluster: str | None, by: str) -> list[Json]:
    rows: list[Json] = []
    for name, solvers in sorted(state.overall.items()):
        if family not in {None, name}:
            continue
        if cluster is None:
            records = {solver: Record(*kept) for solver, kept in solvers.items()}
            compared = strengths(ladders, name, "").overall
        else:
            records = {s: record for s, record in state.cluster_records(cluster).items() if s in solvers}
            compared = strengths(ladders, name, cluster).in_cluster if records else {}
        made = [_row(name, s, cluster, record, compared.get(s, NO_STRENGTH)) for s, record in records.items()]
        for row in made:
            row["ranked"] = row["games"] >= LEAST_MATCHES if by == "elo" else row["bradley_terry"]["ranked"]
            row["by"] = by
        made.sort(key=lambda row: (not row["ranked"], -_rating(row, by), row["solver"]))
        for rank, row in enumerate(made, 1):
            row["rank"] = rank if row["ranked"] else None
        rows += made
    return rows


def _rating(row: Json, by: str) -> float:
    rating: float = row["rating"] if by == "elo" else row["bradley_terry"]["rating"]
    return rating


def _row(family: str, solver: str, cluster: str | None, record: Record, compared: Strength) -> Json:
    return {
        "rank": None,
        "family": family,
        "solver": solver,
        "cluster": cluster,
        "rating": record.rating,
        "error": record.error,
        "low": record.rating - Z * record.error,
        "high": record.rating + Z * record.error,
        "bradley_terry": {
            "rating": compared.rating,
            "error": compared.error,
            "low": compared.low,
            "high": compared.high,
            "matches": compared.matches,
            "ranked": compared.ranked,
        },
        "games": record.games,
        "wins": record.wins,
        "draws": record.draws,
        "losses": record.games - record.wins - record.draws,
        "outcomes": record.outcomes,
        "mean_loss": record.mean_loss,
        "failures": record.failures,
    }


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
