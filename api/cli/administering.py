"""What `mezan users|keys|roles|projects` change."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mezan.api.accounts import rules
from mezan.api.accounts.desk import Accounts, Issued
from mezan.api.accounts.files import files_of
from mezan.api.accounts.open import accounts_exist, open_accounts
from mezan.api.accounts.principal import LOCAL
from mezan.api.accounts.standing import Standing
from mezan.api.views import accounts as views
from mezan.engine.account_events import KeyIssued
from mezan.projections.principals import State
from mezan.solvers.errors import BadInput

from .accounts_lists import scopes_line
from .durations import duration
from .errors import DONE
from .handing import check_new, write_private
from .options import database
from .output import clean, console, emit, notice

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeyWanted:
    """A key as asked for."""

    name: str
    role: str | None
    scopes: tuple[str, ...]
    owner: str | None
    expires: str | None
    project: str


@asynccontextmanager
async def existing(db: str) -> AsyncIterator[Accounts]:
    """Accounts to change; a mistyped database makes no files."""
    url = database(db)
    if not accounts_exist(url):
        msg = f"{files_of(url).database} must have accounts for this; it has none: make the first with `mezan users add NAME --role admin`"
        raise BadInput(msg)
    async with open_accounts(url) as accounts:
        yield accounts


def _none_yet(db: str) -> bool:
    """Whether this would make the files: then a mistake is to be found before, and none are made."""
    return not accounts_exist(database(db))


async def add_user(db: str, name: str, role: str, project: str, *, as_json: bool) -> int:
    """A new user."""
    if _none_yet(db):
        rules.add_user(State(), Standing(), LOCAL, project, "", name, role)
    async with open_accounts(database(db)) as accounts:
        first = not accounts.on
        user = await accounts.add_user(name, role=role, project=project)
        found = views.user(accounts, user)
    _say(found, f"{user.name}@{user.project} is {clean(role)}: {scopes_line(found['scopes'])}", as_json=as_json)
    if first:
        notice("accounts are on: from its next start the server asks everybody who they are")
    return DONE


async def set_role(db: str, name: str, role: str, *, as_json: bool) -> int:
    """Another role."""
    async with existing(db) as accounts:
        user = await accounts.set_role(accounts.user(name).id, role)
        found = views.user(accounts, user)
    _say(found, f"{user.name}@{user.project} is {clean(role)}: {scopes_line(found['scopes'])}", as_json=as_json)
    return DONE


async def disable(db: str, name: str, reason: str, *, yes: bool, as_json: bool) -> int:
    """Out."""
    async with existing(db) as accounts:
        user = accounts.user(name)
        confirm(f"refuse {user.name}@{user.project} and its keys, and end its sessions", yes=yes)
        user = await accounts.disable(user.id, reason=reason)
        found = views.user(accounts, user)
    _say(found, f"{user.name}@{user.project} is disabled", as_json=as_json)
    return DONE


async def enable(db: str, name: str, *, as_json: bool) -> int:
    """In again."""
    async with existing(db) as accounts:
        user = await accounts.enable(accounts.user(name).id)
        found = views.user(accounts, user)
    _say(found, f"{user.name}@{user.project} is enabled", as_json=as_json)
    return DONE


async def issue(db: str, wanted: KeyWanted, to: str | None, *, as_json: bool) -> int:
    """A new key, shown once."""
    life = None if wanted.expires is None else duration(wanted.expires, "--expires")
    if life is not None:
        rules.length(life, "a key's life")
    if (wanted.role is None) == (not wanted.scopes):
        raise BadInput("a key must have either --role or --scope; give one of the two")
    check_new(to)
    if _none_yet(db):
        first = KeyIssued(
            project=wanted.project, key="", prefix="", name=wanted.name, kept_as="", role=wanted.role,
            scopes=wanted.scopes, owner=wanted.owner,
        )  # fmt: skip
        rules.issue_key(State(), Standing(), LOCAL, first, 0)
    async with open_accounts(database(db)) as accounts:
        owner = None if wanted.owner is None else accounts.user(_within(wanted.owner, wanted.project)).id
        issued = await accounts.issue_key(
            wanted.name, role=wanted.role, scopes=wanted.scopes, owner=owner, expires_in=life, project=wanted.project
        )
        found = views.key(accounts, issued.key)
        _hand_over(found, issued, to, as_json=as_json)
    return DONE


async def rotate(db: str, name: str, grace: str, to: str | None, *, as_json: bool) -> int:
    """A new secret, shown once."""
    kept = duration(grace, "--grace")
    check_new(to)
    async with existing(db) as accounts:
        issued = await accounts.rotate_key(accounts.key(name).id, grace=kept)
        found = views.key(accounts, issued.key)
        _hand_over(found, issued, to, as_json=as_json)
    return DONE


async def revoke(db: str, name: str, reason: str, *, yes: bool, as_json: bool) -> int:
    """The end of a key."""
    async with existing(db) as accounts:
        key = accounts.key(name)
        confirm(f"refuse key {key.prefix} ({clean(key.name)} of {key.project}) for ever", yes=yes)
        key = await accounts.revoke_key(key.id, reason=reason)
        found = views.key(accounts, key)
    _say(found, f"key {key.prefix} is revoked", as_json=as_json)
    return DONE


async def define(
    db: str, name: str, scopes: tuple[str, ...], includes: tuple[str, ...], project: str, *, as_json: bool
) -> int:
    """A role."""
    async with existing(db) as accounts:
        await accounts.define_role(name, scopes=scopes, includes=includes, project=project)
        rows = views.roles(accounts, project)
    found = next(row for row in rows if row["name"] == name)
    _say(found, f"role {name} of {project}: {scopes_line(found['scopes'])}", as_json=as_json)
    return DONE


async def drop(db: str, name: str, project: str, *, yes: bool, as_json: bool) -> int:
    """No such role any more."""
    async with existing(db) as accounts:
        confirm(f"remove role {clean(name)} of {clean(project)}", yes=yes)
        await accounts.drop_role(name, project=project)
    _say({"name": name, "project": project, "dropped": True}, f"role {name} of {project} is gone", as_json=as_json)
    return DONE


async def add_project(db: str, name: str, title: str, *, as_json: bool) -> int:
    """A project."""
    if _none_yet(db):
        rules.add_project(State(), LOCAL, name, title)
    async with open_accounts(database(db)) as accounts:
        await accounts.add_project(name, title=title)
        found = views.project(accounts.principals, accounts.principals.projects[name])
    _say(found, f"project {name} is there; add users with `mezan users add NAME --project {name}`", as_json=as_json)
    return DONE


async def disable_project(db: str, name: str, reason: str, *, yes: bool, as_json: bool) -> int:
    """Nobody of it."""
    async with existing(db) as accounts:
        confirm(f"refuse every user and key of project {clean(name)}", yes=yes)
        await accounts.disable_project(name, reason=reason)
        found = views.project(accounts.principals, accounts.principals.projects[name])
    _say(found, f"project {name} is disabled", as_json=as_json)
    return DONE


async def enable_project(db: str, name: str, *, as_json: bool) -> int:
    """Everybody of it."""
    async with existing(db) as accounts:
        await accounts.enable_project(name)
        found = views.project(accounts.principals, accounts.principals.projects[name])
    _say(found, f"project {name} is enabled", as_json=as_json)
    return DONE


def _say(found: Json, text: str, *, as_json: bool) -> None:
    if as_json:
        emit(found)
    else:
        console().print(text)


def _within(user: str, project: str) -> str:
    """A user's name as one of a project."""
    return user if "@" in user or user.startswith("user_") else f"{user}@{project}"


def confirm(what: str, *, yes: bool) -> None:
    """Ask on a terminal; raises BadInput where nobody can be asked, or who is asked does not agree."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"--yes must be given to {what} without being asked")
    try:
        answer = console(error=True).input(f"{what}? [y/N] ", markup=False)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise BadInput(f"y must be answered to {what}; nothing was changed")


def _hand_over(found: Json, issued: Issued, to: str | None, *, as_json: bool) -> None:
    """Show a key once, or write it into a file that only its owner can read."""
    if to is not None:
        write_private(to, issued.text, advice=f"; rotate key {issued.key.prefix} for another secret")
    if as_json:
        emit(found | ({"file": to} if to is not None else {"key": issued.text}))
        return
    if to is None:
        console().print(issued.text, soft_wrap=True)
    notice(f"key {issued.key.prefix}: {scopes_line(found['scopes'])}; expires {found['expires_at'] or 'never'}")
    if found["previous_until"]:
        notice(f"the secret before works until {found['previous_until']}")
    notice(f"written to {to}" if to is not None else "keep it now: it is shown once, and kept nowhere")
