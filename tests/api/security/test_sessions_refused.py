"""Logins and sessions: what was used, stolen, planted or forged by another site lets nobody in."""

import re
import time

import anyio
import httpx
import pyotp
import pytest
from secured import KNAPSACK

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.api.limits.logins import Logins

from .attacker import PASSWORD, Attacker, until

STEP = 30


def user(attacker: Attacker, name: str, *, role: str = "viewer", project: str = "default") -> str:
    """Another user with the usual password, added on the command line's side; returns its id."""

    async def add() -> str:
        async with open_accounts(f"sqlite:///{attacker.house.server.db}") as accounts:
            one = await accounts.add_user(name, role=role, project=project)
            await Door(accounts, Logins()).people.set_password(one.id, PASSWORD)
            return one.id

    made = anyio.run(add)
    with attacker.house.client("admin", project) as admin:
        until(lambda: any(one["id"] == made and one["password"] for one in admin.get("/accounts/users").json()))
    return made


def far(attacker: Attacker, number: int, **more: object) -> httpx.Client:
    """A client from another address of this machine: failed logins are counted by address."""
    transport = httpx.HTTPTransport(local_address=f"127.0.0.{number}")
    return httpx.Client(base_url=attacker.url, transport=transport, timeout=20, **more)  # type: ignore[arg-type]


def enrol(attacker: Attacker, name: str) -> tuple[pyotp.TOTP, list[str], str]:
    """An authenticator for a user: it, the recovery codes, and the code that it was confirmed with."""
    with attacker.house.login(name) as browser:
        made = browser.post("/accounts/me/authenticator").json()
        device = pyotp.TOTP(made["secret"])
        code = device.now()
        answer = browser.post("/accounts/me/authenticator/confirm", json={"code": code})
        assert answer.status_code == 200, answer.text
        return device, answer.json()["recovery_codes"], code


def test_codes_are_good_for_once(attacker: Attacker) -> None:
    """A code of the authenticator that was seen over a shoulder, one of before, one guessed; a recovery code that was used."""
    user(attacker, "totp-user")
    device, recovery, confirmed = enrol(attacker, "totp-user")
    form = {"login": "totp-user", "password": PASSWORD}
    with far(attacker, 11) as http:
        needed = http.post("/login", json=form)
        attacker.expect(needed, 401, "code-needed")
        attacker.expect(
            http.post("/login", json=form | {"code": confirmed}), 401, "unauthenticated", "the one that confirmed it"
        )
        fresh = device.at(time.time() + STEP)
        assert http.post("/login", json=form | {"code": fresh}).status_code == 200
    with far(attacker, 12) as http:
        attacker.expect(http.post("/login", json=form | {"code": fresh}), 401, "unauthenticated", "replayed")
        attacker.expect(
            http.post("/login", json=form | {"code": device.at(time.time() - STEP)}), 401, "unauthenticated", "earlier"
        )
        attacker.expect(
            http.post("/login", json=form | {"code": device.at(time.time() + 10 * STEP)}),
            401,
            "unauthenticated",
            "much later",
        )
    with far(attacker, 13) as http:
        assert http.post("/login", json=form | {"code": recovery[0]}).status_code == 200
        attacker.expect(http.post("/login", json=form | {"code": recovery[0]}), 401, "unauthenticated", "used")
        attacker.expect(
            http.post("/login", json=form | {"code": recovery[0].upper().replace("-", " ")}),
            401,
            "unauthenticated",
            "used, respelled",
        )
    with far(attacker, 14) as http:
        page = http.post("/login", data=form | {"code": recovery[0]})
        assert page.status_code == 401
        attacker.count("unauthenticated")
        assert not http.cookies
        assert recovery[0] not in page.text
        assert PASSWORD not in page.text
        assert http.post("/login", data=form | {"code": recovery[1]}).status_code == 303


def test_another_users_codes_do_not_fit(attacker: Attacker) -> None:
    """Recovery codes and authenticators belong to one user, also where the password is the same."""
    for name in ("own-codes", "other-codes"):
        user(attacker, name)
    device, recovery, _ = enrol(attacker, "own-codes")
    enrol(attacker, "other-codes")
    with far(attacker, 15) as http:
        for code in (recovery[3], device.at(time.time() + STEP)):
            answer = http.post("/login", json={"login": "other-codes", "password": PASSWORD, "code": code})
            attacker.expect(answer, 401, "unauthenticated")


