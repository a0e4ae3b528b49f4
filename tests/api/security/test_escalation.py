"""Administrators and others who want more than they have: nobody gives, takes over or keeps what it does not hold."""

from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.api.limits.logins import Logins

from .attacker import PASSWORD, Attacker, until

EVERY = (
    "accounts:read", "accounts:write", "lab:run", "log:read", "log:verify", "metrics:read", "projections:rebuild", "runs:read", "runs:replay", "runs:write",
)  # fmt: skip


@pytest.fixture(scope="module")
def clerk(attacker: Attacker) -> Iterator[httpx.Client]:
    """A key that may administer accounts, and nothing else."""
    with attacker.house.client("admin") as admin:
        made = admin.post(
            "/accounts/keys", json={"name": "clerk", "scopes": ["accounts:read", "accounts:write"]}
        ).json()
    with httpx.Client(base_url=attacker.url, headers={"authorization": f"Bearer {made['key']}"}, timeout=20) as client:
        yield client


def test_nobody_issues_a_key_that_may_more(attacker: Attacker, clerk: httpx.Client) -> None:
    """By scope, by role, by owner; alone or together with what one has."""
    ids = attacker.house.ids
    for wanted in (
        *({"name": "x", "scopes": [scope]} for scope in EVERY if not scope.startswith("accounts:")),
        {"name": "x", "scopes": list(EVERY)}, {"name": "x", "role": "admin"}, {"name": "x", "role": "viewer"},
        {"name": "x", "scopes": ["accounts:read"], "owner": ids["admin-user@default"]}, {"name": "x", "scopes": ["accounts:read"], "owner": ids["viewer-user@default"]},
    ):  # fmt: skip
        attacker.expect(clerk.post("/accounts/keys", json=wanted), 403, "forbidden", wanted)
    assert clerk.post("/accounts/keys", json={"name": "less", "scopes": ["accounts:read"]}).status_code == 201
    for wanted in (
        {"name": "x", "scopes": ["*"]},
        {"name": "x", "scopes": ["accounts:*"]},
        {"name": "x", "scopes": ["accounts:write runs:read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["ACCOUNTS:READ"]},
        {"name": "x", "scopes": ["accounts:read"], "role": "viewer"},
    ):
        answer = clerk.post("/accounts/keys", json=wanted)
        assert answer.status_code == 422, (wanted, answer.text)


def test_nobody_defines_a_role_that_may_more(attacker: Attacker, clerk: httpx.Client) -> None:
    """A role of its own with others' scopes, one that includes admin, one whose name is a built-in role's, a circle."""
    for wanted in (
        {"includes": ["admin"]},
        {"includes": ["viewer"]},
        {"scopes": ["runs:read"]},
        {"scopes": ["accounts:write"], "includes": ["operator"]},
    ):
        attacker.expect(clerk.put("/accounts/roles/mine", json=wanted), 403, "forbidden", wanted)
    for name in ("admin", "viewer", "operator"):
        answer = clerk.put(f"/accounts/roles/{name}", json={"scopes": ["accounts:write"]})
        assert answer.status_code == 422
    assert clerk.put("/accounts/roles/clerk", json={"scopes": ["accounts:read", "accounts:write"]}).status_code == 200
    for wanted in ({"includes": ["clerk"]}, {"scopes": ["accounts:read"], "includes": ["clerk"]}):
        assert clerk.put("/accounts/roles/clerk", json=wanted).status_code == 422, "a role in itself"
    with attacker.house.client("admin") as admin:
        assert admin.put("/accounts/roles/chief", json={"includes": ["clerk", "operator"]}).status_code == 200
        attacker.expect(clerk.delete("/accounts/roles/chief"), 403, "forbidden")
        attacker.expect(clerk.put("/accounts/roles/chief", json={"scopes": ["accounts:read"]}), 403, "forbidden")
        circle = clerk.put(
            "/accounts/roles/clerk", json={"scopes": ["accounts:read", "accounts:write"], "includes": ["chief"]}
        )
        assert circle.status_code == 422


def test_nobody_touches_who_may_more(attacker: Attacker, clerk: httpx.Client) -> None:
    """Neither role, password, authenticator, state nor keys of an administrator: each would be a way into it."""
    ids = attacker.house.ids
    for name in ("admin-user@default", "operator-user@default"):
        for path, body in (
            ("role", {"role": "clerk"}), ("role", {"role": "admin"}), ("disable", {}), ("enable", {}), ("password", {"password": "a new good phrase 1"}), ("authenticator/disable", {}),
        ):  # fmt: skip
            attacker.expect(
                clerk.post(f"/accounts/users/{ids[name]}/{path}", json=body), 403, "forbidden", (name, path)
            )
    for name in ("admin-key@default", "operator-key@default", "viewer-key@default"):
        for path in ("rotate", "revoke"):
            attacker.expect(clerk.post(f"/accounts/keys/{ids[name]}/{path}", json={}), 403, "forbidden", (name, path))
    with attacker.house.login("admin-user") as admin:
        assert admin.get("/accounts/me").json()["name"] == "admin-user"


def test_nobody_gives_a_user_more(attacker: Attacker, clerk: httpx.Client) -> None:
    """A new user, or one of its own making, gets no role beyond one's own."""
    for role in ("admin", "operator", "viewer"):
        attacker.expect(clerk.post("/accounts/users", json={"name": "puppet", "role": role}), 403, "forbidden", role)
    made = clerk.post("/accounts/users", json={"name": "puppet", "role": "clerk"}).json()
    attacker.expect(clerk.post(f"/accounts/users/{made['id']}/role", json={"role": "admin"}), 403, "forbidden")
    assert clerk.post(f"/accounts/users/{made['id']}/password", json={"password": PASSWORD}).status_code == 200
    with attacker.house.login("puppet") as puppet:
        attacker.expect(
            puppet.post(f"/accounts/users/{made['id']}/role", json={"role": "admin"}), 403, "forbidden", "oneself"
        )
        attacker.expect(puppet.get("/runs"), 403, "forbidden")


def test_a_key_of_a_user_falls_with_it(attacker: Attacker) -> None:
    """Who was an administrator keeps nothing: not by a key of its own, a session or a token that it made before."""
    with attacker.house.client("admin") as admin:
        made = admin.post("/accounts/users", json={"name": "former-admin", "role": "admin"}).json()
        admin.post(f"/accounts/users/{made['id']}/password", json={"password": PASSWORD})
        key = admin.post("/accounts/keys", json={"name": "kept", "role": "admin", "owner": made["id"]}).json()["key"]
        token = admin.post("/login", json={"login": "former-admin", "password": PASSWORD}).json()["access_token"]
        with attacker.house.login("former-admin") as session:
            assert session.get("/accounts/users").status_code == 200
            assert admin.post(f"/accounts/users/{made['id']}/role", json={"role": "viewer"}).status_code == 200
            attacker.expect(session.get("/accounts/users"), 403, "forbidden")
            attacker.expect(
                session.post(f"/accounts/users/{made['id']}/role", json={"role": "admin"}), 403, "forbidden"
            )
            for text in (key, token):
                bearer = {"authorization": f"Bearer {text}"}
                attacker.expect(httpx.get(f"{attacker.url}/accounts/users", headers=bearer), 403, "forbidden")
                assert httpx.get(f"{attacker.url}/runs", headers=bearer).status_code == 200


def narrow(attacker: Attacker, name: str) -> dict[str, str]:
    """A user's token that may read runs only, as somebody gives to a program that it does not trust."""
    answer = httpx.post(f"{attacker.url}/login", json={"login": name, "password": PASSWORD, "scope": "runs:read"})
    assert answer.json()["scope"] == "runs:read"
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_narrow_token_does_not_become_its_owner(attacker: Attacker) -> None:
    """With a token for reading runs nobody sets up an authenticator, takes recovery codes or changes the password."""
    with attacker.house.client("admin") as admin:
        made = admin.post("/accounts/users", json={"name": "careful-user", "role": "operator"}).json()
        admin.post(f"/accounts/users/{made['id']}/password", json={"password": PASSWORD})
    bearer = narrow(attacker, "careful-user")
    with httpx.Client(base_url=attacker.url, headers=bearer) as program:
        assert program.get("/runs").status_code == 200
        wanted: tuple[tuple[str, dict[str, Any]], ...] = (
            ("authenticator", {}), ("authenticator/confirm", {"code": "123456"}), ("recovery-codes", {}), ("password", {"password": "a new good phrase 1", "current": PASSWORD}),
            ("authenticator/disable", {"current": PASSWORD}),
        )  # fmt: skip
        for path, body in wanted:
            attacker.expect(program.post(f"/accounts/me/{path}", json=body), 403, "forbidden", path)
    with attacker.house.login("careful-user") as browser:
        assert browser.post("/accounts/me/authenticator").status_code == 200


def test_keys_and_tokens_have_no_authenticator(attacker: Attacker) -> None:
    """What only people have, keys cannot set up, for themselves or for their owner."""
    with attacker.house.client("admin") as admin:
        for path, body in (
            ("authenticator", {}),
            ("recovery-codes", {}),
            ("password", {"password": "a new good phrase 1"}),
        ):
            answer = admin.post(f"/accounts/me/{path}", json=body)
            assert answer.status_code in {403, 404}, answer.text
            attacker.count(answer.json()["type"].removeprefix("/problems/"))


def test_a_token_from_a_key_may_no_more_than_asked(attacker: Attacker) -> None:
    """Client credentials narrow, and never widen, also when a narrow token's client is asked again with other words."""
    client = tuple(attacker.house.keys["default", "viewer"].removeprefix("mzn_").split("."))
    with attacker.house.client() as http:
        for scope in (
            "accounts:write",
            "runs:read accounts:write",
            "admin",
            "*",
            "runs:read\taccounts:write",
            "RUNS:READ",
        ):
            answer = http.post(
                "/oauth/token", data={"grant_type": "client_credentials", "scope": scope}, auth=(client[0], client[1])
            )
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope
            attacker.count("malformed")
        for more in ({"role": "admin"}, {"project": "north"}, {"sub": "x"}, {"resource": "x"}, {"audience": "x"}):
            answer = http.post(
                "/oauth/token", data={"grant_type": "client_credentials", **more}, auth=(client[0], client[1])
            )
            token = answer.json()["access_token"]
            me = http.get("/accounts/me", headers={"authorization": f"Bearer {token}"}).json()
            assert (me["project"], "accounts:write" in me["scopes"]) == ("default", False)
        for grant in (
            "password",
            "authorization_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "implicit",
            "CLIENT_CREDENTIALS",
            "client_credentials ",
        ):
            answer = http.post(
                "/oauth/token",
                data={"grant_type": grant, "username": "admin-user", "password": PASSWORD, "assertion": "x"},
                auth=(client[0], client[1]),
            )
            assert answer.json()["error"] == "unsupported_grant_type", grant
            attacker.count("malformed")


def test_the_last_administrator_stays(attacker: Attacker) -> None:
    """Nobody leaves a project, by mistake or in spite, without anybody who can administer it; not even by its own hand."""

    async def make() -> tuple[str, str, str]:
        async with open_accounts(f"sqlite:///{attacker.house.server.db}") as accounts:
            await accounts.add_project("lonely")
            one = await accounts.add_user("last-admin", role="admin", project="lonely")
            await accounts.add_user("no-password", role="admin", project="lonely")
            await accounts.issue_key("its-own", role="admin", project="lonely", owner=one.id)
            await Door(accounts, Logins()).people.set_password(one.id, PASSWORD)
            issued = await accounts.issue_key("admin", role="admin", project="lonely")  # known last of all
            return one.id, issued.key.id, issued.text

    user, key, text = anyio.run(make)

    def let_in() -> bool:
        answer = httpx.get(f"{attacker.url}/runs", headers={"authorization": f"Bearer {text}"})
        attacker.count("" if answer.status_code == 200 else "token-invalid")
        return answer.status_code == 200

    until(let_in)  # the server has followed the command line
    with attacker.house.login("last-admin@lonely") as last:
        assert last.post(f"/accounts/keys/{key}/revoke", json={}).status_code == 200
        for path, body in (("role", {"role": "viewer"}), ("disable", {})):
            answer = last.post(f"/accounts/users/{user}/{path}", json=body)
            assert (answer.status_code, "somebody must be left" in answer.text) == (422, True), (path, answer.text)
        assert last.get("/accounts/users").status_code == 200
        other = last.post("/accounts/users", json={"name": "second", "role": "admin"}).json()["id"]
        assert last.post(f"/accounts/users/{other}/password", json={"password": PASSWORD}).status_code == 200
        assert last.post(f"/accounts/users/{user}/role", json={"role": "viewer"}).status_code == 200
