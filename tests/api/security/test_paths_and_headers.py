"""Requests written so that two readers may understand them differently: none gets past the gate, and none breaks it."""

import socket

import pytest

from .attacker import Attacker, read_answer

PROTECTED = b'"runs"'
AROUND = (
    "//runs", "/./runs", "/health/live/../../runs", "/static/../runs", "/static/%2e%2e/runs", "/static/..%2fruns", "/%2e%2e/runs", "/%2fruns",
    "/runs/", "/runs;x=1", "/runs;/../health/live", "/health/live;/runs", "/RUNS", "/Runs", "/%72uns", "/r%75ns", "/runs%00", "/runs%00.css", "/runs%20",
    "/runs%09", "/runs%0d%0a", "/runs.json", "/runs?", "/runs#x", "/runs%3f", "/runs%23", "/login/../runs", "/oauth/token/../../runs", "/runs\\",
    "/\\runs", "/static\\..\\runs", "/.well-known/../runs", "/openapi.json/../runs", "/static/%252e%252e/runs", "/%c0%ae%c0%ae/runs", "/%u0072uns", "/runs/.", "/runs/..;/runs",
    "/login/", "/login;/ui", "/ui/", "//ui", "/UI", "/metrics/", "//metrics", "/accounts//users", "/accounts/./users", "/accounts/users/", "//accounts/users",
)  # fmt: skip


@pytest.mark.parametrize("path", AROUND)
def test_no_spelling_of_a_path_leads_around_the_gate(attacker: Attacker, path: str) -> None:
    """Dots, slashes, parameters, cases, escapes and NULs: unknown, not there, led to where the gate is, or no request at all."""
    answer = attacker.send(f"GET {path} HTTP/1.1", attacker.host, "Connection: close")
    assert answer.status in {400, 401, 404, 307}, (path, answer)
    assert PROTECTED not in answer.body
    attacker.count(answer.code)
    if answer.status == 307:
        target = answer.head.lower().partition("location: ")[2].partition("\r\n")[0]
        assert target.startswith((f"http://127.0.0.1:{attacker.house.server.port}/", "/")), target


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:PORT/runs",
        "http://elsewhere.example/runs",
        "https://127.0.0.1/health/live/../../runs",
        "*",
        "127.0.0.1:80",
        "runs",
        "",
        "http:/runs",
        "///runs",
    ],
)
def test_no_form_of_target_leads_around_the_gate(attacker: Attacker, target: str) -> None:
    """Absolute, authority and asterisk forms, and what is none: the path alone counts, and it is guarded."""
    target = target.replace("PORT", str(attacker.house.server.port))
    for method in ("GET", "OPTIONS", "CONNECT"):
        answer = attacker.send(f"{method} {target} HTTP/1.1", attacker.host, "Connection: close")
        assert answer.status in {400, 401, 404, 405}, (method, target, answer)
        assert PROTECTED not in answer.body
        attacker.count(answer.code)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method"])
def test_no_header_changes_the_method(attacker: Attacker, name: str) -> None:
    """A viewer's GET stays a GET, and a stranger's POST to a public path is what it is."""
    viewer = f"Authorization: {attacker.key('viewer')}"
    run = "run_" + "0" * 26
    for method in ("POST", "DELETE", "PUT"):
        answer = attacker.send(
            f"GET /runs/{run}/cancel HTTP/1.1", attacker.host, viewer, f"{name}: {method}", "Connection: close"
        )
        attacker.expect(answer, 405, "method-not-allowed", name)
        answer = attacker.send(
            f"GET /solve?_method={method} HTTP/1.1", attacker.host, viewer, f"{name}: {method}", "Connection: close"
        )
        attacker.expect(answer, 405, "method-not-allowed", name)


