"""Requests over HTTP, through the real server: accepted, waited for, repeated, refused."""

import httpx
import pytest

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}
QAP = {
    "type": "qap",
    "A": [[0, 5, 2], [5, 0, 3], [2, 3, 0]],
    "B": [[0, 8, 15], [8, 0, 13], [15, 13, 0]],
    "mode": "auto",
    "time_limit": 60,
}
WAIT = {"prefer": "wait=60"}


@pytest.mark.parametrize(("asked", "optimum"), [(KNAPSACK, 22.0), (QAP, 218.0)])
def test_waits_for_the_answer(http: httpx.Client, asked: dict, optimum: float) -> None:
    """`Prefer: wait` answers with the whole run, solved to its known optimum."""
    answer = http.post("/solve", json=asked, headers=WAIT)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    run = answer.json()
    assert (run["status"], run["objective"], run["proved_optimal"]) == ("completed", optimum, True)
    assert answer.headers["location"] == f"/runs/{run['run']}"


def test_accepts_at_once(http: httpx.Client) -> None:
    """Without a wait the answer is 202 with where the run is, and the run is there."""
    answer = http.post("/solve", json=KNAPSACK)
    assert answer.status_code == 202
    where = answer.headers["location"]
    assert http.get(where).json()["run"] == answer.json()["run"]


def test_idempotency(http: httpx.Client) -> None:
    """The same key names the same run; with another body it is a problem of its own type."""
    headers = {"idempotency-key": "once"}
    first = http.post("/solve", json=KNAPSACK | {"seed": 1}, headers=headers).json()["run"]
    assert http.post("/solve", json=KNAPSACK | {"seed": 1}, headers=headers).json()["run"] == first
    other = http.post("/solve", json=KNAPSACK | {"seed": 2}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-conflict")


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        (b"{", 400, "malformed", "JSON"),
        (b"[]", 400, "malformed", "object"),
        (b"[" * 100_000, 400, "malformed", "JSON"),
        (b'{"type": "qap", "A": [[NaN]]}', 400, "malformed", "JSON"),
        (b'{"type": "\xff"}', 400, "malformed", "JSON"),
        (b"{}", 422, "bad-input", "`type`"),
        (b'{"type": "tsp"}', 422, "unknown-name", "knapsack, qap"),
        (b'{"type": "knapsack", "values": [1], "weights": [1, 2], "capacity": 1}', 422, "bad-problem", "equally long"),
        (b'{"type": "knapsack", "values": [1], "weights": [1], "capacity": 1, "time_limit": -1}', 422, "bad-budget", "time"),
        (b'{"type": "knapsack", "values": [1], "weights": [1], "capacity": 1, "seed": "x"}', 422, "bad-input", "seed"),
        (b'{"type": "knapsack", "values": [1], "weights": [1], "capacity": 1, "policy": "luck"}', 422, "unknown-name", "luck"),
    ],
)  # fmt: skip
def test_bad_requests(http: httpx.Client, body: bytes, status: int, kind: str, says: str) -> None:
    """Each is refused with its problem type and a sentence that names the rule, and nothing is recorded."""
    before = http.get("/health/ready").json()["position"]
    answer = http.post("/solve", content=body, headers={"content-type": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert says in answer.json()["detail"]
    assert http.get("/health/ready").json()["position"] >= before
    assert http.get(answer.json()["type"]).json()["status"] == status


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"host": "evil.example"}, 421, "wrong-host"),
        ({"origin": "http://evil.example"}, 403, "cross-origin"),
        ({"content-encoding": "gzip"}, 415, "unsupported-media-type"),
        ({"content-type": "text/plain"}, 415, "unsupported-media-type"),
        ({"prefer": "wait=forever"}, 422, "bad-parameters"),
        ({"host": "[::1"}, 421, "wrong-host"),
        ([("origin", "http://localhost"), ("origin", "http://evil.example")], 400, "malformed"),
        ([("idempotency-key", "a"), ("idempotency-key", "b")], 400, "malformed"),
    ],
)
def test_refused_by_headers(http: httpx.Client, headers: dict | list, status: int, kind: str) -> None:
    """Other hosts, other origins, what must come once and comes twice, compressed and non-JSON bodies, before anything is read."""
    answer = http.post("/solve", json=KNAPSACK, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


def test_too_large(http: httpx.Client) -> None:
    """A body over the limit is refused by its length, and while it is read when it does not tell its length."""
    length = 17 * 2**20
    by_length = http.post("/solve", content=b" " * length, headers={"content-type": "application/json"})
    assert (by_length.status_code, by_length.json()["type"]) == (413, "/problems/too-large")
    chunks = (b" " * 2**20 for _ in range(17))
    chunked = http.post("/solve", content=chunks, headers={"content-type": "application/json"})
    assert (chunked.status_code, chunked.json()["type"]) == (413, "/problems/too-large")


def test_security_headers(http: httpx.Client) -> None:
    """Every answer, errors too, carries the policy that keeps pages from loading anything foreign."""
    for path in ("/health/live", "/nowhere", "/ui"):
        headers = http.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