def test_guessing_codes_is_stopped(attacker: Attacker) -> None:
    """A million codes cannot be tried: after a few, the right one is refused too, from this address."""
    user(attacker, "guessed-user")
    device, _, _ = enrol(attacker, "guessed-user")
    form = {"login": "guessed-user", "password": PASSWORD}
    with far(attacker, 16) as http:
        answers = [http.post("/login", json=form | {"code": f"{number:06}"}) for number in range(8)]
        stopped = [answer for answer in answers if answer.status_code == 429]
        assert len(stopped) >= 2
        for answer in answers:
            code = "rate-limited" if answer.status_code == 429 else "unauthenticated"
            attacker.expect(answer, 429 if answer.status_code == 429 else 401, code)
        late = http.post("/login", json=form | {"code": device.at(time.time() + STEP)})
        attacker.expect(late, 429, "rate-limited")
        assert int(late.headers["retry-after"]) > 0


def test_a_refresh_token_that_comes_twice_ends_its_whole_family(attacker: Attacker) -> None:
    """The thief's and the owner's, access tokens too; and another login of the same user goes on."""
    with attacker.house.client() as http:
        login = {"login": "operator-user", "password": PASSWORD}
        other, first = (http.post("/login", json=login).json() for _ in range(2))
        spend = lambda token: http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": token})  # noqa: E731
        second = spend(first["refresh_token"]).json()
        third = spend(second["refresh_token"]).json()
        for token in (first, second, third):
            again = spend(token["refresh_token"])
            assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
            attacker.count("token-revoked")
        for token in (first, second, third):
            answer = http.get("/runs", headers={"authorization": f"Bearer {token['access_token']}"})
            attacker.expect(answer, 401, "token-revoked")
        assert http.get("/runs", headers={"authorization": f"Bearer {other['access_token']}"}).status_code == 200
        assert spend(other["refresh_token"]).status_code == 200


def test_a_family_cannot_be_ended_by_guessing(attacker: Attacker) -> None:
    """A made-up token of a known family is refused and ends nothing."""
    with attacker.house.client() as http:
        made = http.post("/login", json={"login": "operator-user", "password": PASSWORD}).json()
        head, _, secret = made["refresh_token"].partition(".")
        for wrong in (f"{head}.{'A' * 43}", f"{head[:-1]}9.{secret}", f"{head}.{secret[:-1]}", f"{head}.{secret}A"):
            answer = http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": wrong})
            assert answer.json()["error"] == "invalid_grant"
            attacker.count("token-invalid")
            assert http.post("/oauth/revoke", data={"token": wrong}).status_code == 200
        assert http.get("/runs", headers={"authorization": f"Bearer {made['access_token']}"}).status_code == 200
        asked = {"grant_type": "refresh_token", "refresh_token": made["refresh_token"], "scope": "accounts:write"}
        more = http.post("/oauth/token", data=asked)
        assert more.json()["error"] == "invalid_scope", "a refresh does not give more than the login had"
        attacker.count("malformed")
        assert http.post("/oauth/token", data=asked | {"scope": "runs:read"}).json()["scope"] == "runs:read"


def test_a_stolen_cookie_changes_nothing_without_the_token_of_its_session(attacker: Attacker) -> None:
    """Without a CSRF token, with another session's, an empty, a doubled one, or one in the wrong place."""
    with attacker.house.login("admin-user") as victim, attacker.house.login("viewer-user") as thief:
        cookie = {"mezan_session": victim.cookies["mezan_session"]}
        foreign, own = thief.cookies["mezan_csrf"], victim.cookies["mezan_csrf"]
        wrong: list[list[tuple[str, str]]] = [
            [], [("mezan-csrf", "")], [("mezan-csrf", foreign)], [("mezan-csrf", own[:-1])], [("mezan-csrf", own), ("mezan-csrf", own)],
            [("x-csrf-token", own)], [("mezan-csrf", own.lower())], [("mezan-csrf", f"{own}, {own}")], [("mezan-csrf", cookie["mezan_session"])],
        ]  # fmt: skip
        for headers in wrong:
            with httpx.Client(base_url=attacker.url, cookies=cookie) as http:
                for method, path in (
                    ("POST", "/accounts/users"),
                    ("POST", "/solve"),
                    ("POST", "/logout"),
                    ("PUT", "/accounts/roles/x"),
                    ("DELETE", "/accounts/roles/x"),
                ):
                    answer = http.request(method, path, headers=headers, params={"mezan-csrf": own, "csrf": own})
                    attacker.expect(answer, 403, "csrf", (method, path, headers))
        assert victim.get("/accounts/me").json()["name"] == "admin-user"


def test_another_site_can_do_nothing(attacker: Attacker) -> None:
    """With the cookie and even the token: writes, WebSockets and streams that come from pages of elsewhere are refused."""
    with attacker.house.login("admin-user") as victim:
        for origin in (
            "https://elsewhere.example",
            "null",
            "http://127.0.0.1",
            f"{attacker.url}.elsewhere.example",
            f"http://elsewhere.example#{attacker.url}",
            "file://",
        ):
            answer = victim.post(
                "/accounts/users", json={"name": "forged", "role": "admin"}, headers={"origin": origin}
            )
            attacker.expect(answer, 403, "cross-origin", origin)
            for path in ("/log", "/ui/head"):
                stream = victim.get(path, headers={"origin": origin, "accept": "text/event-stream"})
                attacker.expect(stream, 403, "cross-origin", (path, origin))


