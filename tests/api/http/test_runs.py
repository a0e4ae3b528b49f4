"""Runs over HTTP: the list, why, replay, artifacts; now and at any earlier moment."""

import hashlib

import httpx
import pytest

from mezan.solvers.pack import unpack

WAIT = {"prefer": "wait=60"}
NAMES = ("alpha", "beta", "Alphabet", "gamma", "delta")
SLOW = {"type": "qap", "A": [[0, 1, 9], [1, 0, 4], [7, 4, 0]], "B": [[0, 5, 2], [5, 0, 3], [2, 9, 0]], "iterations": 10**9, "time_limit": 60, "solver": "qap.tabu", "name": "slow"}  # fmt: skip


def knapsack(name: str, **options: object) -> dict:
    return {"type": "knapsack", "name": name, "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 20} | options  # fmt: skip


@pytest.fixture(scope="module")
def runs(server: object) -> dict[str, str]:
    """Five runs by the name of their instance, each finished before the next is asked for."""
    with httpx.Client(base_url=server.url, timeout=60) as http:  # type: ignore[attr-defined]
        return {
            name: http.post(
                "/solve",
                json=knapsack(name, solver=("knapsack.dp", "knapsack.greedy")[i % 2], fresh=True),
                headers=WAIT,
            ).json()["run"]
            for i, name in enumerate(NAMES)
        }


def listed(http: httpx.Client, **query: object) -> list[str]:
    """The names that all pages of a list have, following their links."""
    url, found = str(httpx.URL("/runs", params=query)), []
    while url:
        answer = http.get(url)
        assert answer.status_code == 200, answer.text
        found += [row["label"] for row in answer.json()["runs"]]
        assert answer.json()["more"] == ("next" in answer.links)
        url = answer.links["next"]["url"] if "next" in answer.links else None
    return found


def test_pages_follow_each_other(http: httpx.Client, runs: dict[str, str]) -> None:
    """Newest first, every run on one page, whatever the length of a page."""
    for limit in (1, 2, 5, 100):
        assert listed(http, limit=limit) == list(reversed(NAMES))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"solver": "knapsack.greedy"}, ["gamma", "beta"]),
        ({"label": "ALPHA"}, ["Alphabet", "alpha"]),
        ({"label": "ALPHA", "solver": "knapsack.dp", "status": "completed"}, ["Alphabet", "alpha"]),
        ({"status": "failed"}, []),
        ({"family": "qap"}, []),
        ({"family": "knapsack", "limit": 3}, list(reversed(NAMES))),
        ({"purpose": "shadow"}, []),
        ({"purpose": "any"}, list(reversed(NAMES))),
        ({"policy": "elo_ucb"}, []),
    ],
)
def test_filters(http: httpx.Client, runs: dict[str, str], query: dict, expected: list[str]) -> None:
    """Each filter leaves what meets it, alone and with others."""
    assert listed(http, **query) == expected


