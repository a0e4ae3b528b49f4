"""A server with accounts: who gets in, as whom, to what; and that nothing of another project is there."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from secured import KNAPSACK, PASSWORD, PROJECTS, ROLES, Secured, secured

from mezan.api.accounts.scopes import BUILT_IN, closure
from mezan.api.dashboard.routes import PAGES

SCOPES = closure(BUILT_IN.values())
WAIT = {"prefer": "wait=60"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(
        tmp_path_factory.mktemp("secured") / "house.db", "--limit", "login=off", "--limit", "address=off"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def theirs(house: Secured) -> dict[str, Any]:
    """A run of the other project, with its artifacts and idempotency key."""
    ours_never = KNAPSACK | {"values": [61, 103, 127]}
    with house.client("operator", "north") as north:
        for _ in range(3):  # their log is longer than ours will be
            run = north.post("/solve", json=ours_never, headers=WAIT | {"idempotency-key": "shared"}).json()["run"]
            assert north.post("/solve", json=ours_never | {"fresh": True}, headers=WAIT).status_code == 200
        artifacts = north.get(f"/runs/{run}/artifacts").json()["artifacts"]
        return {"run": run, "digest": artifacts[0]["digest"], "head": north.get("/log/head").json()}


def operations(house: Secured) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and scope of every route and page; ``known`` needs no scope but a principal."""
    with house.client() as anybody:
        document = anybody.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            security = operation["security"]
            yield method.upper(), path, (security[0]["bearer"] or ["known"])[0] if security else None
    for page in PAGES:
        yield "GET", page.PATH, page.NEEDS.value
    yield "GET", "/ui/accounts", "accounts:read"
    yield "GET", "/ui/me", "known"


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("role", [None, *ROLES])
def test_every_route_lets_in_who_has_its_scope_and_nobody_else(house: Secured, role: str | None, project: str) -> None:
    """401 for strangers, 403 with the scope's name for who has it not, for all others whatever the route answers."""
    tried = 0
    with house.client(role, project) as http:
        for method, path, needed in operations(house):
            address = re.sub(r"\{\w+\}", "nothing", path)
            if path == "/accounts/users/{user}/password" and role == "admin":
                continue  # a wrong id is 404 before the body is looked at, tested elsewhere
            query = {"family": "knapsack", "policies": "elo_ucb"} if path in {"/lab", "/profiles"} else {}
            answer = http.request(method, address, params=query, json={} if method in {"POST", "PUT"} else None)
            allowed = needed is None or (role is not None and (needed == "known" or needed in SCOPES[role]))
            if allowed:
                assert answer.status_code not in {401, 403} or path.startswith("/oauth/"), (method, path, answer.text)
            elif role is None:
                assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated"), path
            else:
                assert (answer.status_code, answer.json()["scope"]) == (403, needed), path
            assert answer.status_code < 500, (path, answer.text)
            tried += 1
    assert tried > 60


def test_refusals_are_recorded(house: Secured) -> None:
    """A forbidden request shows among the project's denials, with who, from where and what; not among the other's."""
    with house.client("viewer") as viewer:
        me = viewer.get("/accounts/me").json()
        assert viewer.post("/runs/nothing/replay").status_code == 403
    with house.client("admin") as admin, house.client("admin", "north") as north:
        seen = [d for d in admin.get("/accounts/denials").json()["latest"] if d["principal"] == me["id"]]
        assert {"forbidden"} <= {d["reason"] for d in seen}
        assert all(d["project"] == "default" and d["address"] == "127.0.0.1" for d in seen)
        assert me["id"] not in north.get("/accounts/denials").text


def test_everything_is_done_in_the_callers_name(house: Secured) -> None:
    """Every event of a run carries the id of the key that asked for it."""
    with house.client("operator") as http:
        me = http.get("/accounts/me").json()["id"]
        run = http.post("/solve", json=KNAPSACK, headers=WAIT).json()["run"]
        events = http.get(f"/runs/{run}/events").json()["events"]
        assert len(events) > 5
        assert {event["actor"] for event in events} == {me}


# nothing of another project is there