def test_other_methods_open_nothing(attacker: Attacker) -> None:
    """HEAD, OPTIONS, TRACE and made-up methods on protected routes are refused for strangers and say nothing of what is there."""
    for path in ("/runs", "/log/export", "/accounts/users", "/ui", "/metrics", "/solve"):
        for method in ("HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "QUERY", "get"):
            answer = attacker.send(f"{method} {path} HTTP/1.1", attacker.host, "Connection: close")
            assert answer.status in {400, 401, 405}, (method, path, answer)
            assert "access-control-allow" not in answer.head.lower()
            assert "mezan-position" not in answer.head.lower()
            assert "etag" not in answer.head.lower()
            attacker.count("unauthenticated" if answer.status == 401 else "")


@pytest.mark.parametrize(
    "name",
    [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Accel-Redirect",
        "X-Forwarded-User",
        "X-Remote-User",
        "Remote-User",
        "X-Api-Key",
        "X-Auth-Token",
        "Proxy-Authorization",
        "X-Authenticated-User",
        "X-Project",
        "Mezan-Project",
        "Mezan-Principal",
        "Mezan.principal",
    ],
)
def test_no_other_header_says_who_asks(attacker: Attacker, name: str) -> None:
    """What proxies and other servers believe in means nothing here, for strangers as for who has a key."""
    for value in ("/health/live", "admin-user", attacker.key(), attacker.house.keys["default", "admin"], "north"):
        answer = attacker.send("GET /runs HTTP/1.1", attacker.host, f"{name}: {value}", "Connection: close")
        attacker.expect(answer, 401, "unauthenticated", (name, value))
    me = attacker.send(
        "GET /accounts/me HTTP/1.1",
        attacker.host,
        f"Authorization: {attacker.key('viewer')}",
        f"{name}: north",
        "Connection: close",
    )
    assert (me.status, b'"project":"default"' in me.body) == (200, True), me


def test_nobody_chooses_the_address_it_is_recorded_under(attacker: Attacker) -> None:
    """X-Forwarded-For and its kin change neither the address of a denial nor what counts against it."""
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"):
        value = "for=203.0.113.9" if name == "Forwarded" else "203.0.113.9"
        answer = attacker.send(
            "POST /accounts/users HTTP/1.1",
            attacker.host,
            f"Authorization: {attacker.key('viewer')}",
            f"{name}: {value}",
            "Content-Length: 0",
            "Connection: close",
        )
        attacker.expect(answer, 403, "forbidden", name)
    with attacker.house.client("admin") as admin:
        told = admin.get("/accounts/denials").text
    assert "127.0.0.1" in told
    assert "203.0.113.9" not in told


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (["Host: elsewhere.example"], 421, "wrong-host"),
        (["Host: 127.0.0.1.elsewhere.example"], 421, "wrong-host"),
        (["Host: elsewhere.example#127.0.0.1"], 421, "wrong-host"),
        (["Host: elsewhere.example\\@127.0.0.1"], 421, "wrong-host"),
        (["Host: 127.0.0.1#elsewhere.example"], 421, "wrong-host"),
        (["Host: 127.0.0.1/elsewhere.example"], 421, "wrong-host"),
        (["Host: 127.0.0.1:80@elsewhere.example"], 421, "wrong-host"),
        (["Host: [::1"], 421, "wrong-host"),
        (["Host:"], 421, "wrong-host"),
        (["HOST", "Host: elsewhere.example"], 400, "malformed"),
        (["Host: elsewhere.example", "HOST"], 400, "malformed"),
        (["HOST", "X-Forwarded-Host: elsewhere.example"], 401, "unauthenticated"),
        (["HOST", "AUTH", "Authorization: Bearer x"], 400, "malformed|ambiguous-credentials"),
        (["HOST", "Authorization: Bearer x", "AUTH"], 400, "malformed|ambiguous-credentials"),
        (["HOST", "AUTH", "AUTH"], 400, "malformed|ambiguous-credentials"),
        (["HOST", "AUTH", "Cookie: mezan_session=x"], 400, "ambiguous-credentials"),
        (["HOST", "Cookie: mezan_session=x; mezan_session=y"], 400, "ambiguous-credentials"),
        (["HOST", "Cookie: mezan_session=x", "Cookie: mezan_session=x"], 400, "ambiguous-credentials"),
        (["HOST", "Authorization: Basic eDp5"], 401, "token-invalid"),
        (["HOST", "Authorization: Digest username=admin"], 401, "token-invalid"),
        (["HOST", "Authorization: "], 401, "token-invalid"),
        (["HOST", "Authorization: Bearer, Bearer"], 401, "token-invalid"),
        (["HOST", "Cookie: MEZAN_SESSION=x; Mezan_Session=y; __Host-mezan_session=z"], 401, "unauthenticated"),
    ],
)  # fmt: skip
def test_headers_that_come_twice_or_from_elsewhere(
    attacker: Attacker, lines: list[str], status: int, code: str
) -> None:
    """Another host, several hosts, several credentials, credentials of another kind: refused, whichever comes first."""
    sent = [line.replace("HOST", attacker.host).replace("AUTH", f"Authorization: {attacker.key()}") for line in lines]
    answer = attacker.send("GET /runs HTTP/1.1", *sent, "Connection: close")
    assert answer.code in code.split("|"), answer
    attacker.expect(answer, status, answer.code)
    assert ("www-authenticate" in answer.head.lower()) == (status == 401)


