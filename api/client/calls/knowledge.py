"""What the log has taught: ratings, clusters, profiles; what is installed; what other policies would have done."""

from collections.abc import Sequence
from typing import Literal

from mezan.api.http.schemas import (
    ClusterReport,
    Experiment,
    LabReport,
    PolicyEntry,
    PolicyList,
    Portfolios,
    Profile,
    Rated,
    RatingHistory,
    SolverEntry,
    SolverReport,
)

from ..reading import got
from ..requests import Moment, address
from ..steps import Plan

LONG = 600.0
"""Seconds that a comparison may take."""


def leaderboard(
    *,
    family: str | None = None,
    cluster: str | None = None,
    by: Literal["elo", "bt"] = "elo",
    as_of: Moment = None,
) -> Plan[tuple[Rated, ...]]:
    """Solvers by rating, the best first, per family or inside one cluster; ``rank`` is None with too few matches.

    Raises:
        BadInput: there is no such family or cluster.
    """
    query = {"family": family, "cluster": cluster, "by": by}
    return (yield from got(tuple[Rated, ...], "/leaderboard", as_of, query))


def rating_history(
    solver: str,
    *,
    family: str | None = None,
    cluster: str | None = None,
    before: int | None = None,
    limit: int = 50,
    as_of: Moment = None,
) -> Plan[RatingHistory]:
    """The course of one solver's rating, and the latest matches (before a position) that moved it.

    Raises:
        RequestRefused: it has not been rated.
    """
    query = {"family": family, "cluster": cluster, "before": before, "limit": limit}
    return (yield from got(RatingHistory, address("leaderboard", solver, "history"), as_of, query))


def clusters(*, family: str | None = None, as_of: Moment = None) -> Plan[tuple[ClusterReport, ...]]:
    """The clusters of instances, what tells them apart, and who is best there; raises BadInput for an unknown family."""
    return (yield from got(tuple[ClusterReport, ...], "/clusters", as_of, {"family": family}))


def profiles(family: str, *, as_of: Moment = None) -> Plan[tuple[Profile, ...]]:
    """How good each solver of a family is after how many seconds; raises BadInput for an unknown family."""
    return (yield from got(tuple[Profile, ...], "/profiles", as_of, {"family": family}))


def solvers(family: str | None = None) -> Plan[tuple[SolverEntry, ...]]:
    """The solvers that the server has, of one family or of all; raises UnknownName."""
    found = yield from got(Portfolios, "/solvers", query={"family": family})
    return tuple(entry for one in found.families for entry in one.solvers)


def solver(name: str, *, as_of: Moment = None) -> Plan[SolverReport]:
    """One solver and what became of its attempts; raises UnknownName."""
    return (yield from got(SolverReport, address("solvers", name), as_of))


def policies() -> Plan[tuple[PolicyEntry, ...]]:
    """The selection policies that the server has."""
    found = yield from got(PolicyList, "/policies")
    return found.policies


def lab(
    policies: Sequence[str], *, family: str | None = None, since: int | str | None = None, as_of: Moment = None
) -> Plan[LabReport]:
    """What other policies would have chosen at each decision of the log, and what that would have cost.

    Args:
        policies: their names.
        family: decisions of this family only.
        since: a position or a time: later decisions only.
        as_of: decisions up to then.

    Raises:
        UnknownName: there is no such policy or family.
    """
    query = {"policies": ",".join(policies), "family": family, "since": since}
    return (yield from got(LabReport, "/lab", as_of, query, read=LONG))


def experiments(*, as_of: Moment = None) -> Plan[tuple[Experiment, ...]]:
    """Every A/B test as it stands."""
    return (yield from got(tuple[Experiment, ...], "/ab", as_of))