def same_as_unknown(http: httpx.Client, method: str, address: str, known: str, unknown: str, **more: Any) -> None:
    """The answer about their id is, but for the id, the answer about one that never was."""
    one = http.request(method, address.replace("ID", known), **more)
    other = http.request(method, address.replace("ID", unknown), **more)
    assert one.status_code == other.status_code
    assert one.text.replace(known, "X").replace(known[:12], "Y") == other.text.replace(unknown, "X").replace(
        unknown[:12], "Y"
    ), address
    varying = {"date", "content-length", "ratelimit", "ratelimit-remaining", "ratelimit-reset"}
    kept = [{k: v for k, v in a.headers.items() if k not in varying} for a in (one, other)]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/runs/ID"), ("GET", "/runs/ID/events"), ("GET", "/runs/ID/why"), ("GET", "/runs/ID/why?verify=true"),
        ("GET", "/runs/ID/artifacts"), ("GET", "/runs/ID/request"), ("POST", "/runs/ID/cancel"), ("POST", "/runs/ID/replay"),
        ("GET", "/ui/runs/ID"), ("GET", "/ui/runs/ID/why"), ("GET", "/ui/compare?kind=runs&runs=ID"), ("GET", "/log?stream=ID"),
        ("GET", "/ui/jump?from=0&stream=ID"), ("GET", "/ui/submit?from=ID"), ("GET", "/runs/ID?as_of=1"), ("GET", "/log?text=ID"),
        ("GET", "/ui/audit?stream=ID"),
    ],
)  # fmt: skip
def test_their_runs_are_not_there(house: Secured, theirs: dict[str, Any], method: str, address: str) -> None:
    """In paths and queries, whole or cut short, by every route: as for an id that never was."""
    unknown = "run_" + "z" * (len(theirs["run"]) - 4)
    with house.client("admin") as http:
        same_as_unknown(http, method, address, theirs["run"], unknown)
        if "runs/ID" in address:
            assert http.request(method, address.replace("ID", theirs["run"])).status_code == 404
            same_as_unknown(http, method, address, theirs["run"][:20], unknown[:20])
    with house.client("admin", "north") as north:
        assert north.get(f"/runs/{theirs['run']}").status_code == 200


def test_their_artifacts_are_not_there(house: Secured, theirs: dict[str, Any]) -> None:
    """By digest, as JSON, as bytes and as a picture."""
    with house.client("admin") as http:
        for accept in ("application/json", "application/octet-stream"):
            same_as_unknown(http, "GET", "/artifacts/ID", theirs["digest"], "0" * 64, headers={"accept": accept})
        run = http.post("/solve", json=KNAPSACK | {"capacity": 4}, headers=WAIT).json()["run"]
        address = f"/ui/runs/{run}/pictures/ID/0.svg"
        same_as_unknown(http, "GET", address, theirs["digest"], "0" * 64)


