"""What administration is allowed: pure decisions from the fold to events. The desk records them."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from mezan.engine import account_events as ev
from mezan.projections.principals import DEFAULT_PROJECT, Key, Project, State, User
from mezan.solvers.errors import BadInput

from .errors import Forbidden, NotThere, Taken
from .files import check_project_name
from .principal import Principal
from .redaction import without_credentials
from .scopes import BUILT_IN, EVERY, Role, Scope, closure
from .standing import Standing, roles_of

USER_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
ROLE_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
LONGEST_LABEL: Final = 64
LONGEST_LIFE: Final = timedelta(days=3660)
MOST_PROJECTS, MOST_USERS, MOST_KEYS, MOST_ROLES = 1_000, 10_000, 10_000, 100


def check_admin(by: Principal, project: str) -> None:
    """Raise Forbidden unless somebody may administer the accounts of a project."""
    if by.kind == "local":
        return
    if not by.may(Scope.ACCOUNTS_WRITE):
        raise Forbidden(
            f"{Scope.ACCOUNTS_WRITE} is needed for this; {by.name} has it not", who=by.id, project=by.project
        )
    if by.project != project:
        raise NotThere(f"project {project[:60]!r} must be your own")


def check_holds(by: Principal, scopes: frozenset[Scope], what: str) -> None:
    """Raise Forbidden where somebody would give, or take over, more than it has itself."""
    held = EVERY if by.kind == "local" else by.scopes
    if not scopes <= held:
        missing = ", ".join(sorted(scopes - held))
        raise Forbidden(f"{what} must not go beyond what you may do yourself: {missing}", who=by.id, project=by.project)


def add_project(state: State, by: Principal, project: str, title: str) -> list[ev.AccountEvent]:
    """A new project; only for who can write the files."""
    _only_local(by)
    check_project_name(project)
    _check_text(title, "a project's title")
    if project in state.projects:
        raise Taken(f"a project's name must be new; there is a project {project}")
    _check_room(len(state.projects), MOST_PROJECTS, "projects")
    return [ev.ProjectAdded(project=project, title=title)]


def disable_project(state: State, by: Principal, project: str, reason: str) -> list[ev.AccountEvent]:
    """Let nobody of it in."""
    _only_local(by)
    _check_text(reason, "a reason")
    if project == DEFAULT_PROJECT:
        raise BadInput(f"the project {DEFAULT_PROJECT} must stay enabled; disable its users and revoke its keys")
    return [] if project_in(state, project).disabled else [ev.ProjectDisabled(project=project, reason=reason)]


def enable_project(state: State, by: Principal, project: str) -> list[ev.AccountEvent]:
    """Let its users and keys in again."""
    _only_local(by)
    return [ev.ProjectEnabled(project=project)] if project_in(state, project).disabled else []


def define_role(
    state: State, by: Principal, project: str, role: str, scopes: Sequence[str], includes: Sequence[str]
) -> list[ev.AccountEvent]:
    """A role that includes others; the closure must be free of cycles, before anything is recorded."""
    check_admin(by, project)
    project_in(state, project)
    if ROLE_NAME.fullmatch(role) is None or role in BUILT_IN:
        msg = f"a role's name must be 1 to 32 of a-z, 0-9 and inner hyphens, beginning with a letter, and not {', '.join(BUILT_IN)}; got {role[:60]!r}"
        raise BadInput(msg)
    held = roles_of(state, project)
    before = closure(held.values()).get(role, frozenset())
    _check_room(len(held), MOST_ROLES, "roles")
    made = Role(role, frozenset(scopes_named(scopes)), tuple(dict.fromkeys(includes)))
    after = closure({**held, role: made}.values())
    check_holds(by, before | after[role], f"role {role}")
    if not after[role]:
        raise BadInput(f"role {role} must have a scope, or include a role that has")
    new = ev.RoleDefined(project=project, role=role, scopes=tuple(sorted(made.scopes)), includes=made.includes)
    known = state.projects[project].roles.get(role)
    same = known is not None and (tuple(known.scopes), tuple(known.includes)) == (new.scopes, new.includes)
    return [] if same else [new]


def drop_role(state: State, by: Principal, project: str, role: str) -> list[ev.AccountEvent]:
    """A role that nobody has and no other includes."""
    check_admin(by, project)
    roles = project_in(state, project).roles
    if role not in roles:
        raise NotThere(f"a role to drop must be one that {project} has defined; got {role[:60]!r}")
    users = [user.name for user in state.users.values() if (user.project, user.role) == (project, role)]
    keys = [
        key.prefix for key in state.keys.values() if (key.project, key.role, key.revoked_at) == (project, role, None)
    ]
    others = [name for name, other in roles.items() if role in other.includes]
    if used := [*users, *keys, *others]:
        raise BadInput(f"a role to drop must not be in use; {role} is, by {', '.join(used[:5])}")
    check_holds(by, closure(roles_of(state, project).values())[role], f"role {role}")
    return [ev.RoleDropped(project=project, role=role)]


def add_user(
    state: State, standing: Standing, by: Principal, project: str, user: str, name: str, role: str
) -> list[ev.AccountEvent]:
    """A user under a new id."""
    check_admin(by, project)
    project_in(state, project)
    if USER_NAME.fullmatch(name) is None:
        msg = f"a user's name must be 1 to 64 of a-z, 0-9 and inner . _ -; got {without_credentials(name)[:80]!r}"
        raise BadInput(msg)
    if state.user_named(project, name) is not None:
        raise Taken(f"a user's name must be new in its project; {project} has a user {name}")
    _check_room(sum(one.project == project for one in state.users.values()), MOST_USERS, "users")
    check_holds(by, role_scopes(state, standing, project, role), f"role {role}")
    return [ev.UserAdded(project=project, user=user, name=name, role=role)]


def set_role(state: State, standing: Standing, by: Principal, user: str, role: str) -> list[ev.AccountEvent]:
    """Another role for a user."""
    one = touched_user(state, standing, by, user)
    after = role_scopes(state, standing, one.project, role)
    check_holds(by, after, f"role {role}")
    if Scope.ACCOUNTS_WRITE not in after:
        _check_admin_left(state, standing, by, one.project, without=user)
    return [] if one.role == role else [ev.UserRoleSet(project=one.project, user=user, role=role)]


def disable(state: State, standing: Standing, by: Principal, user: str, reason: str) -> list[ev.AccountEvent]:
    """Let a user in no more."""
    one = touched_user(state, standing, by, user)
    _check_text(reason, "a reason")
    _check_admin_left(state, standing, by, one.project, without=user)
    return [] if one.disabled else [ev.UserDisabled(project=one.project, user=user, reason=reason)]


def enable(state: State, standing: Standing, by: Principal, user: str) -> list[ev.AccountEvent]:
    """Let a user in again."""
    one = touched_user(state, standing, by, user)
    return [ev.UserEnabled(project=one.project, user=user)] if one.disabled else []


def issue_key(state: State, standing: Standing, by: Principal, new: ev.KeyIssued, now: int) -> list[ev.AccountEvent]:
    """A key with a role or scopes, for nobody or for a user of the project."""
    check_admin(by, new.project)
    project_in(state, new.project)
    _check_text(new.name, "a key's name", least=1)
    if (new.role is None) == (not new.scopes):
        raise BadInput("a key must have either a role or scopes; give one of the two")
    scopes = scopes_named(new.scopes) if new.role is None else role_scopes(state, standing, new.project, new.role)
    check_holds(by, frozenset(scopes), "a key")
    if new.owner is not None:
        owner = user_in(state, new.project, new.owner)
        if owner.disabled:
            raise BadInput(f"a key's owner must be enabled; {owner.name} is disabled")
        check_holds(by, standing.of_user(state, owner), f"user {owner.name}")
    if new.expires_at is not None and new.expires_at <= now:
        raise BadInput("a key must expire in the future")
    live = sum(key.project == new.project and key.revoked_at is None for key in state.keys.values())
    _check_room(live, MOST_KEYS, "keys")
    if new.prefix in state.prefixes:
        raise Taken("a key's prefix must be new")
    return [new]


def rotate_key(
    state: State, standing: Standing, by: Principal, key: str, kept_as: str, until: int
) -> list[ev.AccountEvent]:
    """A new secret for a key that is good."""
    one = touched_key(state, standing, by, key)
    if one.revoked_at is not None:
        raise BadInput(f"a key to rotate must be good; {one.prefix} was revoked: issue another")
    return [ev.KeyRotated(project=one.project, key=key, kept_as=kept_as, previous_until=until)]


def revoke_key(state: State, standing: Standing, by: Principal, key: str, reason: str) -> list[ev.AccountEvent]:
    """An end for a key."""
    one = touched_key(state, standing, by, key)
    _check_text(reason, "a reason")
    _check_admin_left(state, standing, by, one.project, without=key)
    return [] if one.revoked_at is not None else [ev.KeyRevoked(project=one.project, key=key, reason=reason)]


# what the rules share


def project_in(state: State, project: str) -> Project:
    """A project by its name; raises NotThere."""
    found = state.projects.get(project)
    if found is None:
        raise NotThere(f"a project must be one of {', '.join(list(state.projects)[:8])}; got {project[:60]!r}")
    return found


def role_scopes(state: State, standing: Standing, project: str, role: str) -> frozenset[Scope]:
    """Every scope of a role; raises NotThere."""
    roles = standing.roles(state, project)
    if role not in roles:
        raise NotThere(f"a role must be one of {', '.join(roles)}; got {role[:60]!r}")
    return roles[role]


def scopes_named(names: Sequence[str]) -> frozenset[Scope]:
    """Scopes by their names; raises BadInput."""
    known = {scope.value for scope in Scope}
    if unknown := [name for name in names if name not in known]:
        raise BadInput(f"a scope must be one of {', '.join(sorted(known))}; got {unknown[0][:60]!r}")
    return frozenset(Scope(name) for name in names)


def user_in(state: State, project: str, user: str) -> User:
    """A user of a project by its id; raises NotThere, also for those of other projects."""
    one = state.users.get(user)
    if one is None or one.project != project:
        raise NotThere(f"a user must be one of {project}; got {user[:60]!r}")
    return one


def visible_user(state: State, by: Principal, user: str) -> User:
    """A user by its id; raises NotThere, for another project's as for one that never was."""
    one = state.users.get(user)
    if one is None or (by.kind != "local" and by.project != one.project):
        raise NotThere(f"a user must be one of your project; got {user[:60]!r}")
    return one


