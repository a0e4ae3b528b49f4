"""Problems as files, family doors, dry runs and requests asked again, through the real server."""

import io

import httpx
import numpy as np
import pytest

from mezan.api.http.asking import HUGE
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.knapsack.formats import write
from mezan.solvers.qap import QAP

WAIT = {"prefer": "wait=60"}
TEXT = {"content-type": "text/plain"}
BYTES = {"content-type": "application/octet-stream"}
SMALL = QAP(A=[[0, 5, 2], [5, 0, 3], [2, 3, 0]], B=[[0, 8, 15], [8, 0, 13], [15, 13, 0]])
FAST = {"solver": "qap.tabu", "target": 218}
"""One solver for all of the small ones: it is compiled once."""
ITEMS = Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=5)


def npz(**arrays: object) -> bytes:
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "headers", "optimum"),
    [
        ("three.dat", SMALL.to_qaplib().encode(), TEXT, 218.0),
        ("three.npz", npz(A=SMALL.A, B=SMALL.B), BYTES, 218.0),
        ("items.kp", write(ITEMS).encode(), TEXT, 22.0),
        ("items.json", b'{"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5}', BYTES, 22.0),
    ],
)  # fmt: skip
def test_a_file_is_solved(http: httpx.Client, name: str, content: bytes, headers: dict, optimum: float) -> None:
    """Each format is read by its name, solved to its known optimum, and named by its stem; the query's options count."""
    query = {"name": name, "time_limit": 30, "seed": 3, "best_known": optimum} | (FAST if optimum == 218 else {})
    answer = http.post("/solve/file", params=query, content=content, headers=headers | WAIT)
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert (run["status"], run["objective"], run["instance"]) == ("completed", optimum, name.partition(".")[0])
    assert (run["seed"], run["best_known"], run["gap"]) == (3, optimum, 0.0)


def test_a_name_is_never_a_path(http: httpx.Client) -> None:
    """Folders in a name are dropped: the content is read, not the server's file of that name."""
    query = {"name": "../../etc/passwd/three.dat", "time_limit": 30} | FAST
    run = http.post("/solve/file", params=query, content=SMALL.to_qaplib().encode(), headers=TEXT | WAIT).json()
    assert (run["instance"], run["objective"]) == ("three", 218.0)