@pytest.mark.parametrize("query", ["status=done", "purpose=fun", "limit=0", "limit=1001", "before=-1", "as_of=never"])
def test_bad_filters(http: httpx.Client, query: str) -> None:
    """What is no status, purpose or position is refused with the rule."""
    answer = http.get(f"/runs?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_the_list_as_it_was(http: httpx.Client, runs: dict[str, str]) -> None:
    """As of the third request there are three runs, of which the third has only been asked for."""
    third = http.get(f"/runs/{runs['Alphabet']}/events?limit=1").json()["events"][0]["position"]
    rows = http.get(f"/runs?as_of={third}").json()["runs"]
    assert [(row["label"], row["status"]) for row in rows] == [
        ("Alphabet", "requested"), ("beta", "completed"), ("alpha", "completed"),
    ]  # fmt: skip
    assert listed(http, as_of=third, status="requested") == ["Alphabet"]
    assert rows[0]["objective"] is None


def test_a_list_that_is_known_is_not_sent_again(http: httpx.Client, runs: dict[str, str]) -> None:
    """The entity tag is that of the moment: the same moment answers 304, another the list."""
    first = http.get("/runs?as_of=9")
    tag = {"if-none-match": first.headers["etag"]}
    assert http.get("/runs?as_of=9", headers=tag).status_code == 304
    assert http.get("/runs?as_of=8", headers=tag).status_code == 200


def test_a_run_is_found_from_its_first_event_on(http: httpx.Client, runs: dict[str, str]) -> None:
    """Before it was asked for it is no run: itself, its events, its choice and its artifacts are 404."""
    run = runs["delta"]
    first = http.get(f"/runs/{run}/events?limit=1").json()["events"][0]["position"]
    for part in ("", "/events", "/why", "/artifacts"):
        before = http.get(f"/runs/{run}{part}?as_of={first - 1}")
        assert (before.status_code, before.json()["type"]) == (404, "/problems/run-not-found")
    assert http.get(f"/runs/{run}?as_of={first}").json()["status"] == "requested"


def test_why_is_the_recorded_card(http: httpx.Client) -> None:
    """The card is the event's, the explanation says what another policy would have done, and it verifies."""
    run = http.post("/solve", json=knapsack("asked", policy="elo_ucb"), headers=WAIT).json()["run"]
    events = http.get(f"/runs/{run}/events").json()["events"]
    card = next(event for event in events if event["type"] == "SolverChosen")
    why = http.get(f"/runs/{run}/why?verify=true").json()
    assert {name: why[name] for name in card["data"]} == card["data"]
    assert why["position"] == card["position"]
    assert {a["change"] for a in why["alternatives"]} >= {f"without {card['data']['solver']}", "by policy thompson"}
    assert why["verification"]["identical"]
    assert why["verification"]["compared"] == 1
    early = http.get(f"/runs/{run}/why?as_of={card['position'] - 1}")
    assert (early.status_code, early.json()["type"]) == (404, "/problems/run-not-found")


def test_replays(http: httpx.Client, runs: dict[str, str]) -> None:
    """A finished run comes out the same; nothing is recorded by that."""
    position = http.get("/health/ready").json()["position"]
    report = http.post(f"/runs/{runs['alpha'][:20]}/replay").json()
    assert (report["run"], report["identical"], report["difference"]) == (runs["alpha"], True, None)
    assert report["compared"] >= 3
    assert http.get("/health/ready").json()["position"] == position


def test_what_runs_cannot_be_replayed(http: httpx.Client) -> None:
    """A run that goes on is refused with 409; the server answers others meanwhile, and it can be cancelled."""
    run = http.post("/solve", json=SLOW).json()["run"]
    answer = http.post(f"/runs/{run}/replay")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/replaying-forbidden")
    assert listed(http, status="requested") + listed(http, status="running") == ["slow"]
    assert http.post(f"/runs/{run}/cancel").json()["status"] == "cancelled"


def test_artifacts(http: httpx.Client, runs: dict[str, str]) -> None:
    """A run's problem and solution are its arrays as JSON, and as bytes those of the digest, for keeping and never as a page."""
    named = http.get(f"/runs/{runs['alpha']}/artifacts").json()["artifacts"]
    assert [one["kind"] for one in named] == ["problem", "solution"]
    problem, solution = (http.get(one["url"]).json()["arrays"] for one in named)
    assert problem["values"]["values"] == [6, 10, 12]
    assert (solution["solution"]["values"], solution["solution"]["shape"]) == ([0, 1, 1], [3])
    for one in named:
        raw = http.get(one["url"], headers={"accept": "application/octet-stream, text/html"})
        assert hashlib.sha256(raw.content).hexdigest() == one["digest"]
        assert len(raw.content) == one["size"]
        assert set(unpack(raw.content))
        assert raw.headers["content-type"] == "application/octet-stream"
        assert raw.headers["content-disposition"].startswith("attachment")
        assert raw.headers["x-content-type-options"] == "nosniff"
        assert "json" in http.get(one["url"], headers={"accept": "text/html"}).headers["content-type"]


@pytest.mark.parametrize("digest", ["0" * 64, "x", "%2e%2e", "A" * 64])
def test_no_such_artifact(http: httpx.Client, digest: str) -> None:
    """What is not kept, or no digest at all, is 404."""
    answer = http.get(f"/artifacts/{digest}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/artifact-not-found")
