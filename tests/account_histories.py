"""Logs of accounts as the desk writes them, drawn at random: for tests of what folds them. Every step obeys the rules."""

import random
from collections.abc import Sequence

from histories import START, record

from mezan.api.accounts import rules
from mezan.api.accounts.principal import LOCAL
from mezan.api.accounts.scopes import Scope
from mezan.api.accounts.standing import Standing
from mezan.engine import account_events as ev
from mezan.engine.log import Recorded
from mezan.projections.principals import Principals, State, stream_of
from mezan.solvers.errors import BadInput

HOUR = 3_600_000_000


class Accounts:
    """Draws acts of administration, logins and revocations in two projects; ``pairs`` are (stream, event)."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fold, self.standing = Principals(), Standing()
        self.state: State = self.fold.initial()
        self.pairs: list[tuple[str, ev.AccountEvent]] = []
        self.made = 0

    def log(self, steps: int) -> list[Recorded]:
        """So many steps; a step that the rules refuse leaves nothing."""
        for _ in range(steps):
            try:
                self.do(*self.step())
            except BadInput:
                continue
        return record(iter(self.pairs))

    def do(self, stream: str, events: Sequence[ev.AccountEvent]) -> None:
        """Take events, and fold them."""
        for event in events:
            self.pairs.append((stream, event))
            self.state = self.fold.apply(self.state, record(iter([(stream, event)]))[0])

    def new(self, kind: str) -> str:
        """A name that is used once."""
        self.made += 1
        return f"{kind}_{self.made:06d}"

    def step(self) -> tuple[str, Sequence[ev.AccountEvent]]:
        """One act; raises BadInput where the rules refuse it."""
        rng, state = self.random, self.state
        project = rng.choice(["default", "north"])
        users = [one.id for one in state.users.values() if one.project == project] or ["nobody"]
        keys = [one.id for one in state.keys.values() if one.project == project] or ["none"]
        user, key = rng.choice(users), rng.choice(keys)
        role = rng.choice(["viewer", "operator", "admin", "r0", "r1", "r2", "r3"])
        act = rng.randrange(16)
        stream = stream_of(project)
        if project not in state.projects:
            act = 0
        if act == 0:
            return stream_of("north"), rules.add_project(state, LOCAL, "north", "Plant")
        if act == 1:
            change = rules.enable_project if state.projects[project].disabled else rules.disable_project
            return stream, change(state, LOCAL, project, *([] if change is rules.enable_project else ["why"]))
        if act <= 3:
            scopes = rng.sample([scope.value for scope in Scope], rng.randrange(3))
            includes = rng.sample(["viewer", "operator", "r0", "r1", "r2", "r3"], rng.randrange(3))
            return stream, rules.define_role(state, LOCAL, project, f"r{rng.randrange(4)}", scopes, includes)
        if act == 4:
            return stream, rules.drop_role(state, LOCAL, project, role)
        if act <= 6:
            name = f"u{rng.randrange(20)}"
            return stream, rules.add_user(state, self.standing, LOCAL, project, self.new("user"), name, role)
        if act == 7:
            return stream, rules.set_role(state, self.standing, LOCAL, user, role)
        if act == 8:
            if user in state.users and state.users[user].disabled:
                return stream, rules.enable(state, self.standing, LOCAL, user)
            return stream, rules.disable(state, self.standing, LOCAL, user, "")
        if act <= 10:
            new = ev.KeyIssued(
                project=project, key=self.new("key"), prefix=f"{self.made:012d}", name="a key", kept_as=self.new("kept"),
                role=rng.choice([None, role]), scopes=rng.sample([scope.value for scope in Scope], rng.randrange(2)),
                owner=rng.choice([None, user]), expires_at=rng.choice([None, START + HOUR]),
            )  # fmt: skip
            return stream, rules.issue_key(state, self.standing, LOCAL, new, START)
        if act == 11:
            return stream, rules.rotate_key(state, self.standing, LOCAL, key, self.new("kept"), START + HOUR)
        if act == 12:
            return stream, rules.revoke_key(state, self.standing, LOCAL, key, "")
        if user not in state.users:
            raise BadInput("nobody there")
        return self._of_user(project, user, rng.randrange(9))

    def _of_user(self, project: str, user: str, act: int) -> tuple[str, Sequence[ev.AccountEvent]]:
        rng, one, stream = self.random, self.state.users[user], stream_of(project)
        common = {"project": project, "user": user}
        until = START + rng.randrange(HOUR)
        if act == 0:
            return stream, [ev.PasswordSet(**common, kept_as=self.new("kept"))]
        if act == 1:
            return stream, [
                ev.TotpEnabled(**common, kept_as=self.new("kept")),
                ev.RecoveryCodesMade(**common, kept_as=self.new("kept"), count=10),
            ]
        if act == 2:
            return stream, [ev.RecoveryCodeUsed(**common, number=rng.choice(one.codes))] if one.codes else []
        if act == 3 and one.sessions:
            session = rng.choice(one.sessions)
            return session, [ev.SessionClosed(project=project, session=session, reason="logged out")]
        if act == 4 and one.families:
            family = rng.choice(one.families)
            return family, [ev.RefreshRotated(project=project, family=family, kept_as=self.new("kept"))]
        if act == 5 and one.families:
            family = rng.choice(one.families)
            return family, [ev.RefreshRevoked(project=project, family=family, reason="reused")]
        if act == 6:
            family = self.new("family")
            issued = ev.RefreshIssued(
                **common, family=family, kept_as=self.new("kept"), scopes=("runs:read",), expires_at=until
            )
            return family, [issued]
        if act == 7:
            jti = self.new("jti")
            return f"tokens_{project}", [ev.TokenRevoked(project=project, jti=jti, until=until)]
        session = self.new("session")
        opened = ev.SessionOpened(**common, session=session, kept_as=self.new("kept"), expires_at=until, address="::1")
        return session, [opened]
