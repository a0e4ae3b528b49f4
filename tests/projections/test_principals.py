"""Users, keys, roles and sessions are what the log of accounts says, however it is read."""

from account_histories import HOUR, Accounts
from histories import START, fresh, record
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.api.accounts.standing import Standing
from mezan.engine import account_events as ev
from mezan.projections.denials import MOST, Denials
from mezan.projections.principals import HANDLED, HARMLESS, LEAST_SWEEP, MOST_SESSIONS, Principals

FOLD = Principals()
logs = st.builds(lambda seed, steps: Accounts(seed).log(steps), st.integers(0, 2**32), st.integers(0, 400))
few = settings(max_examples=40, deadline=None)


def fold(events, state=None):
    state = FOLD.initial() if state is None else state
    for event in events:
        state = FOLD.apply(state, event)
    return state


@few
@given(log=logs, data=st.data())
def test_a_fold_continued_from_its_dump_equals_one_from_the_start(log, data):
    """Saved at any position, loaded and continued: the same value, the same bytes, and the payloads are left as they were."""
    cut = data.draw(st.integers(0, len(log)))
    before = FOLD.load(FOLD.dump(fold(log[:cut])))
    assert before == fold(fresh(log[:cut]))
    straight = fold(log)
    resumed = fold(log[cut:], before)
    assert resumed == straight
    assert FOLD.dump(resumed) == FOLD.dump(straight) == FOLD.dump(FOLD.load(FOLD.dump(straight)))
    assert all(event.data == untouched.data for event, untouched in zip(log, fresh(log), strict=True))


@few
@given(log=logs)
def test_sessions_and_families_belong_to_their_users(log):
    """Every id that a user lists is there and its own, and the look-ups find each user and key."""
    state = fold(log)
    for user in state.users.values():
        assert len(user.sessions) <= MOST_SESSIONS >= len(user.families)
        assert {state.sessions[one].user for one in user.sessions} <= {user.id}
        assert {state.families[one].user for one in user.families} <= {user.id}
        assert state.user_named(user.project, user.name) is user
    assert sum(len(user.sessions) for user in state.users.values()) == len(state.sessions)
    assert sum(len(user.families) for user in state.users.values()) == len(state.families)
    assert all(state.key_with(key.prefix) is key for key in state.keys.values())


@few
@given(log=logs)
def test_who_is_disabled_is_logged_out(log):
    """No session or family of refresh tokens outlives it, nor a new password."""
    state = FOLD.initial()
    for event in log:
        state = FOLD.apply(state, event)
        if event.type in {"UserDisabled", "PasswordSet"}:
            assert state.users[event.data["user"]].sessions == state.users[event.data["user"]].families == []
        if event.type == "ProjectDisabled":
            users = [user for user in state.users.values() if user.project == event.data["project"]]
            assert not any(user.sessions or user.families for user in users)


@few
@given(log=logs)
def test_a_projects_version_is_that_of_its_stream(log):
    """It guards appends: one that was decided on an older state is refused by the log."""
    state = fold(log)
    for name, project in state.projects.items():
        assert project.version == sum(event.stream == f"project_{name}" for event in log)


@few
@given(log=logs)
def test_changes_grow_whenever_a_credential_means_something_else(log):
    """What was found out about a key, session or user holds while the number stays: this is what caches rest on."""
    state, standing = FOLD.initial(), Standing()
    for event in log:
        before, meant = state.changes, meanings(state, standing, event.recorded_at)
        state = FOLD.apply(state, event)
        now = meanings(state, Standing(), event.recorded_at)
        if any(now.get(credential) != meaning for credential, meaning in meant.items()):
            assert state.changes > before, event
        assert event.type in HARMLESS or state.changes > before


def meanings(state, standing, now):
    """What each credential that is known is good for."""
    users = {user.id: standing.of_user(state, user) for user in state.users.values()}
    keys = {
        key.id: (standing.of_key(state, key), key.kept_as, key.previous, key.previous_until, key.revoked_at)
        for key in state.keys.values()
    }
    sessions = {one.id: one.user for one in state.sessions.values() if one.expires_at > now}
    return users | keys | sessions


def test_the_oldest_session_beyond_the_limit_ends_and_counts_as_a_change():
    """A user keeps sixteen; those that have expired make room first, and their end changes nothing."""
    accounts = Accounts(0)
    accounts.do("project_default", [ev.UserAdded(project="default", user="user_1", name="ann", role="viewer")])

    def open_session(number, until):
        opened = ev.SessionOpened(project="default", session=f"s{number}", user="user_1", kept_as="k", expires_at=until)
        accounts.do(f"s{number}", [opened])

    for number in range(MOST_SESSIONS + 1):
        open_session(number, START + HOUR if number else START)
    assert (accounts.state.changes, len(accounts.state.sessions)) == (0, MOST_SESSIONS)
    assert accounts.state.users["user_1"].sessions[0] == "s1"
    open_session(101, START + HOUR)
    assert (accounts.state.changes, accounts.state.users["user_1"].sessions[0]) == (1, "s2")


def test_revoked_tokens_are_forgotten_once_they_would_have_ended():
    """The list does not grow for ever, and none is forgotten too early."""
    pairs = [("t", ev.TokenRevoked(project="default", jti=f"{i}", until=START + i * 250_000 + HOUR)) for i in range(40_000)]  # fmt: skip
    log = record(iter(pairs))
    state = fold(log)
    live = {f"{i}" for i in range(40_000) if START + i * 250_000 + HOUR > log[-1].recorded_at}
    assert live <= set(state.revoked)
    assert len(state.revoked) <= max(LEAST_SWEEP, 2 * len(live)) + 1


def test_every_event_of_accounts_is_folded():
    """By this fold, or by that of denials."""
    names = {cls.__name__ for cls in ev.AccountEvent.__args__}
    assert names == HANDLED | Denials.handles
    assert HARMLESS < HANDLED


def test_denials_are_counted_and_the_latest_are_kept():
    """Per project and reason; a value of bounded size that comes back from its dump."""
    pairs = [
        ("d", ev.AccessDenied(reason=f"r{i % 3}", project="p" * (i % 2), principal="", address="a", path="/", times=2))
        for i in range(1_000)
    ]
    fold, state = Denials(), Denials().initial()
    for event in record(iter(pairs)):
        state = fold.apply(state, event)
    assert {project: sum(refused.times.values()) for project, refused in state.items()} == {"": 1_000, "p": 1_000}
    assert [len(refused.latest) for refused in state.values()] == [MOST, MOST]
    assert state["p"].latest[-1]["position"] == 1_000
    assert fold.load(fold.dump(state)) == state
