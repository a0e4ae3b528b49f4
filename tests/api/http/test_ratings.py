"""Ratings, clusters and profiles over HTTP: the same as from the command line, at any moment."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from serving import Server, serving
from traps import solve_traps


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("rated") / "rated.db") as running:
        solve_traps(running.url)
        yield running


def printed(server: Server, *arguments: str) -> object:
    """What the command line says with --json."""
    command = [sys.executable, "-m", "mezan.api.cli", *arguments, "--db", str(server.db), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=90).stdout)


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/leaderboard?by=bt&family=knapsack", ("leaderboard", "--by", "bt", "--family", "knapsack")),
        ("/leaderboard?cluster=knapsack/0&as_of=70", ("leaderboard", "--cluster", "knapsack/0", "--as-of", "70")),
        ("/clusters?family=knapsack", ("clusters", "knapsack")),
        ("/profiles?family=knapsack&as_of=100", ("profile", "knapsack", "--as-of", "100")),
    ],
)
def test_it_is_what_the_command_line_prints(http: httpx.Client, server: Server, path: str, arguments: tuple) -> None:
    """Both are made by one function, so they are equal to the last bit, now and as of earlier."""
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.json() == printed(server, *arguments)
    assert answer.json()


def test_a_better_solver_leads(http: httpx.Client) -> None:
    """On instances made to mislead it, greedy is the last; with too few games nobody has a rank."""
    rows = http.get("/leaderboard?family=knapsack").json()
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[1]["solver"] == "knapsack.greedy"
    early = http.get("/leaderboard?family=knapsack&as_of=30").json()
    assert early
    assert all(row["rank"] is None for row in early)
    assert http.get("/leaderboard?as_of=0").json() == []


def test_pages_of_a_history_explain_the_whole_rating(http: httpx.Client) -> None:
    """Followed to the end, the matches lead without a gap from 1500 to the rating of the leaderboard."""
    url, found = "/leaderboard/knapsack.greedy/history?limit=4", []
    while url:
        answer = http.get(url)
        found += answer.json()["matches"]
        url = answer.links["next"]["url"] if "next" in answer.links else None
    rating = next(row for row in http.get("/leaderboard").json() if row["solver"] == "knapsack.greedy")["rating"]
    assert found[0]["after"] == rating
    assert found[-1]["before"] == 1500.0
    assert all(newer["before"] == older["after"] for newer, older in pairwise(found))
    history = http.get("/leaderboard/knapsack.greedy/history").json()
    assert history["points"][-1] == {"position": found[0]["position"], "rating": rating, "move": len(found)}
    lost = [match for match in found if match["own"] and match["met"][0]["solver"] == "knapsack.dp"]
    assert lost
    assert all(met["score"] == 0 for match in lost for met in match["met"] if met["solver"] == "knapsack.dp")
    assert http.get(f"/runs/{lost[0]['run']}").json()["solver"] == "knapsack.greedy"


def test_a_history_as_of_earlier_ends_there(http: httpx.Client) -> None:
    """Its last point is the rating of the leaderboard of that moment."""
    rows = http.get("/leaderboard?as_of=100").json()
    history = http.get("/leaderboard/knapsack.dp/history?as_of=100&cluster=knapsack/0").json()
    assert history["points"][-1]["position"] <= 100
    overall = http.get("/leaderboard/knapsack.dp/history?as_of=100").json()
    assert overall["points"][-1]["rating"] == next(row["rating"] for row in rows if row["solver"] == "knapsack.dp")


def test_unchanged_answers_are_not_computed_again(http: httpx.Client) -> None:
    """With the tag of an answer a reader is told that nothing has changed."""
    for path in ("/leaderboard", "/leaderboard/knapsack.dp/history", "/clusters", "/profiles?family=knapsack"):
        tag = http.get(path).headers["etag"]
        assert http.get(path, headers={"if-none-match": tag}).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "kind", "says"),
    [
        ("/leaderboard?family=tsp", 422, "unknown-name", "tsp"),
        ("/leaderboard?cluster=knapsack/9", 422, "bad-input", "cluster must name"),
        ("/leaderboard?by=luck", 422, "bad-parameters", "by"),
        ("/leaderboard?as_of=soon", 422, "bad-input", "as_of"),
        ("/leaderboard/qap.nobody/history", 404, "not-found", "qap.nobody"),
        ("/leaderboard/knapsack.dp/history?as_of=0", 404, "not-found", "by then"),
        ("/leaderboard/knapsack.dp/history?limit=0", 422, "bad-parameters", "limit"),
        ("/clusters?family=tsp", 422, "unknown-name", "tsp"),
        ("/profiles", 422, "bad-parameters", "family"),
    ],
)
def test_bad_requests(http: httpx.Client, path: str, status: int, kind: str, says: str) -> None:
    """Each is refused with its problem type and a sentence that names the rule."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")
    assert says in answer.json()["detail"]
