"""What is installed: families with their solvers, and policies."""

import sys
from collections.abc import Iterable
from typing import Any

from mezan.projections.solver_stats import StatsState, means
from mezan.solvers.catalog import Catalog
from mezan.solvers.problem import Family
from mezan.solvers.selection.policy import Policy, learns
from mezan.solvers.solver import Solver

Json = dict[str, Any]


def solver(entry: Solver[Any]) -> Json:
    """One entry of a portfolio."""
    return {
        "solver": entry.name,
        "version": entry.version,
        "summary": entry.summary,
        "reference": entry.reference,
        "runs_in": entry.runs_in,
        "repeatable": entry.repeatable,
        "exact": entry.exact,
    }


def families(listed: Iterable[Family[Any]]) -> list[Json]:
    """Families with the files that they read and their portfolios."""
    return [
        {
            "family": family.name,
            "sense": family.sense,
            "files": list(family.suffixes),
            "solution_file": family.solution_suffix,
            "solvers": [solver(entry) for entry in family.solvers],
        }
        for family in listed
    ]


def policies(listed: Iterable[Policy], default: str) -> list[Json]:
    """Policies, each with the first sentence of its module."""
    return [
        {
            "policy": policy.name,
            "version": policy.version,
            "default": policy.name == default,
            "learns": learns(policy),
            "summary": _summary(policy),
        }
        for policy in listed
    ]


def about_solver(catalog: Catalog, name: str, stats: StatsState) -> Json:
    """One solver with what became of its attempts, version by version; raises UnknownName.

    A solver that is not installed any more, but has attempts in the log, has no ``summary`` and no ``reference``.
    """
    found = [figures for figures in stats.solvers.values() if figures["solver"] == name]
    installed = {entry.name for family in catalog for entry in family.solvers}
    if name not in installed and found:
        entry: Json = {**dict.fromkeys(_FIELDS), "solver": name, "family": found[-1]["family"], "installed": False}
    else:
        known = catalog.solver(name)
        entry = {
            **solver(known),
            "family": known.family,
            "seedable": known.seedable,
            "islands": known.islands,
            "installed": True,
        }
    return {**entry, "versions": [{**figures, **means(figures)} for figures in found]}


_FIELDS = (
    "solver",
    "version",
    "summary",
    "reference",
    "runs_in",
    "repeatable",
    "exact",
    "family",
    "seedable",
    "islands",
)


def _summary(policy: Policy) -> str:
    first = (getattr(sys.modules.get(type(policy).__module__), "__doc__", None) or "").partition("\n\n")[0]
    return " ".join(first.split())