def test_their_idempotency_keys_are_free(house: Secured, theirs: dict[str, Any]) -> None:
    """The same key with another body is a new run here: a conflict would tell of theirs."""
    with house.client("operator") as http:
        headers = WAIT | {"idempotency-key": "shared"}
        answer = http.post("/solve", json=KNAPSACK | {"capacity": 3}, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["run"] != theirs["run"]


def test_their_positions_tell_nothing(house: Secured, theirs: dict[str, Any]) -> None:
    """A position beyond our log is our head, whether or not their log reaches it; their head is not in our chain."""
    with house.client("admin") as http:
        end = http.get("/log/head").json()["position"]
        for position in (end + 1, theirs["head"]["position"], 10**9):
            answer = http.get("/runs", params={"as_of": max(position, end)})
            assert answer.headers["mezan-position"] == str(http.get("/log/head").json()["position"])
        assert http.post("/log/verify", json={"head": theirs["head"]}).json()["ok"] is False
        assert theirs["run"] not in http.get("/log/export").text
        assert theirs["run"] not in http.get("/log", params={"limit": 1000}).text
        assert theirs["run"] not in http.get("/ui").text


def test_their_accounts_are_not_there(house: Secured) -> None:
    """Users and keys of the other project can neither be seen nor touched, also by their ids."""
    bodies = {"role": {"role": "viewer"}, "password": {"password": PASSWORD}}
    with house.client("admin") as http:
        for kind, actions in (
            ("user", ("role", "disable", "enable", "password", "authenticator/disable")),
            ("key", ("rotate", "revoke")),
        ):
            known, unknown = house.ids[f"viewer-{kind}@north"], f"{kind}_" + "z" * 26
            assert known not in http.get(f"/accounts/{kind}s").text
            for action in actions:
                same_as_unknown(
                    http, "POST", f"/accounts/{kind}s/ID/{action}", known, unknown, json=bodies.get(action, {})
                )
                answer = http.post(f"/accounts/{kind}s/{known}/{action}", json=bodies.get(action, {}))
                assert (answer.status_code, answer.json()["type"]) == (404, "/problems/account-not-found"), action
        wanted = {"name": "x", "role": "viewer", "owner": house.ids["viewer-user@north"]}
        assert http.post("/accounts/keys", json=wanted).status_code == 404
    with house.client("viewer", "north") as north:
        assert north.get("/accounts/me").status_code == 200


# credentials


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("authorization", "Bearer KEY"), ("authorization", "Bearer KEY")], 400, "malformed"),
        ([("authorization", "Bearer KEY"), ("cookie", "mezan_session=x")], 400, "ambiguous-credentials"),
        ([("cookie", "mezan_session=x; mezan_session=y")], 400, "ambiguous-credentials"),
        ([("cookie", "mezan_session=x"), ("cookie", "mezan_session=y")], 400, "ambiguous-credentials"),
        ([("authorization", "Basic eDp5")], 401, "token-invalid"),
        ([("authorization", "Bearer")], 401, "token-invalid"),
        ([("authorization", "KEY")], 401, "token-invalid"),
        ([("authorization", "Bearer KEYx")], 401, "token-invalid"),
        ([("authorization", "Bearer mzn_aaaaaaaaaaaa." + "A" * 43)], 401, "token-invalid"),
        ([("authorization", "Bearer " + "A" * 9_000)], 401, "token-invalid"),
        ([("authorization", "Bearer a.b.c")], 401, "token-invalid"),
        ([("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")], 401, "token-invalid"),
        ([("authorization", "Bearer \xff\xfe")], 401, "token-invalid"),
        ([("cookie", "mezan_session=mzs_x." + "A" * 43)], 401, "unauthenticated"),
        ([("x-api-key", "KEY")], 401, "unauthenticated"),
        ([("x-forwarded-user", "admin-user"), ("x-original-url", "/health/live")], 401, "unauthenticated"),
    ],
)  # fmt: skip
def test_wrong_credentials_are_refused(house: Secured, headers: list[tuple[str, str]], status: int, code: str) -> None:
    """Several, of a wrong kind, malformed, made up, or in headers that mean nothing here."""
    key = house.keys["default", "admin"]
    sent = [(name, value.replace("KEY", key).encode("latin-1")) for name, value in headers]
    answer = httpx.get(f"{house.server.url}/runs", headers=sent)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert "A" * 43 not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/health/live/../../runs", "/static/../runs", "/static/%2e%2e/runs", "//runs", "/runs/", "/RUNS", "/%72uns", "/runs;x", "/login/../runs", "/runs%00"],
)  # fmt: skip
def test_no_path_leads_around_the_gate(house: Secured, path: str) -> None:
    """Dots, slashes, cases and escapes: refused, not found, or led to where the gate is."""
    import socket

    with socket.create_connection(("127.0.0.1", house.server.port), 10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status in {400, 401, 404, 307}, answer[:500]
    assert b'"runs"' not in answer


def test_strangers_see_no_position(house: Secured) -> None:
    """The public health of the server says nothing of any log."""
    with house.client() as http:
        assert http.get("/health/ready").json() == {"status": "ready", "position": None, "folded": None, "reasons": []}
    with house.client("viewer") as http:
        assert http.get("/health/ready").json()["position"] is not None


def test_answers_are_kept_per_caller(house: Secured) -> None:
    """No cache in between gives one caller's answer, or its 304, to another."""
    with house.client("viewer") as http:
        assert {"cookie", "authorization"} <= {
            part.strip() for value in http.get("/runs").headers.get_list("vary") for part in value.split(",")
        }


# sessions


def test_a_login_opens_a_session_that_scripts_cannot_read(house: Secured) -> None:
    """The cookie is HttpOnly and SameSite=Strict; the session reads without, and writes with the CSRF token only."""
    with httpx.Client(base_url=house.server.url, timeout=60) as http:
        answer = http.post(
            "/login", data={"login": "operator-user", "password": PASSWORD, "next": "/ui/runs?status=failed"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/runs?status=failed")
        cookies = {c.partition("=")[0]: c.lower() for c in answer.headers.get_list("set-cookie")}
        assert "httponly" in cookies["mezan_session"]
        assert "httponly" not in cookies["mezan_csrf"]
        assert all("samesite=strict" in c and "path=/" in c and "domain" not in c for c in cookies.values())
        assert http.get("/runs").status_code == 200
        assert http.get("/accounts/me").json()["name"] == "operator-user"
        refused = http.post("/solve", json=KNAPSACK)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/csrf")
        with house.login("operator-user") as other:
            wrong = {"mezan-csrf": other.cookies["mezan_csrf"]}
        assert http.post("/solve", json=KNAPSACK, headers=wrong).json()["type"] == "/problems/csrf"
        token = {"mezan-csrf": http.cookies["mezan_csrf"]}
        assert http.post("/solve", json=KNAPSACK, headers=token).status_code == 202
        elsewhere = token | {"origin": "https://elsewhere.example"}
        assert http.post("/solve", json=KNAPSACK, headers=elsewhere).json()["type"] == "/problems/cross-origin"


def test_a_logout_ends_the_session_at_once(house: Secured) -> None:
    """The cookie that a thief has kept is worth nothing afterwards."""
    with house.login("viewer-user") as http:
        stolen = dict(http.cookies)
        assert http.post("/logout", headers={"mezan-csrf": ""}).status_code == 403
        answer = http.post("/logout")
        assert (answer.status_code, answer.headers["clear-site-data"]) == (204, '"cache"')
        assert not http.cookies
    answer = httpx.get(f"{house.server.url}/runs", cookies=stolen)
    assert answer.status_code == 401


def test_a_new_login_ends_the_session_before(house: Secured) -> None:
    """A session that somebody planted in the browser, or left open, does not outlive the login."""
    with house.login("viewer-user") as http:
        before = http.cookies["mezan_session"]
        assert http.post("/login", data={"login": "admin-user", "password": PASSWORD}).status_code == 303
        assert http.cookies["mezan_session"] != before
        assert http.get("/accounts/me").json()["name"] == "admin-user"
    answer = httpx.get(f"{house.server.url}/runs", cookies={"mezan_session": before})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/ui/runs?a=b", "/ui/runs?a=b"), ("https://elsewhere.example/", "/ui"), ("//elsewhere.example", "/ui"), ("/\\elsewhere.example", "/ui"),
        ("javascript:alert(1)", "/ui"), ("/\r\nset-cookie: a=b", "/ui"), ("", "/ui"), ("/" + "a" * 3_000, "/ui"), ("/login", "/ui"), ("ui", "/ui"),
    ],
)  # fmt: skip
def test_a_login_leads_to_this_server_only(house: Secured, asked: str, given: str) -> None:
    """Whatever ``next`` says, the browser stays here."""
    with house.login("viewer-user") as http:
        answer = http.get("/login", params={"next": asked})
    assert (answer.status_code, answer.headers["location"]) == (303, given)


def test_browsers_are_led_to_the_login_and_programs_are_not(house: Secured) -> None:
    """A page that is opened redirects, with where it was; a fragment, a write and an API call are 401."""
    html = {"accept": "text/html,application/xhtml+xml"}
    with house.client() as http:
        answer = http.get("/ui/runs", params={"status": "failed"}, headers=html)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=" + quote("/ui/runs?status=failed", safe="")
        assert http.get("/ui/runs", headers=html | {"mezan-fragment": "1"}).status_code == 401
        assert http.get("/runs").status_code == 401
        assert http.post("/solve", headers=html, json={}).status_code == 401
        expired = http.get("/ui", headers=html | {"cookie": "mezan_session=mzs_gone." + "A" * 43})
        assert expired.status_code == 303
    with house.client("viewer") as http:
        answer = http.get("/ui/lab", headers=html)
        assert answer.status_code == 403
        assert "lab:run" in answer.text
        assert answer.headers["content-type"].startswith("text/html")


def test_a_wrong_login_says_nothing(house: Secured) -> None:
    """The same page for an unknown user and a wrong password; the attempt is recorded."""
    with house.client() as http:
        pages = [
            http.post("/login", data={"login": name, "password": "wrong wrong wrong"})
            for name in ("viewer-user", "nobody-user")
        ]
    assert [page.status_code for page in pages] == [401, 401]
    assert pages[0].text.replace("viewer-user", "") == pages[1].text.replace("nobody-user", "")
    with house.client("admin") as admin:
        latest = admin.get("/accounts/denials").json()["latest"]
    assert any(d["path"] == "/login" and d["principal"] == house.ids["viewer-user@default"] for d in latest)


# tokens


def test_a_key_is_an_oauth_client(house: Secured) -> None:
    """Client credentials give a token with some of the key's scopes; it works, and not once it is revoked."""
    prefix, secret = house.keys["default", "operator"].removeprefix("mzn_").split(".")
    with house.client() as http:
        form = {"grant_type": "client_credentials", "scope": "runs:read"}
        got = http.post("/oauth/token", data=form, auth=(prefix, secret))
        assert got.status_code == 200
        assert got.headers["cache-control"] == "no-store"
        token = got.json()
        assert (token["token_type"], token["scope"]) == ("Bearer", "runs:read")
        bearer = {"authorization": f"Bearer {token['access_token']}"}
        assert http.get("/runs", headers=bearer).status_code == 200
        assert http.get("/log", headers=bearer).status_code == 403
        assert {key["alg"] for key in http.get("/.well-known/jwks.json").json()["keys"]} == {"EdDSA"}
        assert not any("d" in key for key in http.get("/.well-known/jwks.json").json()["keys"])
        assert http.post("/oauth/revoke", data={"token": token["access_token"]}).status_code == 200
        refused = http.get("/runs", headers=bearer)
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/token-revoked")
        wrong = http.post("/oauth/token", data=form, auth=(prefix, secret[::-1]))
        assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
        more = http.post("/oauth/token", data=form | {"scope": "accounts:write"}, auth=(prefix, secret))
        assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")
        assert http.post("/oauth/token", json=form).json()["error"] == "invalid_request"


def test_a_refresh_token_is_good_for_once(house: Secured) -> None:
    """Used again, it ends the family: the thief's tokens and the owner's."""
    with house.client() as http:
        first = http.post("/login", json={"login": "viewer-user@north", "password": PASSWORD}).json()
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = http.post("/oauth/token", data=form).json()
        bearer = {"authorization": f"Bearer {second['access_token']}"}
        assert http.get("/accounts/me", headers=bearer).json()["project"] == "north"
        again = http.post("/oauth/token", data=form)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        assert http.get("/runs", headers=bearer).status_code == 401
        renewed = http.post("/oauth/token", data=form | {"refresh_token": second["refresh_token"]})
        assert renewed.json()["error"] == "invalid_grant"


# what goes on


def test_a_revoked_key_is_cut_off(house: Secured) -> None:
    """Its live stream ends, and the next request is refused; a rotated one goes on."""
    with house.client("admin") as admin:
        made = admin.post("/accounts/keys", json={"name": "short", "role": "viewer"}).json()
        bearer = {"authorization": f"Bearer {made['key']}"}
        with (
            house.client() as http,
            http.stream("GET", "/log", headers=bearer | {"accept": "text/event-stream"}) as live,
        ):
            chunks = live.iter_bytes()
            next(chunks)
            assert admin.post(f"/accounts/keys/{made['id']}/revoke", json={}).status_code == 200
            with house.client("operator") as other:
                began = other.post("/solve", json=KNAPSACK | {"capacity": 2}, headers=WAIT).json()["run"]
            rest = b"".join(chunks)
            assert began.encode() not in rest
            refused = http.get("/runs", headers=bearer)
            assert (refused.status_code, refused.json()["type"]) == (401, "/problems/token-revoked")


def test_limits_are_told_and_kept(tmp_path: Path) -> None:
    """Headers count down to the token; then 429 with when to come again, for this key only."""
    with secured(tmp_path / "limited.db", "--limit", "requests=5/min fixed-window for=key") as house:
        with house.client("viewer") as http:
            left = []
            for _ in range(5):
                answer = http.get("/runs")
                assert answer.status_code == 200
                policies = dict(re.findall(r'"([a-z]+)";r=(\d+)', answer.headers["ratelimit"]))
                left.append(int(policies["requests"]))
            assert left == [4, 3, 2, 1, 0]
            answer = http.get("/runs")
            assert (answer.status_code, answer.json()["type"]) == (429, "/problems/rate-limited")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        with house.client("operator") as http:
            assert http.get("/runs").status_code == 200


def test_quotas_are_kept(tmp_path: Path) -> None:
    """More solver seconds than a day has are refused, with 429, before anything is recorded."""
    with secured(tmp_path / "quota.db", "--quota", "actor=seconds=20") as house, house.client("operator") as http:
        assert http.post("/solve", json=KNAPSACK | {"time_limit": 15}, headers=WAIT).status_code == 200
        answer = http.post("/solve", json=KNAPSACK | {"time_limit": 25})
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/quota-exceeded")
        assert len(http.get("/runs").json()["runs"]) == 1
        until = time.monotonic() + 10
        while http.post("/solve", json=KNAPSACK | {"time_limit": 15}, headers=WAIT).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
