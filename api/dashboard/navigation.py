"""The menu: the pages that the caller may open."""

from typing import Final

from fastapi import Request

from mezan.api.accounts.scopes import Scope
from mezan.api.http.access import principal_of

PAGES: Final = (
    ("Overview", "/ui", Scope.RUNS_READ),
    ("Runs", "/ui/runs", Scope.RUNS_READ),
    ("Leaderboard", "/ui/leaderboard", Scope.RUNS_READ),
    ("Clusters", "/ui/clusters", Scope.RUNS_READ),
    ("Compare", "/ui/compare", Scope.RUNS_READ),
    ("Lab", "/ui/lab", Scope.LAB_RUN),
    ("Audit", "/ui/audit", Scope.LOG_READ),
    ("Submit", "/ui/submit", Scope.RUNS_WRITE),
)


def navigation(request: Request) -> list[tuple[str, str]]:
    """Names and addresses; on a server with accounts also that of the accounts, and the caller's own page."""
    principal = principal_of(request)
    if principal is None:
        return []
    found = [(name, path) for name, path, needed in PAGES if principal.may(needed)]
    if request.app.state.door is not None:
        found += [("Accounts", "/ui/accounts")] if principal.may(Scope.ACCOUNTS_READ) else []
        found.append((principal.name, "/ui/me"))
    return found
