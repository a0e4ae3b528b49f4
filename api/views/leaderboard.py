"""Solvers by rating, with intervals."""

from typing import Any

from mezan.projections.bradley_terry import State as Ladders
from mezan.projections.bradley_terry import strengths
from mezan.projections.elo import EloState
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.models.comparisons import LEAST_MATCHES, NO_STRENGTH, Strength, Z
from mezan.solvers.selection.standings import Record

from .families import check_family

Json = dict[str, Any]


def check(state: EloState, family: str | None, cluster: str | None, *, option: str = "") -> None:
    """Raise BadInput for an unknown family, or a cluster in which nothing happened; ``option`` stands before the names."""
    if family is not None:
        check_family(family, state.overall)
    if cluster is not None and cluster not in state.clusters:
        known = ", ".join(sorted(state.clusters)) or "none yet"
        raise BadInput(f"{option}cluster must name a cluster with outcomes; got {cluster[:80]!r}; there are: {known}")


def rated(state: EloState, ladders: Ladders, family: str | None, cluster: str | None, by: str = "elo") -> list[Json]:
    """One object per solver, the best first, per family (all of them for None) or inside one cluster; ``by`` elo or bt.

    Those with too few matches come last and have no rank.
    """
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
