"""Bodies that are made to cost more than they are worth: refused before they are held, unpacked or followed down."""

import gzip
import json
import socket
import time
import zlib

import httpx
import pytest

from .attacker import Attacker, read_answer

MOST = 16 * 2**20
DEEP = 200_000
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def admin(attacker: Attacker):
    with attacker.house.client("admin") as client:
        yield client


@pytest.mark.parametrize("path", ["/solve", "/solve/file", "/accounts/users", "/log/verify", "/login", "/oauth/token"])
def test_a_length_beyond_the_limit_is_refused_unread(attacker: Attacker, path: str) -> None:
    """By its Content-Length alone, however large that claims to be; no byte of the body is waited for."""
    for length in (MOST + 1, 10**17, int("9" * 40)):
        answer = attacker.send(
            f"POST {path} HTTP/1.1", attacker.host, f"Authorization: {attacker.key()}", f"Content-Length: {length}"
        )
        if answer.status == 400 and not answer.code:
            continue  # beyond 64 bits the parser itself refuses
        attacker.expect(answer, 413, "too-large", (path, length))


@pytest.mark.parametrize("credential", ["none", "viewer", "admin"])
def test_an_endless_body_is_cut_off(attacker: Attacker, credential: str) -> None:
    """Chunk after chunk without an end: refused for who may not send it, and at the limit for who may."""
    shown = [] if credential == "none" else [f"Authorization: {attacker.key(credential)}"]
    head = "\r\n".join(
        ["POST /solve HTTP/1.1", attacker.host, *shown, "Content-Type: application/json", "Transfer-Encoding: chunked"]
    )
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", attacker.house.server.port), 20) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n")
        try:
            for _ in range(2 * MOST // 0x40000):
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        answer = read_answer(connection)
    refused = {"none": (401, "unauthenticated"), "viewer": (403, "forbidden"), "admin": (413, "too-large")}[credential]
    if answer.status:
        attacker.expect(answer, *refused)
    else:  # the answer was lost with the connection, which is closed under our feet
        attacker.count(refused[1])
    with attacker.house.client("viewer") as viewer:
        assert viewer.get("/runs").status_code == 200


def test_a_slow_body_holds_up_nobody(attacker: Attacker) -> None:
    """A hundred bodies that never come are open while others are answered; strangers are refused before they are read."""
    held = []
    try:
        for path, credential in [("/solve", attacker.key()), ("/login", "")] * 50:
            connection = socket.create_connection(("127.0.0.1", attacker.house.server.port), 10)
            held.append(connection)
            shown = f"Authorization: {credential}\r\n" if credential else ""
            connection.sendall(
                f"POST {path} HTTP/1.1\r\n{attacker.host}\r\n{shown}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{".encode()
            )
        with attacker.house.client("viewer") as viewer:
            assert viewer.get("/runs").status_code == 200
        answer = attacker.send(
            "POST /solve HTTP/1.1", attacker.host, "Content-Type: application/json", "Content-Length: 5000", body=b"{"
        )
        attacker.expect(answer, 401, "unauthenticated")
    finally:
        for connection in held:
            connection.close()


def bombs():
    """Megabytes of zeros in a few bytes, by every coding, and several over each other."""
    zeros = b"0" * 50_000_000
    yield "gzip", gzip.compress(zeros)
    yield "deflate", zlib.compress(zeros)
    yield "gzip, gzip", gzip.compress(gzip.compress(zeros))
    for other in ("br", "zstd", "compress", "x-gzip", "GZIP", "identity, gzip", "gzip, identity", "", "none"):
        yield other, b"x"


def test_zip_bombs_are_not_unpacked(attacker: Attacker) -> None:
    """Whatever Content-Encoding says, for strangers and for who may write, on every kind of body."""
    for coding, content in bombs():
        for path in ("/solve", "/solve/file", "/accounts/users", "/login", "/oauth/token"):
            answer = httpx.post(
                attacker.url + path,
                content=content,
                headers={**JSON, "content-encoding": coding, "authorization": attacker.key()},
            )
            attacker.expect(answer, 415, "unsupported-media-type", (coding, path))


NESTED = {
    "arrays": b"[" * DEEP,
    "closed arrays": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP,
    "closed objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "in a member": b'{"type":"knapsack","name":' + b"[" * DEEP + b"]" * DEEP + b"}",
}