def handshake(attacker: Attacker, *lines: str, path: str) -> int:
    """The status of a WebSocket's opening."""
    answer = attacker.send(
        f"GET {path} HTTP/1.1", attacker.host, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *lines,
    )  # fmt: skip
    return answer.status


def test_websockets_of_other_sites_are_refused(attacker: Attacker) -> None:
    """Browsers send cookies with any WebSocket: the origin must be ours, and where there is none, the session's token must come."""
    with attacker.house.client("operator") as http:
        path = f"/runs/{http.post('/solve', json=KNAPSACK).json()['run']}/events"
    ours = f"Origin: http://127.0.0.1:{attacker.house.server.port}"
    with attacker.house.login("viewer-user") as victim:
        cookie = f"Cookie: mezan_session={victim.cookies['mezan_session']}"
        csrf = f"Mezan-CSRF: {victim.cookies['mezan_csrf']}"
        assert handshake(attacker, cookie, ours, path=path) == 101
        assert handshake(attacker, cookie, csrf, path=path) == 101
        for lines, code in (
            ([cookie, "Origin: https://elsewhere.example"], "cross-origin"), ([cookie, csrf, "Origin: https://elsewhere.example"], "cross-origin"), ([cookie, "Origin: null"], "cross-origin"),
            ([cookie], "csrf"), ([cookie, "Mezan-CSRF: x"], "csrf"), ([cookie, ours, "Origin: https://elsewhere.example"], ""), ([ours], "unauthenticated"), ([], "unauthenticated"),
            (["Sec-WebSocket-Protocol: bearer, " + attacker.house.keys["default", "admin"]], "unauthenticated"), (["Authorization: Bearer x", ours], "token-invalid"),
        ):  # fmt: skip
            assert handshake(attacker, *lines, path=path) in {400, 401, 403}, lines
            attacker.count(code)
        assert handshake(attacker, path=f"{path}?access_token={attacker.house.keys['default', 'admin']}") in {401, 403}
        attacker.count("unauthenticated")


def test_a_session_that_was_planted_is_not_taken(attacker: Attacker) -> None:
    """The login makes its own, whatever cookie came with it; nobody's guess becomes a session, and the old one is over."""
    planted = "mzs_session_" + "0" * 26 + "." + "A" * 43
    with httpx.Client(base_url=attacker.url, cookies={"mezan_session": planted, "mezan_csrf": "x"}) as http:
        answer = http.post(
            "/login", data={"login": "viewer-user", "password": PASSWORD, "mezan_session": planted, "session": planted}
        )
        assert answer.status_code == 303
        given = re.search(r"mezan_session=([^;]+)", answer.headers["set-cookie"])
        assert given is not None
        assert given[1] != planted
    attacker.expect(httpx.get(f"{attacker.url}/runs", cookies={"mezan_session": planted}), 401, "unauthenticated")
    with attacker.house.login("viewer-user") as mallory:
        fixed = mallory.cookies["mezan_session"]
        with httpx.Client(base_url=attacker.url, cookies={"mezan_session": fixed}) as victim:
            assert victim.post("/login", data={"login": "admin-user", "password": PASSWORD}).status_code == 303
        attacker.expect(mallory.get("/accounts/me"), 401, "unauthenticated")


def test_sessions_end_with_the_password_and_the_user(attacker: Attacker) -> None:
    """A thief's session and tokens are over once the password is changed or the user is disabled."""
    for name, end in (("changed-user", "password"), ("ended-user", "disable")):
        one = user(attacker, name)
        with attacker.house.login(name) as thief, attacker.house.client("admin") as admin:
            tokens = admin.post("/login", json={"login": name, "password": PASSWORD}).json()
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            assert httpx.get(f"{attacker.url}/runs", headers=bearer).status_code == 200
            body = {"password": "another good phrase 9"} if end == "password" else {}
            assert admin.post(f"/accounts/users/{one}/{end}", json=body).status_code == 200
            refused = thief.get("/runs")
            attacker.expect(refused, 401, "unauthenticated" if end == "password" else problem_code(refused))
            attacker.expect(httpx.get(f"{attacker.url}/runs", headers=bearer), 401, "token-revoked")
            spent = httpx.post(
                f"{attacker.url}/oauth/token",
                data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            )
            assert spent.json()["error"] == "invalid_grant"
            attacker.count("token-revoked")


def problem_code(answer: httpx.Response) -> str:
    """Either of the two that a disabled user's session may be refused with."""
    code = str(answer.json()["type"]).removeprefix("/problems/")
    assert code in {"unauthenticated", "token-revoked"}
    return code


