"""What `mezan users|keys|roles|projects list` print."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mezan.api.accounts.desk import Accounts
from mezan.api.accounts.open import open_accounts
from mezan.api.accounts.rules import project_in
from mezan.api.views import accounts as views

from .errors import DONE
from .options import database
from .output import clean, console, emit, table

Json = dict[str, Any]
STYLES = {"good": "green", "enabled": "green", "disabled": "yellow", "expired": "yellow", "revoked": "red"}


@asynccontextmanager
async def reading(db: str, project: str | None = None) -> AsyncIterator[Accounts]:
    """Accounts to look at; raises NotThere for a project that they have not."""
    async with open_accounts(database(db), read_only=True) as accounts:
        if project is not None:
            project_in(accounts.principals, project)
        yield accounts


async def list_users(db: str, project: str | None, *, as_json: bool) -> int:
    """The users."""
    async with reading(db, project) as accounts:
        rows = views.users(accounts, project)
    if as_json:
        emit(rows)
        return DONE
    shown = table("user", "project", "role", "", "logs in with", "sessions", "added", right=("sessions",))
    for row in rows:
        proof = "password" if row["password"] else "nothing yet"
        proof += f" and a code ({row['recovery_codes']} recovery codes left)" if row["second_factor"] else ""
        shown.add_row(
            clean(row["name"]),
            row["project"],
            row["role"],
            _state(row),
            proof,
            str(row["sessions"]),
            _day(row["added_at"]),
        )
    console().print(shown if rows else "no users")
    return DONE


async def list_keys(db: str, project: str | None, *, every: bool, as_json: bool) -> int:
    """The keys, those that are good alone unless ``every``."""
    async with reading(db, project) as accounts:
        rows = views.keys(accounts, project)
    left_out = 0 if every else sum(row["status"] in {"revoked", "expired"} for row in rows)
    rows = rows if every else [row for row in rows if row["status"] not in {"revoked", "expired"}]
    if as_json:
        emit(rows)
        return DONE
    shown = table("key", "name", "project", "owner", "may", "", "expires")
    for row in rows:
        may = row["role"] or scopes_line(row["scopes"])
        expires = _day(row["expires_at"]) if row["expires_at"] else "never"
        owner = "-" if row["owner"] is None else clean(row["owner"])
        shown.add_row(row["prefix"], clean(row["name"]), row["project"], owner, may, _state(row), expires)
    console().print(shown if rows else "no keys")
    if left_out:
        console().print(f"and {left_out} that are revoked or expired; see --all", style="dim")
    return DONE


async def list_roles(db: str, project: str, *, as_json: bool) -> int:
    """The roles of a project."""
    async with reading(db, project) as accounts:
        rows = views.roles(accounts, project)
    if as_json:
        emit(rows)
        return DONE
    shown = table("role", "includes", "scopes", "users", "keys", right=("users", "keys"))
    for row in rows:
        includes = ", ".join(row["includes"]) or "-"
        shown.add_row(row["name"], includes, scopes_line(row["scopes"]), str(row["users"]), str(row["keys"]))
    console().print(shown)
    return DONE


async def list_projects(db: str, *, as_json: bool) -> int:
    """The projects."""
    async with reading(db) as accounts:
        rows = views.projects(accounts.principals)
    if as_json:
        emit(rows)
        return DONE
    shown = table("project", "title", "", "users", "keys", "own roles", right=("users", "keys"))
    for row in rows:
        own = ", ".join(row["roles"]) or "-"
        shown.add_row(row["name"], clean(row["title"]), _state(row), str(row["users"]), str(row["keys"]), own)
    console().print(shown)
    return DONE


async def list_denials(db: str, project: str | None, limit: int, *, as_json: bool) -> int:
    """Who was refused, in a project or anywhere."""
    async with reading(db, project) as accounts:
        state, found = accounts.principals, views.denials(accounts.denials, project)
    found["latest"] = found["latest"][:limit]
    if as_json:
        emit(found)
        return DONE
    shown = table("at", "reason", "who", "project", "from", "what", "times", right=("times",))
    for one in found["latest"]:
        known = state.users.get(one["principal"]) or state.keys.get(one["principal"])
        who = clean(one["principal"] if known is None else known.name) or "-"
        where = (clean(one["project"]) or "-", clean(one["address"]) or "-", clean(one["path"]))
        shown.add_row(one["at"], clean(one["reason"]), who, *where, str(one["times"]))
    console().print(shown if found["latest"] else "nobody was refused")
    if found["times"]:
        counts = ", ".join(f"{clean(reason)} {times}" for reason, times in found["times"].items())
        console().print(f"in all: {counts}", style="dim")
    return DONE


def scopes_line(scopes: Sequence[str]) -> str:
    """Scopes by what they are about: ``runs:read,write log:read``."""
    grouped: dict[str, list[str]] = {}
    for scope in scopes:
        about, _, act = scope.partition(":")
        grouped.setdefault(about, []).append(act)
    return " ".join(f"{about}:{','.join(acts)}" for about, acts in grouped.items()) or "-"


def _state(row: Json) -> Any:
    from rich.text import Text

    return Text(row["status"], STYLES[row["status"]])


def _day(at: str | None) -> str:
    return "-" if at is None else at[:16].replace("T", " ")
