"""Users, keys, roles, projects and denials as plain JSON values. No secret is at hand here, and none is shown."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mezan.api.accounts.desk import Accounts
from mezan.api.accounts.scopes import BUILT_IN, Scope
from mezan.projections.denials import Refused
from mezan.projections.principals import Key, Project, State, User

from .times import when

Json = dict[str, Any]


def user(accounts: Accounts, one: User) -> Json:
    """One user; ``second_factor`` says whether a login needs a code as well."""
    state, now = accounts.principals, accounts.clock()
    return {
        "id": one.id,
        "name": one.name,
        "project": one.project,
        "role": one.role,
        "scopes": sorted(accounts.standing.of_user(state, one)),
        "status": "disabled" if one.disabled else "enabled",
        "password": one.password is not None,
        "second_factor": one.totp is not None,
        "recovery_codes": len(one.codes),
        "sessions": sum(state.sessions[session].expires_at > now for session in one.sessions),
        "added_at": when(one.added_at),
    }


def users(accounts: Accounts, project: str | None) -> list[Json]:
    """The users of a project, or of all, by project and name."""
    chosen = (one for one in accounts.principals.users.values() if project in {None, one.project})
    return [user(accounts, one) for one in sorted(chosen, key=lambda one: (one.project, one.name))]


def key(accounts: Accounts, one: Key) -> Json:
    """One API key: who it is, never its secret."""
    state, now = accounts.principals, accounts.clock()
    owner = None if one.owner is None else state.users[one.owner]
    return {
        "id": one.id,
        "prefix": one.prefix,
        "name": one.name,
        "project": one.project,
        "owner": None if owner is None else owner.name,
        "role": one.role,
        "scopes": sorted(accounts.standing.of_key(state, one)),
        "status": key_status(state, one, now),
        "issued_at": when(one.issued_at),
        "rotated_at": when(one.rotated_at),
        "previous_until": when(one.previous_until) if one.previous is not None and one.previous_until > now else None,
        "expires_at": when(one.expires_at),
        "revoked_at": when(one.revoked_at),
    }


def key_status(state: State, one: Key, now: int) -> str:
    """``good``, or why it is refused: ``revoked``, ``expired``, ``disabled`` (its owner or project)."""
    if one.revoked_at is not None:
        return "revoked"
    if one.expires_at is not None and one.expires_at <= now:
        return "expired"
    return "good" if state.enabled(one.project, one.owner) else "disabled"


def keys(accounts: Accounts, project: str | None) -> list[Json]:
    """The keys of a project, or of all, by project and age."""
    chosen = (one for one in accounts.principals.keys.values() if project in {None, one.project})
    return [key(accounts, one) for one in sorted(chosen, key=lambda one: (one.project, one.issued_at, one.id))]


def roles(accounts: Accounts, project: str) -> list[Json]:
    """The built-in roles and those of a project: what each says itself, and all that it may."""
    state, every = accounts.principals, accounts.roles(project)
    own = state.projects[project].roles
    shown = []
    for name, scopes in every.items():
        built_in = BUILT_IN.get(name)
        includes: Iterable[str] = own[name].includes if built_in is None else built_in.includes
        said: Iterable[str] = own[name].scopes if built_in is None else built_in.scopes
        shown.append(
            {
                "name": name,
                "project": project,
                "built_in": built_in is not None,
                "own_scopes": sorted(said),
                "includes": list(includes),
                "scopes": _in_order(scopes),
                "users": sum((one.project, one.role) == (project, name) for one in state.users.values()),
                "keys": sum((one.project, one.role) == (project, name) for one in state.keys.values()),
            }
        )
    return sorted(shown, key=lambda role: (not role["built_in"], len(role["scopes"]), role["name"]))


def project(state: State, one: Project) -> Json:
    """One project, and how many there are in it."""
    return {
        "name": one.name,
        "title": one.title,
        "status": "disabled" if one.disabled else "enabled",
        "users": sum(user.project == one.name for user in state.users.values()),
        "keys": sum(key.project == one.name and key.revoked_at is None for key in state.keys.values()),
        "roles": sorted(one.roles),
        "added_at": when(one.added_at or None),
    }


def projects(state: State) -> list[Json]:
    """Every project by name."""
    return [project(state, state.projects[name]) for name in sorted(state.projects)]


def denials(found: Mapping[str, Refused], project: str | None) -> Json:
    """Who was refused in a project, or for None anywhere: counts by reason, and the latest, newest first.

    The empty name is for refusals of strangers, whose project is not known. Positions are not told: the log of accounts is one,
    and they would count what other projects do.
    """
    refused = list(found.values()) if project is None else [found.get(project, Refused())]
    times: Counter[str] = Counter()
    for each in refused:
        times.update(each.times)
    latest = sorted((one for each in refused for one in each.latest), key=lambda one: -one["position"])
    told = [{k: v for k, v in one.items() if k != "position"} | {"at": when(one["at"])} for one in latest]
    return {"project": project, "times": dict(sorted(times.items())), "latest": told}


def _in_order(scopes: Iterable[Scope]) -> list[str]:
    held = set(scopes)
    return [scope.value for scope in Scope if scope in held]
