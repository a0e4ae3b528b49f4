"""Roles: a set of scopes, and those of the roles included. More included is never less allowed; nothing includes itself."""

from graphlib import CycleError, TopologicalSorter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.accounts import rules
from mezan.api.accounts.principal import LOCAL, Principal
from mezan.api.accounts.scopes import BUILT_IN, EVERY, Role, Scope, closure
from mezan.api.accounts.standing import Standing
from mezan.engine.account_events import KeyIssued
from mezan.projections.principals import Key, Principals, Project, RoleDef, User
from mezan.solvers.errors import BadInput

NAMES = ["a", "b", "c", "d", "e", "f"]
scopes = st.frozensets(st.sampled_from(list(Scope)), max_size=3)
graphs = st.fixed_dictionaries(
    {name: st.tuples(scopes, st.lists(st.sampled_from(NAMES), unique=True, max_size=3)) for name in NAMES}
)


def roles(graph):
    return [Role(name, own, tuple(includes)) for name, (own, includes) in graph.items()]


def acyclic(edges):
    """What the standard library says."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError:
        return False
    return True


def edges_of(graph):
    return {name: includes for name, (_, includes) in graph.items()}


@given(graph=graphs)
def test_the_closure_is_what_can_be_reached_and_cycles_are_refused(graph):
    """graphlib says which graphs have a cycle, and powers of the adjacency matrix what each role reaches."""
    if not acyclic(edges_of(graph)):
        with pytest.raises(BadInput, match="must not include itself"):
            closure(roles(graph))
        return
    step = np.eye(len(NAMES), dtype=int)
    for name, (_, includes) in graph.items():
        step[NAMES.index(name), [NAMES.index(other) for other in includes]] = 1
    reached = np.linalg.matrix_power(step, len(NAMES)) > 0
    for name, found in closure(roles(graph)).items():
        assert found == frozenset().union(*(graph[NAMES[i]][0] for i in np.flatnonzero(reached[NAMES.index(name)])))


@given(graph=graphs, changed=st.sampled_from(NAMES), more=scopes, included=st.sampled_from(NAMES))
def test_the_closure_is_monotone(graph, changed, more, included):
    """A scope or a role more in one role takes nothing from any."""
    own, includes = graph[changed]
    wider = {**graph, changed: (own | more, [*includes, included])}
    if not acyclic(edges_of(wider)):
        return
    before, after = closure(roles(graph)), closure(roles(wider))
    assert all(before[name] <= after[name] for name in NAMES)


def test_the_built_in_roles_are_a_ladder():
    """Viewer below operator below admin, who may everything."""
    found = closure(BUILT_IN.values())
    assert found["viewer"] < found["operator"] < found["admin"] == EVERY


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.lists(st.sampled_from([scope.value for scope in Scope]), max_size=2),
            st.lists(st.sampled_from([*NAMES, "viewer", "operator", "admin"]), max_size=2),
        ),
        max_size=12,
    )
)
def test_what_is_recorded_never_has_a_cycle(steps):
    """Roles defined one after another: what the rules let through has a closure, which includes all that it names."""
    state = Principals().initial()
    own = state.projects["default"].roles
    for name, given_scopes, includes in steps:
        try:
            events = rules.define_role(state, LOCAL, "default", name, given_scopes, includes)
        except BadInput:
            continue
        for event in events:
            own[name] = RoleDef(list(event.scopes), list(event.includes))
        state.changes += 1
        found = Standing().roles(state, "default")
        assert found[name] >= rules.scopes_named(given_scopes).union(*(found[other] for other in includes))
        assert acyclic({one: role.includes for one, role in own.items()})


@pytest.mark.parametrize("name", ["admin", "viewer", "", "A", "a b", "-a", "a-", "x" * 33, "ä", "../a", "a\n"])
def test_a_roles_name_is_its_own(name):
    """Built-in roles cannot be redefined, and a name is plain."""
    with pytest.raises(BadInput, match="a role's name must be"):
        rules.define_role(Principals().initial(), LOCAL, "default", name, ["runs:read"], [])


ACTS = st.sampled_from(["define", "add", "promote", "issue", "disable", "rotate", "revoke", "drop"])


@given(held=st.frozensets(st.sampled_from(list(Scope))), act=ACTS, data=st.data())
def test_nobody_gives_or_takes_over_more_than_it_has(held, act, data):
    """Whoever administers with few scopes: what was let through makes nobody stronger than it, and touches nobody who is."""
    fold = Principals()
    state = fold.initial()
    state.projects["default"].roles["strong"] = RoleDef(["lab:run", "accounts:write"], ["viewer"])
    state.users["user_s"] = User("user_s", "default", "sam", "strong", 0)
    state.users["user_v"] = User("user_v", "default", "vic", "viewer", 0)
    state.users["user_a"] = User("user_a", "default", "ann", "admin", 0, password="kept")  # somebody is always left
    by = Principal("user_b", "ben", "user", "default", held | {Scope.ACCOUNTS_WRITE}, "session")
    role = data.draw(st.sampled_from(["viewer", "operator", "admin", "strong"]))
    user = data.draw(st.sampled_from(["user_s", "user_v"]))
    standing = Standing()
    given_away = standing.roles(state, "default")[role]
    touched = standing.of_user(state, state.users[user])
    match act:
        case "define":
            names = data.draw(st.lists(st.sampled_from([scope.value for scope in Scope])))
            given_away |= {Scope(name) for name in names}
            touched = frozenset()
            call = lambda: rules.define_role(state, by, "default", "new", names, [role])  # noqa: E731
        case "add":
            touched = frozenset()
            call = lambda: rules.add_user(state, standing, by, "default", "user_n", "new", role)  # noqa: E731
        case "promote":
            call = lambda: rules.set_role(state, standing, by, user, role)  # noqa: E731
        case "issue":
            new = key_for(role=role, owner=user)
            call = lambda: rules.issue_key(state, standing, by, new, 0)  # noqa: E731
        case "disable":
            given_away = frozenset()
            call = lambda: rules.disable(state, standing, by, user, "")  # noqa: E731
        case "drop":
            state.projects["default"].roles["free"] = RoleDef([], [role])
            state.changes += 1
            call = lambda: rules.drop_role(state, by, "default", "free")  # noqa: E731
            touched = frozenset()
        case _:
            issued = key_for(role=role, owner=None)
            state.keys["key_1"] = as_key(issued)
            change = rules.rotate_key if act == "rotate" else rules.revoke_key
            rest = ["kept", 1] if act == "rotate" else [""]
            touched = frozenset()
            call = lambda: change(state, standing, by, "key_1", *rest)  # noqa: E731
    if given_away | touched <= by.scopes:
        call()
    else:
        with pytest.raises(rules.Forbidden, match="must not go beyond"):
            call()


def key_for(**fields):
    return KeyIssued(project="default", key="key_1", prefix="p", name="a key", kept_as="k", **fields)


def as_key(issued):
    return Key("key_1", "default", "p", "a key", "k", issued.role, [], issued.owner, 0)


def test_others_and_their_things_are_not_there():
    """An administrator of one project gets the same answer for what another has as for what nobody has."""
    state = Principals().initial()
    state.projects["north"] = Project("north")
    state.users["user_n"] = User("user_n", "north", "nia", "viewer", 0)
    by = Principal("user_b", "ben", "user", "default", EVERY, "session")
    standing, said = Standing(), []
    for user in ("user_n", "user_x"):
        with pytest.raises(rules.NotThere) as caught:
            rules.disable(state, standing, by, user, "")
        said.append(str(caught.value).replace(user, "USER"))
    assert said[0] == said[1]
    for act in (
        lambda project: rules.add_user(state, standing, by, project, "user_2", "zoe", "viewer"),
        lambda project: rules.define_role(state, by, project, "r", ["runs:read"], []),
    ):
        said = []
        for project in ("north", "nowhere"):
            with pytest.raises(rules.NotThere) as caught:
                act(project)
            said.append(str(caught.value).replace(project, "PROJECT"))
        assert said[0] == said[1]
    for act in (rules.enable_project, lambda *given: rules.add_project(*given, "")):
        with pytest.raises(rules.Forbidden, match="command line"):
            act(state, by, "north")