@pytest.mark.parametrize(
    ("query", "content", "headers", "status", "kind", "says"),
    [
        ({"name": "x.dat"}, b"3\n1 2 3", TEXT, 422, "bad-problem", "only 3"),
        ({"name": "x.dat"}, b"", TEXT, 422, "bad-problem", "must not be empty"),
        ({"name": "x.npz"}, b"PK\x03\x04 no zip", BYTES, 422, "bad-problem", "x.npz is not"),
        ({"name": "x.npz"}, npz(A=np.array([object()]), B=np.eye(2)), BYTES, 422, "bad-problem", "numbers only"),
        ({"name": "x.npz"}, npz(A=np.zeros((2001, 2001), "i1"), B=np.eye(2)), BYTES, 422, "bad-problem", "2000"),
        ({"name": "x.npz"}, npz(A=np.eye(2)), BYTES, 422, "bad-problem", "has no B"),
        ({"name": "x.txt"}, b"3", TEXT, 422, "bad-input", "add `family` qap|knapsack"),
        ({"name": "x.dat", "family": "tsp"}, b"3", TEXT, 422, "unknown-name", "tsp"),
        ({"name": "x.dat", "time_limit": -1}, SMALL.to_qaplib().encode(), TEXT, 422, "bad-budget", "time_limit"),
        ({"name": "x.dat", "seed": -1}, SMALL.to_qaplib().encode(), TEXT, 422, "bad-input", "seed"),
        ({"name": "x.dat", "solver": "qap.fft"}, SMALL.to_qaplib().replace("3 0", "4 0").encode(), TEXT, 422, "bad-input", "cannot take"),
        ({"name": "x.dat", "pans": ["qap.tabu", "luck"]}, SMALL.to_qaplib().encode(), TEXT, 422, "unknown-name", "luck"),
        ({"name": "x.dat", "best_known": "nan"}, b"3", TEXT, 422, "bad-parameters", "best_known"),
        ({"name": "x.dat", "speed": "high"}, b"3", TEXT, 422, "bad-parameters", "speed"),
        ({"name": "x.kp", "mode": "hybrid"}, write(ITEMS).encode(), TEXT, 422, "bad-input", "without modes"),
        ({"name": "x.dat", "mode": "quick"}, SMALL.to_qaplib().encode(), TEXT, 422, "bad-problem", "mode"),
        ({"name": "x.dat"}, b"3", {"content-type": "text/html"}, 415, "unsupported-media-type", "octet-stream"),
    ],
)  # fmt: skip
def test_bad_files(
    http: httpx.Client, query: dict, content: bytes, headers: dict, status: int, kind: str, says: str
) -> None:
    """Each is refused with its rule, by both file doors, and nothing is recorded."""
    before = http.get("/health/ready").json()["position"]
    for door in ("/solve/file", "/predict/file"):
        answer = http.post(door, params=query, content=content, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
        assert says in answer.json()["detail"]
    assert http.get("/health/ready").json()["position"] == before


def test_a_large_body_is_the_same_problem(http: httpx.Client) -> None:
    """A body that is decoded in another process gives the same instance as in this one, as JSON and as a file."""
    values, weights = np.random.default_rng(1).integers(10**6, 10**7, (2, 30_000))
    problem = Knapsack(values=values, weights=weights, capacity=10**10, name="large")
    options = {"time_limit": 30.0, "solver": "knapsack.greedy", "fresh": True}
    body = {"values": values.tolist(), "weights": weights.tolist(), "capacity": 10**10, "name": "large", "seed": 1}
    body |= options | {"type": "knapsack"}
    content = write(problem).encode()
    assert len(content) > HUGE
    by_json = http.post("/solve", json=body, headers=WAIT).json()
    query = {"name": "large.kp", "seed": 1} | options
    by_file = http.post("/solve/file", params=query, content=content, headers=TEXT | WAIT).json()
    assert by_json["objective"] == by_file["objective"] > 0
    for run in (by_json["run"], by_file["run"]):
        requested = http.get(f"/runs/{run}/events").json()["events"][0]["data"]
        assert requested["tasks"][0]["problem"] == problem.packed()[1]
        assert http.get(f"/runs/{run}/request").json() == body
    bad = http.post("/solve", json=body | {"weights": weights[:-1].tolist()})
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-problem")
    refused = http.post("/solve", json=body | {"seed": "x"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "seed must be int; got str")


def test_family_doors(http: httpx.Client) -> None:
    """A family's own door takes its problems without a type, and no other family's; the document has its schema."""
    body = {"A": SMALL.A.tolist(), "B": SMALL.B.tolist(), "time_limit": 30} | FAST
    assert http.post("/qapflow/solve", json=body, headers=WAIT).json()["objective"] == 218.0
    items = {"values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 30}
    assert http.post("/knapsack/solve", json=items, headers=WAIT).json()["objective"] == 22.0
    wrong = http.post("/qapflow/solve", json=items | {"type": "knapsack"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/bad-input")
    paths = http.get("/openapi.json").json()["paths"]
    content = paths["/qapflow/solve"]["post"]["requestBody"]["content"]["application/json"]
    assert (content["schema"], list(content["examples"])) == ({"$ref": "#/components/schemas/qap_request"}, ["qap"])


def test_a_dry_run_records_nothing(http: httpx.Client) -> None:
    """It names the solver that is then chosen with the same seed, as JSON and as a file; nothing is recorded by it."""
    body = {
        "type": "knapsack",
        "values": [6, 10, 12],
        "weights": [1, 2, 3],
        "capacity": 5,
        "seed": 11,
        "policy": "elo_ucb",
    }
    before = http.get("/health/ready").json()["position"]
    found = http.post("/predict", json=body).json()
    file = http.post("/predict/file", params={"name": "items.kp", "seed": 11, "policy": "elo_ucb"}, content=write(ITEMS).encode(), headers=TEXT)  # fmt: skip
    assert http.get("/health/ready").json()["position"] == before
    assert file.json() | {"instance": ""} == found
    assert found["solver"] in {one["solver"] for one in found["forecasts"] if one["refused"] is None}
    assert sum(one["best"] for one in found["forecasts"]) == pytest.approx(1, abs=0.01)
    forced = http.post("/predict", json=body | {"solver": "knapsack.greedy"}).json()
    assert (forced["forced"], forced["solver"]) == ("knapsack.greedy", found["solver"])
    run = http.post("/solve", json=body | {"fresh": True}, headers=WAIT).json()
    assert run["solver"] == found["solver"]
    past = http.post("/predict?as_of=0", json=body).json()
    assert (past["as_of"], {one["outcomes"] for one in past["forecasts"]}) == (0, {0})
    unknown = http.post("/predict", json=body | {"solver": "knapsack.magic"})
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/unknown-name")


def test_examples(http: httpx.Client) -> None:
    """Every family has some; each is a request that the dry run takes, and all of them are small."""
    answer = http.get("/examples")
    assert len(answer.content) < 60_000
    found = answer.json()
    assert {one["family"] for one in found} == {"qap", "knapsack"}
    for one in found:
        assert http.get(f"/examples/{one['name']}").json() == one
        assert http.post("/predict", json=one["body"]).json()["size"] == one["size"]
    assert [one["name"] for one in http.get("/examples?family=qap").json()] == [
        o["name"] for o in found if o["family"] == "qap"
    ]
    assert http.get("/examples/none").status_code == 404


def test_the_hidden_match_of_an_example_is_optimal(http: httpx.Client) -> None:
    """The twin graphs are solved to the value that they are said to have."""
    twins = http.get("/examples/twins16").json()
    run = http.post(
        "/solve",
        json=twins["body"] | {"time_limit": 30, "target": twins["best_known"], "solver": "qap.tabu"},
        headers=WAIT,
    ).json()
    assert run["objective"] == twins["best_known"]


def test_a_request_can_be_sent_again(http: httpx.Client) -> None:
    """What a run was asked is a body that asks for the same, to the last option, and comes out the same."""
    asked = {
        "type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "name": "three", "seed": 5,
        "time_limit": 30.0, "policy": "ucb1", "gap": 0.5, "target": 30.0, "iterations": 64, "priority": 2, "fresh": True,
        "best_known": 22.0,
    }  # fmt: skip
    first = http.post("/solve", json=asked, headers=WAIT).json()
    again = http.get(f"/runs/{first['run']}/request").json()
    assert again == asked
    second = http.post("/solve", json=again, headers=WAIT).json()
    assert (second["objective"], second["seed"]) == (first["objective"], 5)
    missing = http.get(f"/runs/{first['run']}/request?as_of=1")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/run-not-found")
