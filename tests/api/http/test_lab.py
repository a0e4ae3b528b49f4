"""Policies on the log, A/B tests and the catalogue, through the real server."""

import random

import httpx
import pytest
from serving import Server

from mezan.api.views.experiments import course
from mezan.solvers.catalog import Catalog
from mezan.solvers.selection.evaluation.sequential import comparison

WAIT = {"prefer": "wait=60"}
ARMS = "solver:knapsack.greedy,solver:knapsack.dp"


@pytest.fixture(scope="module")
def head(server: Server) -> int:
    """Six runs without an arm, a test that begins, and six with one; the position where it began."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        for i in range(6):
            solve(http, i)
        begun = http.get("/log/head").json()["position"]
        server.mezan("ab", "start", "spring", "--arms", ARMS)
        for i in range(6):
            solve(http, 10 + i)
    return int(begun)


def solve(http: httpx.Client, i: int) -> None:
    asked = {
        "type": "knapsack",
        "values": [6 + i % 3, 10, 12],
        "weights": [1, 2, 3],
        "capacity": 5,
        "seed": i,
        "fresh": True,
    }
    assert http.post("/solve", json=asked | {"time_limit": 5}, headers=WAIT).json()["status"] == "completed"


def test_a_comparison_is_a_function_of_its_position(http: httpx.Client, head: int) -> None:
    """As of an earlier position it is the same after six more decisions, and those are counted now."""
    then = http.get(f"/lab?policies=default,thompson&as_of={head}").json()
    assert [row["policy"] for row in then["policies"]] == ["default", "thompson"]
    assert (then["decisions"], then["as_of"]) == (6, head)
    row = then["policies"][0]
    assert row["agreement"] == 1.0
    assert row["dr"]["lower"] <= row["dr"]["mean_loss"] == pytest.approx(then["mean_loss_logged"])
    now = http.get("/lab?policies=default,thompson").json()
    assert now["decisions"] + now["unrated"] == 12
    assert http.get(f"/lab?policies=default,thompson&as_of={head}").json() == then
    later = http.get(f"/lab?policies=elo_ucb&since={head}&family=knapsack").json()
    assert later["decisions"] + later["unrated"] == 6


@pytest.mark.parametrize(
    ("query", "kind", "says"),
    [
        ("policies=thomson", "unknown-name", "did you mean 'thompson'"),
        ("policies=,", "bad-input", "1 to 20"),
        ("policies=ucb1&family=tsp", "unknown-name", "family"),
        ("policies=ucb1&as_of=0", "bad-input", "it has none"),
        ("policies=ucb1&since=soon", "bad-input", "position or a time"),
        ("family=qap", "bad-parameters", "policies"),
    ],
)
def test_a_comparison_that_cannot_be_made(http: httpx.Client, head: int, query: str, kind: str, says: str) -> None:
    """Each is refused with its problem type and the rule."""
    answer = http.get(f"/lab?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{kind}")
    assert says in answer.json()["detail"]


def test_ab_tests_as_they_were(http: httpx.Client, head: int) -> None:
    """Before it began there was none; its outcomes are those of the runs that it was assigned."""
    assert http.get(f"/ab?as_of={head}").json() == []
    (listed,) = http.get("/ab").json()
    assert http.get("/ab/spring").json() == listed
    assert (listed["experiment"], sum(arm["assigned"] for arm in listed["arms"])) == ("spring", 6)
    cards = http.get('/log?types=SolverChosen&text="experiment":"spring"').json()["events"]
    by_arm = {arm["arm"]: arm["assigned"] for arm in listed["arms"]}
    assert {arm: [card["data"]["arm"] for card in cards].count(arm) for arm in by_arm} == by_arm
    assert len(listed["course"]["p_value"]) == listed["blocks"]
    assert http.get("/ab/winter").json()["type"] == "/problems/unknown-name"
    assert http.get(f"/ab/spring?as_of={head}").status_code == 422


def test_the_catalogue_is_what_is_installed(http: httpx.Client, head: int) -> None:
    """Every solver with its reference; one of them with its attempts, none of them before the first event."""
    families = http.get("/solvers").json()["families"]
    assert {s["solver"] for f in families for s in f["solvers"]} == {
        s.name for f in Catalog.default() for s in f.solvers
    }
    assert [f["family"] for f in http.get("/solvers?family=qap").json()["families"]] == ["qap"]
    (default,) = [p for p in http.get("/policies").json()["policies"] if p["default"]]
    assert default["policy"] == "default"
    started = http.get("/log?types=AttemptStarted&limit=100").json()["events"]
    for name in ("knapsack.dp", "knapsack.greedy"):
        about = http.get(f"/solvers/{name}").json()
        assert about["reference"]
        assert sum(v["attempts"] for v in about["versions"]) == sum(e["data"]["solver"] == name for e in started)
        assert http.get(f"/solvers/{name}?as_of=0").json()["versions"] == []
    assert "did you mean 'knapsack.dp'" in http.get("/solvers/knapsack.pd").json()["detail"]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.2, 0.8)])
def test_the_course_of_a_p_value_is_the_tests_own(shares: tuple[float, float]) -> None:
    """After every block it is what the sequential test itself said then."""
    draw = random.Random(5)
    test, said = comparison(0.05, 0.0, shares), []
    for _ in range(400):
        arm = int(draw.random() > shares[0])
        test.add(arm, draw.betavariate(2, 3 + 4 * arm))
        if len(test.differences) > len(said):
            said.append(test.p_value)
    assert said[-1] < 0.05
    assert course(test.differences) == pytest.approx(said, rel=1e-9)
    assert course([]) == []
