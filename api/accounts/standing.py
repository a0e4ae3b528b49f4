"""What a user or key may do as things stand: the scopes of its role, less where an owner may do less."""

from collections.abc import Mapping

from mezan.projections.principals import Key, State, User

from .scopes import BUILT_IN, Role, Scope, closure


def known(scopes: object) -> frozenset[Scope]:
    """Of the strings in events, those that this version knows."""
    values = set(Scope)
    return frozenset(Scope(one) for one in scopes if one in values) if isinstance(scopes, list | tuple) else frozenset()


def roles_of(state: State, project: str) -> dict[str, Role]:
    """The built-in roles and those of a project."""
    held = state.projects[project].roles if project in state.projects else {}
    own = {name: Role(name, known(role.scopes), tuple(role.includes)) for name, role in held.items()}
    return {**own, **BUILT_IN}


class Standing:
    """Computes scopes, and keeps those of roles while nothing changes."""

    def __init__(self) -> None:
        self._roles: dict[str, Mapping[str, frozenset[Scope]]] = {}
        self._state: State | None = None
        self._changes = -1

    def roles(self, state: State, project: str) -> Mapping[str, frozenset[Scope]]:
        """Every scope of each role of a project."""
        if state is not self._state or state.changes != self._changes:
            self._roles, self._state, self._changes = {}, state, state.changes
        if project not in self._roles:
            self._roles[project] = closure(roles_of(state, project).values())
        return self._roles[project]

    def of_user(self, state: State, user: User) -> frozenset[Scope]:
        """What a user may do; nothing once it is disabled."""
        if not state.enabled(user.project, user.id):
            return frozenset()
        return self.roles(state, user.project).get(user.role, frozenset())

    def of_key(self, state: State, key: Key) -> frozenset[Scope]:
        """What a key may do, whatever its expiry."""
        if not state.enabled(key.project):
            return frozenset()
        own = self.named(state, key)
        return own if key.owner is None else own & self.of_user(state, state.users[key.owner])

    def named(self, state: State, key: Key) -> frozenset[Scope]:
        """What a key was made for: what it may do while its owner may do as much, and is enabled."""
        return known(key.scopes) if key.role is None else self.roles(state, key.project).get(key.role, frozenset())