@pytest.mark.parametrize(
    "path",
    [
        "/solve",
        "/solve/knapsack",
        "/predict",
        "/accounts/users",
        "/accounts/keys",
        "/accounts/me/password",
        "/log/verify",
        "/login",
    ],
)
@pytest.mark.parametrize("shape", NESTED)
def test_deep_json_is_refused(attacker: Attacker, admin: httpx.Client, path: str, shape: str) -> None:
    """Nested 200,000 deep: a problem, and the stack is not used up."""
    answer = admin.post(path, content=NESTED[shape], headers=JSON)
    assert answer.status_code in {400, 413, 422, 404}, (path, shape, answer.text[:200])
    code = answer.json()["type"].removeprefix("/problems/")
    attacker.count(code)


@pytest.mark.parametrize(
    "content",
    [
        b'{"name":"x","role":"viewer","role":"admin"}', b'{"name":"x","role":"viewer"} {"role":"admin"}', b'{"name":"x","role":"viewer"}\0', b"\xff\xfe{\x00}\x00",
        b'{"name":"\\ud800","role":"viewer"}', b'{"name":"x","role":NaN}', b"NaN", b"null", b"[]", b"1", b'"x"', b'{"name":"x","role":"viewer","project":"north"}',
        b'{"name":"x","role":"viewer","__class__":"x"}', b'{"name":"x\\u0000","role":"viewer"}', b'{"name":"x","role":' + b"1" * 5_000 + b"}", b"+ADw-",
    ],
)  # fmt: skip
def test_ambiguous_json_makes_no_account(attacker: Attacker, admin: httpx.Client, content: bytes) -> None:
    """Members twice, trailing texts, other encodings, lone surrogates, members that are not asked for: nobody is added by them."""
    before = admin.get("/accounts/users").json()
    answer = admin.post("/accounts/users", content=content, headers=JSON)
    assert answer.status_code in {400, 404, 415, 422}, (content[:80], answer.text[:200])
    attacker.count(answer.json()["type"].removeprefix("/problems/"))
    assert admin.get("/accounts/users").json() == before


def test_other_kinds_of_bodies_are_not_guessed(attacker: Attacker, admin: httpx.Client) -> None:
    """A form, a part of a form or a text that another site can send without asking is no JSON, whatever is in it."""
    content = json.dumps({"name": "forged", "role": "admin"}).encode()
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
        "text/json",
    ):
        answer = admin.post("/accounts/users", content=content, headers={"content-type": kind})
        attacker.expect(answer, 415, "unsupported-media-type", kind)


def test_forms_are_bounded(attacker: Attacker) -> None:
    """Many fields, long fields, fields that come twice, broken escapes and encodings: no token, no session."""
    key = attacker.house.keys["default", "admin"].removeprefix("mzn_")
    client_id, secret = key.split(".")
    good = f"grant_type=client_credentials&client_id={client_id}&client_secret={secret}"
    for form in (
        "&".join(f"a{i}=b" for i in range(1_000)),
        "a=" + "b" * 20_000,
        f"{good}&grant_type=refresh_token",
        f"{good}&client_id=x",
        f"{good}&scope=a&scope=b",
        good + "&x=%ff",
        "&&&",
        "a",
    ):
        answer = httpx.post(f"{attacker.url}/oauth/token", content=form.encode(), headers=FORM)
        assert (answer.status_code, answer.json().get("error")) == (400, "invalid_request"), (form[:60], answer.text)
        assert secret not in answer.text
        attacker.count("malformed") if len(form) < 16_384 else attacker.count("too-large")


def test_a_request_line_that_trickles_in_holds_up_nobody(attacker: Attacker) -> None:
    """Headers byte by byte: the others are answered meanwhile."""
    with socket.create_connection(("127.0.0.1", attacker.house.server.port), 10) as connection:
        for byte in b"GET /runs HTTP/1.1\r\nHost: 127":
            connection.sendall(bytes([byte]))
        began = time.process_time()
        with attacker.house.client("viewer") as viewer:
            assert viewer.get("/runs").status_code == 200
        assert time.process_time() - began < 5
