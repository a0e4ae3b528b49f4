"""`mezan leaderboard`: the ratings that policies read."""

from typing import Any

from mezan.projections.elo import Elo, EloState
from mezan.solvers.errors import BadInput
from mezan.solvers.selection.standings import Record

from .errors import DONE
from .output import clean, console, emit, notice, table
from .reading import opened, value

Json = dict[str, Any]


async def leaderboard(db: str, family: str | None, cluster: str | None, as_of: str | None, *, as_json: bool) -> int:
    """Solvers by rating, per family, or inside one cluster."""
    async with opened(db) as store:
        state: EloState = await value(store, Elo(), as_of)
    if family is not None and family not in state.overall:
        from mezan.solvers.catalog import Catalog

        Catalog.default().family(family)  # a family without outcomes is empty, an unknown one is an error
    if cluster is not None and cluster not in state.clusters:
        known = ", ".join(sorted(state.clusters)) or "none yet"
        raise BadInput(f"--cluster must name a cluster with outcomes; got {cluster[:80]!r}; there are: {known}")
    rows = _rows(state, family, cluster)
    if as_json:
        emit(rows)
        return DONE
    if not rows:
        notice("no rated outcomes yet")
        return DONE
    figures = ("rating", "games", "won", "drawn", "lost", "outcomes", "mean loss", "failed")
    shown = table(
        "#", "solver", *figures, right=("#", *figures), title=f"in cluster {clean(cluster)}" if cluster else None
    )
    for row in rows:
        shown.add_row(
            str(row["rank"]),
            row["solver"],
            f"{row['rating']:.1f}",
            *(str(row[name]) for name in ("games", "wins", "draws", "losses", "outcomes")),
            "-" if row["mean_loss"] is None else f"{row['mean_loss']:.4f}",
            str(row["failures"]),
        )
    console().print(shown)
    return DONE


def _rows(state: EloState, family: str | None, cluster: str | None) -> list[Json]:
    families = {solver: name for name, table in state.overall.items() for solver in table}
    if cluster is None:
        records = {s: Record(*kept) for table in state.overall.values() for s, kept in table.items()}
    else:
        records = state.cluster_records(cluster)
    wanted = [(families[s], s, record) for s, record in records.items() if family in {None, families[s]}]
    wanted.sort(key=lambda entry: (entry[0], -entry[2].rating, entry[1]))
    rows: list[Json] = []
    for name, solver, record in wanted:
        rank = rows[-1]["rank"] + 1 if rows and rows[-1]["family"] == name else 1
        rows.append(
            {
                "rank": rank,
                "family": name,
                "solver": solver,
                "cluster": cluster,
                "rating": record.rating,
                "games": record.games,
                "wins": record.wins,
                "draws": record.draws,
                "losses": record.games - record.wins - record.draws,
                "outcomes": record.outcomes,
                "mean_loss": record.mean_loss,
                "failures": record.failures,
            }
        )
    return rows