SMUGGLED = b"GET /runs HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 4", "Content-Length: 40"], ["Content-Length: 4, 40"], ["Content-Length: +4"], ["Content-Length: 0x4"], ["Content-Length: -1"],
        ["Content-Length: 4", "Transfer-Encoding: chunked"], ["Transfer-Encoding: chunked", "Content-Length: 4"], ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"], ["Transfer-Encoding: identity, chunked, identity"], ["Transfer-Encoding : chunked"], ["Transfer-Encoding:\x0bchunked"],
        ["Content-Length : 4"], ["Content-Length: 4\0"], ["Content-Length: 99999999999999999999999"], ["Content-Length: 4", " folded: Authorization"],
    ],
)  # fmt: skip
def test_the_length_of_a_body_is_not_ambiguous(attacker: Attacker, lines: list[str]) -> None:
    """What one reader takes for a body another takes for a request: refused, and the connection is closed; no second answer comes."""
    for method in ("POST /login", "POST /oauth/token"):
        request = "\r\n".join(
            [f"{method} HTTP/1.1", attacker.host, "Content-Type: application/x-www-form-urlencoded", *lines]
        ).encode("latin-1")
        with socket.create_connection(("127.0.0.1", attacker.house.server.port), 5) as connection:
            connection.sendall(request + b"\r\n\r\n" + b"0\r\n\r\n" + SMUGGLED + b"\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            content = b""
            try:
                while chunk := connection.recv(65_536):
                    content += chunk
            except ConnectionError:
                pass
        statuses = [int(piece[:3]) for piece in content.split(b"HTTP/1.1 ")[1:]]
        assert len(statuses) <= 1, (lines, content)
        assert all(status in {400, 413} for status in statuses), (lines, content)
        attacker.count("malformed", content.count(b"/problems/malformed"))
        attacker.count("too-large", content.count(b"/problems/too-large"))


@pytest.mark.parametrize(
    "line",
    ["Authorization:\r\n KEY", "Authorization: Bearer\r\n\tTEXT", "X: y\r\n KEY", "X: y\0\r\nAuthorization: KEY", "X: \nAuthorization: KEY", "X: \rAuthorization: KEY", "Authorization : KEY", "Author\0ization: KEY", ": KEY", "Authorization: KEY\0", " Authorization: KEY"],
)  # fmt: skip
def test_folded_and_broken_header_lines(attacker: Attacker, line: str) -> None:
    """Folding, NULs, bare line feeds and blanks before the colon: nobody gets in by a credential that is written so."""
    key = attacker.key()
    sent = line.replace("KEY", key).replace("TEXT", key.partition(" ")[2])
    answer = attacker.send("GET /accounts/me HTTP/1.1", attacker.host, sent, "Connection: close")
    assert answer.status in {0, 400, 401}, answer
    attacker.count(answer.code)
    assert key.partition(" ")[2] not in answer.head + answer.body.decode("latin-1")


def test_too_many_and_too_long_headers(attacker: Attacker) -> None:
    """A thousand headers, or one of a megabyte: refused or cut off, and the server goes on."""
    for lines in (["X: y"] * 20_000, ["X: " + "y" * 2_000_000], [f"Cookie: {'a=b; ' * 100_000}"]):
        try:
            answer = attacker.send("GET /runs HTTP/1.1", attacker.host, *lines, "Connection: close")
        except ConnectionError:
            continue
        assert answer.status in {0, 400, 401, 431}, answer.status
        attacker.count(answer.code)
    long = attacker.send("GET /" + "a" * 300_000 + " HTTP/1.1", attacker.host, "Connection: close")
    assert long.status in {0, 400, 401, 404, 414}
    with attacker.house.client("viewer") as viewer:
        assert viewer.get("/runs").status_code == 200


def test_two_requests_on_one_connection_are_two_principals(attacker: Attacker) -> None:
    """Who comes after somebody on a kept connection, as behind a proxy, is not taken for that one."""
    port = attacker.house.server.port
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        for credential, status in (
            (f"Authorization: {attacker.key()}", 200),
            ("X: y", 401),
            (f"Authorization: {attacker.key('viewer', 'north')}", 200),
        ):
            connection.sendall(f"GET /accounts/me HTTP/1.1\r\n{attacker.host}\r\n{credential}\r\n\r\n".encode())
            answer = read_answer(connection)
            assert answer.status == status
            attacker.count(answer.code)
        assert b'"project":"north"' in answer.body
        pipelined = "".join(
            f"GET /accounts/me HTTP/1.1\r\n{attacker.host}\r\n{line}\r\n\r\n"
            for line in (f"Authorization: {attacker.key()}", "X: y")
        )
        connection.sendall(pipelined.encode())
        content = b""
        while content.count(b"HTTP/1.1 ") < 2 or not content.endswith(b"}"):
            chunk = connection.recv(65_536)
            assert chunk, content
            content += chunk
    first, second = content.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert second.startswith(b"401")
    assert b"/problems/unauthenticated" in second
    attacker.count("unauthenticated")