@pytest.mark.parametrize(
    "onward",
    [
        "https://elsewhere.example/", "//elsewhere.example", "///elsewhere.example", "/\\elsewhere.example", "\\\\elsewhere.example", "http:elsewhere.example", "https:/elsewhere.example",
        "javascript:alert(1)", "data:text/html,x", "/\t/elsewhere.example", "/\n/elsewhere.example", "\t//elsewhere.example", " //elsewhere.example", "/%0d%0aSet-Cookie:a=b\r\nx: y", "/\u2028/x",
        "/./\\elsewhere.example", "//127.0.0.1@elsewhere.example", "@elsewhere.example", ".elsewhere.example", "/login?next=//elsewhere.example", "/logout", "/\x00/elsewhere.example",
        "/login;x", "/./login", "/ui/../login",
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(attacker: Attacker, onward: str) -> None:
    """Whatever ``next`` says, in the form and in the query: the browser stays on this server, and no header is split."""
    from urllib.parse import urljoin, urlsplit

    with httpx.Client(base_url=attacker.url) as http:
        answers = [
            http.post("/login", data={"login": "viewer-user", "password": PASSWORD, "next": onward}),
            http.get("/login", params={"next": onward}),
        ]
    for answer in answers:
        assert answer.status_code == 303
        location = answer.headers["location"]
        reached = urlsplit(urljoin(attacker.url + "/login", location.replace("\\", "/")))
        assert reached.netloc == urlsplit(attacker.url).netloc, location
        assert "elsewhere" not in reached.netloc
        assert "a" not in answer.cookies
        assert location.isprintable()


def test_an_unknown_user_costs_as_much_as_a_wrong_password(attacker: Attacker, monkeypatch: pytest.MonkeyPatch) -> None:
    """One argon2 hash of the same cost and one look into the secrets file, whoever it is: known, unknown, without password, disabled."""
    from argon2 import PasswordHasher

    from mezan.api.accounts.secrets import Secrets

    work: list[tuple[str, ...]] = []
    verify, look = PasswordHasher.verify, Secrets.hash_of
    monkeypatch.setattr(
        PasswordHasher,
        "verify",
        lambda self, kept, password: (work.append(tuple(kept.split("$")[:4])), verify(self, kept, password))[1],
    )
    monkeypatch.setattr(Secrets, "hash_of", lambda self, name: (work.append(("look",)), look(self, name))[1])

    async def tries() -> None:
        async with open_accounts(f"sqlite:///{attacker.house.server.db}") as accounts:
            await accounts.add_user("no-password", role="viewer")
            gone = await accounts.add_user("gone-user", role="viewer")
            door = Door(accounts, Logins())
            await door.people.set_password(gone.id, PASSWORD)
            await accounts.disable(gone.id)
            seen = {}
            for name, password in (
                ("viewer-user", "wrong wrong wrong"),
                ("nobody-user", "wrong wrong wrong"),
                ("no-password", "x" * 20),
                ("gone-user", PASSWORD),
                ("x@nowhere", "y" * 20),
                ("viewer-user", "z" * 2_000),
            ):
                work.clear()
                with pytest.raises(Exception, match="must be right"):
                    await door.logins.login(name, password, address="127.0.0.9")
                seen[name, password[:5]] = list(work)
            first, *others = seen.values()
            assert len(first) == 2
            assert all(one == first for one in others), seen

    anyio.run(tries)


def test_a_refused_login_says_the_same_of_everybody(attacker: Attacker) -> None:
    """Byte for byte but for the name, as JSON and as a page, for known and unknown users and projects."""
    with far(attacker, 17) as http:
        told = []
        for name in ("viewer-user", "nobody-here", "viewer-user@north", "viewer-user@nowhere"):
            answer = http.post("/login", json={"login": name, "password": "wrong wrong wrong"})
            attacker.expect(answer, 401, "unauthenticated", name)
            told.append((answer.text, sorted(set(answer.headers) - {"date"})))
        assert all(one == told[0] for one in told)


def test_sessions_of_other_servers_are_unknown(attacker: Attacker) -> None:
    """Cookies that look like ours in every detail but were never made here."""
    with attacker.house.login("viewer-user") as browser:
        good = browser.cookies["mezan_session"]
        head, _, secret = good.partition(".")
        for wrong in (
            f"{head}.{secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}",
            f"{head}.{secret[::-1]}",
            f"{head.upper()}.{secret}",
            f"{head}.",
            secret,
            f'"{good}"x',
            good + "." + secret,
        ):
            attacker.expect(
                httpx.get(f"{attacker.url}/accounts/me", headers={"cookie": f"mezan_session={wrong}"}),
                401,
                "unauthenticated",
                wrong,
            )
