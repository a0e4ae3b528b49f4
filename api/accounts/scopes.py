"""What may be allowed, and the roles that are sets of it. A role includes every scope of the roles that it includes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mezan.solvers.errors import BadInput


class Scope(StrEnum):
    """One thing that a principal may be allowed to do in its project."""

    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    RUNS_REPLAY = "runs:replay"
    LOG_READ = "log:read"
    LOG_VERIFY = "log:verify"
    LAB_RUN = "lab:run"
    METRICS_READ = "metrics:read"
    PROJECTIONS_REBUILD = "projections:rebuild"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"


EVERY: Final = frozenset(Scope)
ABOUT: Final[Mapping[Scope, str]] = {
    Scope.RUNS_READ: "See runs, ratings, clusters and what is installed.",
    Scope.RUNS_WRITE: "Submit, forecast and cancel runs.",
    Scope.RUNS_REPLAY: "Execute runs and choices again.",
    Scope.LOG_READ: "Search, follow and export the log.",
    Scope.LOG_VERIFY: "Recompute the log's hash chain.",
    Scope.LAB_RUN: "Try other policies on the log.",
    Scope.METRICS_READ: "See metrics and the state of read models.",
    Scope.PROJECTIONS_REBUILD: "Fold read models again.",
    Scope.ACCOUNTS_READ: "See users, keys, roles and denials of the project.",
    Scope.ACCOUNTS_WRITE: "Administer them.",
}
"""What each allows."""


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of scopes, and the roles whose scopes it has as well."""

    name: str
    scopes: frozenset[Scope]
    includes: tuple[str, ...] = ()


VIEWER: Final = Role("viewer", frozenset({Scope.RUNS_READ, Scope.LOG_READ, Scope.METRICS_READ}))
OPERATOR: Final = Role(
    "operator", frozenset({Scope.RUNS_WRITE, Scope.RUNS_REPLAY, Scope.LAB_RUN, Scope.LOG_VERIFY}), ("viewer",)
)
ADMIN: Final = Role(
    "admin", frozenset({Scope.PROJECTIONS_REBUILD, Scope.ACCOUNTS_READ, Scope.ACCOUNTS_WRITE}), ("operator",)
)
BUILT_IN: Final[Mapping[str, Role]] = {role.name: role for role in (VIEWER, OPERATOR, ADMIN)}


def closure(roles: Iterable[Role]) -> dict[str, frozenset[Scope]]:
    """Every scope of each role, by name.

    Raises:
        BadInput: a role includes one that is not there, or, over others, itself.
    """
    known = {role.name: role for role in roles}
    found: dict[str, frozenset[Scope]] = {}

    def scopes(name: str, path: tuple[str, ...]) -> frozenset[Scope]:
        if name in path:
            msg = f"a role must not include itself; got {' > '.join((*path, name))}"
            raise BadInput(msg)
        if name not in known:
            msg = f"a role may include {', '.join(sorted(known))}; got {name!r}"
            raise BadInput(msg)
        if name not in found:
            role = known[name]
            found[name] = role.scopes.union(*(scopes(other, (*path, name)) for other in role.includes))
        return found[name]

    for name in known:
        scopes(name, ())
    return found