def touched_user(state: State, standing: Standing, by: Principal, user: str) -> User:
    """A user that somebody may administer: nobody changes who may do more than itself. Raises NotThere, Forbidden."""
    one = visible_user(state, by, user)
    check_admin(by, one.project)
    check_holds(by, role_scopes(state, standing, one.project, one.role), f"user {one.name}")
    return one


def touched_key(state: State, standing: Standing, by: Principal, key: str) -> Key:
    """A key that somebody may administer; raises NotThere, Forbidden."""
    one = state.keys.get(key)
    if one is None or (by.kind != "local" and by.project != one.project):
        raise NotThere(f"a key must be one of your project; got {key[:60]!r}")
    check_admin(by, one.project)
    check_holds(by, standing.named(state, one), f"key {one.prefix}")
    return one


def length(given: timedelta, what: str, *, zero: bool = False) -> int:
    """Microseconds of a key's life or grace; raises BadInput."""
    if not (given > timedelta(0) or (zero and not given)) or given > LONGEST_LIFE:
        raise BadInput(f"{what} must be {'zero' if zero else 'above zero'} to {LONGEST_LIFE.days} days; got {given}")
    return given // timedelta(microseconds=1)


def _check_admin_left(state: State, standing: Standing, by: Principal, project: str, *, without: str) -> None:
    """Raise BadInput where nobody of a project could administer it any more; the command line can always."""
    user, key = state.users.get(without), state.keys.get(without)
    held = standing.of_user(state, user) if user else standing.of_key(state, key) if key else frozenset()
    if by.kind == "local" or Scope.ACCOUNTS_WRITE not in held:
        return
    users = (
        one.password is not None and Scope.ACCOUNTS_WRITE in standing.of_user(state, one)
        for one in state.users.values()
        if one.project == project and one.id != without
    )
    keys = (
        Scope.ACCOUNTS_WRITE in standing.of_key(state, one)
        for one in state.keys.values()
        if one.project == project and without not in {one.id, one.owner} and one.revoked_at is one.expires_at is None
    )
    if not (any(users) or any(keys)):
        raise BadInput(
            f"somebody must be left who may administer project {project}: make another administrator first, or use the command line"
        )


def _only_local(by: Principal) -> None:
    if by.kind != "local":
        raise Forbidden("projects must be administered on the command line", who=by.id, project=by.project)


def _check_text(text: str, what: str, least: int = 0) -> None:
    if not least <= len(text) <= LONGEST_LABEL or not text.isprintable() or text != text.strip():
        raise BadInput(f"{what} must be {least} to {LONGEST_LABEL} printable characters; got {text[:80]!r}")
    if without_credentials(text) != text:
        raise BadInput(f"{what} must not be a secret: this looks like a key or token, and would be in the log for ever")


def _check_room(count: int, most: int, what: str) -> None:
    if count >= most:
        raise BadInput(f"there must be at most {most} {what}; there are {count}")
