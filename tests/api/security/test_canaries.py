"""Secrets given in every place where one is given, and in many where none belongs: none of them is in any file afterwards.

The line: what somebody knowingly writes as data is data. An instance's name, a solver's parameter or a comment in a file is stored as
it is, also if it is somebody's password. What is looked for here was given as a secret, or put by mistake where no secret belongs and
nothing of a user's is stored either: a query, a path, a header, a name, a reason. What is a file of secrets by its purpose
(`mezan.key`, which is not made where MEZAN_KEY is set) is not searched.
"""

import base64
import binascii
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pyotp
import pytest
from secured import KNAPSACK
from serving import serving

from .attacker import until

WAIT = {"prefer": "wait=60"}


class Canaries:
    """Secrets by where they were planted."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, where: str, secret: str) -> str:
        assert len(secret) >= 6
        self.planted[f"{where} ({len(self.planted)})"] = secret
        return secret

    def password(self, where: str) -> str:
        """A new password that nobody else has."""
        return self.plant(where, f"canary {secrets.token_hex(6)} Sings")

    def forms(self) -> Iterator[tuple[str, str, bytes]]:
        """Where, how and as which bytes each may show: in clear, hex, base64 at each offset, URL-encoded, as JSON."""
        for where, secret in self.planted.items():
            raw = secret.encode()
            yield where, "in clear", raw
            yield where, "reversed", raw[::-1]
            if len(raw) < 16:
                continue  # a short code occurs in longer digits by chance; in clear is looked for with its context
            yield where, "hex", raw.hex().encode()
            yield where, "HEX", raw.hex().upper().encode()
            yield where, "URL", quote(secret, safe="").encode()
            yield where, "form", quote(secret, safe="").replace("%20", "+").encode()
            yield where, "JSON", json.dumps(secret)[1:-1].encode()
            yield where, "UTF-16", secret.encode("utf-16-le")
            for offset in range(3):
                inner = base64.b64encode(b"\0" * offset + raw)[-(-offset * 8 // 6) + (offset > 0) : -4]
                yield where, f"base64 at {offset}", inner
                yield where, f"base64url at {offset}", inner.replace(b"+", b"-").replace(b"/", b"_")


def command(db: Path, *arguments: str, stdin: str = "", fails: bool = False) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mezan.api.cli", *arguments, "--db", str(db)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert fails == bool(done.returncode), done.stderr
    assert not fails or "Traceback" not in done.stderr
    with (db.parent / "commands.log").open("a") as log:
        log.write(done.stderr + (done.stdout if fails else ""))
    return done.stdout


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Canaries]:
    """A whole session of commands, server, browser and programs, in a folder of its own; it has ended."""
    folder, canaries = tmp_path_factory.mktemp("canaries"), Canaries()
    db = folder / "house.db"
    kept = os.environ.get("MEZAN_KEY")
    os.environ["MEZAN_KEY"] = canaries.plant("MEZAN_KEY", base64.b64encode(secrets.token_bytes(32)).decode())
    canaries.plant("MEZAN_KEY's bytes in hex", base64.b64decode(os.environ["MEZAN_KEY"]).hex())
    try:
        people(db, canaries)
        with serving(db, "--limit", "address=off", "--limit", "login=off") as server:
            visits(server.url, canaries, folder)
            misplaced(server.url, canaries)
            command(db, "keys", "revoke", "ops", "--yes", fails=True)
            command(db, "tokens", "rotate-keys", "--algorithm", "HS256")
            pages(server.url, canaries, folder)
    finally:
        os.environ.pop("MEZAN_KEY") if kept is None else os.environ.update(MEZAN_KEY=kept)
    return db, canaries


def people(db: Path, canaries: Canaries) -> None:
    """Users and keys on the command line."""
    for name, role in (("ann", "admin"), ("bob", "operator")):
        command(db, "users", "add", name, "--role", role)
        command(
            db, "users", "password", name, "--password-stdin", stdin=canaries.password(f"password of {name}") + "\n"
        )
    for name in ("admin", "operator"):
        canaries.planted[f"key of {name}"] = command(db, "keys", "issue", name, "--role", name).strip()
        canaries.plant(f"secret of the key of {name}", canaries.planted[f"key of {name}"].partition(".")[2])
    old = canaries.plant("key before its rotation", command(db, "keys", "issue", "turned", "--role", "viewer").strip())
    canaries.plant("key after its rotation", command(db, "keys", "rotate", old).strip())
    canaries.plant("token of the command line", command(db, "tokens", "issue", "bob").strip())
    command(db, "users", "add", canaries.planted["key of admin"], fails=True)
    command(db, "keys", "issue", canaries.planted["key of admin"], "--role", "viewer", fails=True)
    command(db, "users", "disable", "bob", "--reason", canaries.planted["key of admin"], "--yes", fails=True)


def visits(url: str, canaries: Canaries, folder: Path) -> None:
    """Logins, sessions, tokens, authenticators, recovery codes, refreshes, wrong ones of each; a run and a replay."""
    names = {where.rpartition(" (")[0]: secret for where, secret in canaries.planted.items()}
    bob, ann = names["password of bob"], names["password of ann"]
    with httpx.Client(base_url=url, timeout=60) as browser:
        assert browser.post("/login", data={"login": "bob", "password": bob}).status_code == 303
        canaries.plant("session cookie", browser.cookies["mezan_session"])
        canaries.plant("secret of the session cookie", browser.cookies["mezan_session"].partition(".")[2])
        browser.headers["mezan-csrf"] = canaries.plant("CSRF token", browser.cookies["mezan_csrf"])
        made = browser.post("/accounts/me/authenticator").json()
        device = pyotp.TOTP(canaries.plant("TOTP secret", made["secret"]))
        canaries.plant("TOTP secret's bytes in hex", device.byte_secret().hex())
        confirmed = browser.post("/accounts/me/authenticator/confirm", json={"code": device.now()})
        codes = [canaries.plant("recovery code", code) for code in confirmed.json()["recovery_codes"]]
        for code in codes[:2]:
            canaries.plant("recovery code without hyphens", code.replace("-", ""))
        run = browser.post("/solve", json=KNAPSACK, headers=WAIT).json()["run"]
        assert browser.post(f"/runs/{run}/replay").status_code == 200
    with httpx.Client(base_url=url, timeout=60) as program:
        got = program.post("/login", json={"login": "bob", "password": bob, "code": codes[0]}).json()
        for name in ("access_token", "refresh_token"):
            canaries.plant(name, got[name])
        canaries.plant("signature of the access token", got["access_token"].rpartition(".")[2])
        renewed = program.post(
            "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": got["refresh_token"]}
        ).json()
        canaries.plant("renewed refresh token", renewed["refresh_token"])
        canaries.plant("renewed access token", renewed["access_token"])
        program.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": got["refresh_token"]})
        client_id, secret = names_key(canaries, "operator")
        token = program.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
        ).json()["access_token"]
        canaries.plant("token of a client", token)
        program.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(client_id, canaries.plant("wrong client secret", "wrong" + secrets.token_urlsafe(30))),
        )
        program.post("/oauth/revoke", data={"token": token})
        for body in (
            {"login": "ann", "password": canaries.password("wrong password")},
            {"login": "bob", "password": bob, "code": canaries.plant("wrong recovery code", codes[2][:-4] + "zzzz")},
        ):
            assert program.post("/login", json=body).status_code == 401
            assert program.post("/login", data=body).status_code == 401
        program.headers["authorization"] = (
            f"Bearer {names['key of admin'] if 'key of admin' in names else canaries.planted['key of admin']}"
        )
        issued = program.post("/accounts/keys", json={"name": "over HTTP", "role": "viewer"}).json()
        canaries.plant("key issued over HTTP", issued["key"])
        canaries.plant(
            "key rotated over HTTP", program.post(f"/accounts/keys/{issued['id']}/rotate", json={}).json()["key"]
        )
        user = program.post("/accounts/users", json={"name": "cat", "role": "viewer"}).json()["id"]
        program.post(f"/accounts/users/{user}/password", json={"password": canaries.password("password set over HTTP")})
        program.post(
            f"/accounts/users/{user}/password", json={"password": canaries.plant("short password", "canary7!")}
        )
    with httpx.Client(base_url=url, timeout=60) as browser:
        browser.post("/login", data={"login": "ann", "password": ann})
        browser.headers["mezan-csrf"] = browser.cookies["mezan_csrf"]
        changed = canaries.password("password changed by oneself")
        assert browser.post("/accounts/me/password", json={"password": changed, "current": ann}).status_code == 204
    (folder / "run").write_text(run)


def names_key(canaries: Canaries, name: str) -> tuple[str, str]:
    """Prefix and secret of a key."""
    prefix, _, secret = canaries.planted[f"key of {name}"].removeprefix("mzn_").partition(".")
    return prefix, secret


def misplaced(url: str, canaries: Canaries) -> None:
    """Secrets where none belongs: paths, queries, logins, names, reasons, headers of every kind, shown by strangers and by friends."""
    admin = canaries.planted["key of admin"]
    jwt = next(secret for where, secret in canaries.planted.items() if where.startswith("renewed access token"))
    cookie = next(secret for where, secret in canaries.planted.items() if where.startswith("session cookie"))
    password = canaries.password("password in a wrong place")
    plain = canaries.plant("password of one word in a wrong place", f"canary{secrets.token_hex(5)}")
    words = (admin, jwt, cookie, password, plain, canaries.planted["key of operator"])
    for credential in (None, admin):
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        with httpx.Client(base_url=url, timeout=60, headers=headers) as http:
            for word in words:
                http.post("/login", json={"login": word, "password": "x" * 12})
                http.post("/login", data={"login": word, "password": "x" * 12, "next": f"/ui?key={word}"})
                http.post("/login", json={"login": f"{word}@default", "password": "x" * 12})
                for path in ("/runs", "/log", "/ui", "/accounts/me", "/nothing", "/login"):
                    http.get(
                        path, params={"api_key": word, "label": word, "token": word}, headers={"accept": "text/html"}
                    )
                for path in ("/runs/{}", "/artifacts/{}", "/{}", "/accounts/roles/{}", "/ui/runs/{}", "/static/{}"):
                    http.get(path.format(quote(word, safe="")))
                http.post(f"/accounts/keys/{quote(word, safe='')}/revoke", json={"reason": word})
                if word != plain:  # that would be a user's name like others
                    http.post("/accounts/users", json={"name": word, "role": "viewer"})
                http.post(
                    "/oauth/token", data={"grant_type": word, "client_id": word, "client_secret": word, "scope": word}
                )
                http.post("/oauth/revoke", data={"token": word, "token_type_hint": word})
                names = (
                    "x-api-key",
                    "user-agent",
                    "referer",
                    "x-request-id",
                    "traceparent",
                    "cookie",
                    "from",
                    "mezan-csrf",
                    "if-none-match",
                    "prefer",
                    "accept-language",
                )
                http.get("/runs", headers={name: quote(word, safe="") for name in names})
    for value in (
        f"Basic {base64.b64encode(f'ann:{password}'.encode()).decode()}",
        f"Bearer {password}",
        f"Token {admin}",
        admin,
        f"Bearer  {admin}x",
        f"bearer {jwt}x",
    ):
        httpx.get(f"{url}/runs", headers={"authorization": value})
        httpx.post(f"{url}/solve", json=KNAPSACK, headers={"authorization": value})
        canaries.plant("Authorization of a refused request", value)
    bearer = {"authorization": f"Bearer {admin}"}
    with httpx.Client(base_url=url, headers=bearer, timeout=60) as friend:
        for word in (admin, cookie):
            for path, body in (
                ("/accounts/keys", {"name": word[:64], "role": "viewer"}),
                ("/accounts/keys", {"name": f"key {word}"[:64], "role": "viewer"}),
            ):
                assert friend.post(path, json=body).status_code == 422, word
            key = friend.post("/accounts/keys", json={"name": "to revoke", "role": "viewer"}).json()
            canaries.plant("key to revoke", key["key"])
            assert friend.post(f"/accounts/keys/{key['id']}/revoke", json={"reason": word[:64]}).status_code == 422
            assert friend.post("/solve", json=KNAPSACK, headers={"idempotency-key": word}).status_code == 422


def pages(url: str, canaries: Canaries, folder: Path) -> None:
    """What the server shows of itself to administrators, kept beside its files: pages, lists, exports, metrics, documents."""
    bearer = {"authorization": f"Bearer {canaries.planted['key of admin']}"}
    run = (folder / "run").read_text()
    with httpx.Client(base_url=url, headers=bearer, timeout=60) as http:
        until(lambda: http.get("/health/ready").status_code == 200)
        for i, path in enumerate(
            (
                "/openapi.json",
                "/log/export",
                "/log?limit=1000",
                "/metrics",
                "/accounts/users",
                "/accounts/keys",
                "/accounts/roles",
                "/accounts/denials",
                "/accounts/me",
                "/ui",
                "/ui/runs",
                f"/ui/runs/{run}",
                f"/runs/{run}",
                f"/runs/{run}/events",
                f"/runs/{run}/why",
                "/ui/accounts",
                "/ui/audit",
                "/login",
                "/.well-known/jwks.json",
                "/ui/me",
                "/docs",
            )
        ):
            answer = http.get(path)
            assert answer.status_code in {200, 303}, (path, answer.text)
            (folder / f"page{i}.html").write_bytes(str(answer.headers).encode() + answer.content)


def test_no_secret_is_in_any_file(session: tuple[Path, Canaries]) -> None:
    """Logs, accounts, WALs, hashes, limits, artifacts, output and pages hold none of them, in clear or in another spelling."""
    db, canaries = session
    command(db, "log", "verify")
    files = [path for path in db.parent.rglob("*") if path.is_file()]
    assert {
        "house.db",
        "house.accounts.db",
        "house.secrets.db",
        "house.limits.db",
        "house.log",
        "commands.log",
        "page0.html",
    } <= {path.name for path in files}
    assert not (db.parent / "house.key").exists()
    content = {path: path.read_bytes() for path in files}
    found = {
        (where, form, path.name)
        for where, form, needle in canaries.forms()
        for path, held in content.items()
        if needle in held
    }
    assert not found, "\n".join(map(str, sorted(found)))
    assert len(canaries.planted) > 40


def test_the_search_finds_what_is_there(session: tuple[Path, Canaries], tmp_path: Path) -> None:
    """Each spelling of a secret is found in a file that has it: otherwise the test above would show nothing."""
    _, canaries = session
    for where, secret in list(canaries.planted.items())[:12]:
        forms = {form: needle for one, form, needle in canaries.forms() if one == where}
        raw = secret.encode()
        for made in (
            raw,
            raw.hex().encode(),
            base64.b64encode(raw),
            base64.urlsafe_b64encode(b"a" + raw + b"z"),
            base64.b64encode(b"ab" + raw),
            quote(secret, safe="").encode(),
            binascii.hexlify(raw).upper(),
        ):
            assert any(needle in made for needle in forms.values()), (where, made)
