"""The OpenAPI document: complete, and true of what the server answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from serving import Server, serving

from mezan.api.http.answers import answers_for
from mezan.solvers.catalog import Catalog

from ..conftest import CLI

SOLVED = {
    "type": "knapsack",
    "name": "three",
    "values": [6, 10, 12],
    "weights": [1, 2, 3],
    "capacity": 5,
    "time_limit": 5,
}
WAIT = {"prefer": "wait=60"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose log has matches, clusters and an A/B test."""
    folder = tmp_path_factory.mktemp("documented")
    cli = CLI(folder, folder)
    assert cli("ab", "start", "trial", "--arms", "solver:knapsack.greedy,solver:knapsack.dp").code == 0
    with serving(folder / "mezan.db") as running, httpx.Client(base_url=running.url, timeout=60) as http:
        for i in range(24):
            asked = SOLVED | {"values": [6 + i % 12, 10, 12], "capacity": 4 + i % 3, "seed": i, "fresh": True}
            asked |= {"solver": ("knapsack.dp", "knapsack.greedy")[i // 12]} if i < 22 else {}
            assert http.post("/solve", json=asked, headers=WAIT).status_code == 200
        yield running


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    return httpx.get(f"{server.url}/openapi.json").json()


@pytest.fixture(scope="module")
def run(server: Server) -> str:
    return httpx.post(f"{server.url}/solve", json=SOLVED, headers=WAIT, timeout=60).json()["run"]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def closed(value: Any) -> Any:
    """A schema that allows no member that it does not name."""
    if isinstance(value, dict):
        made = {name: closed(part) for name, part in value.items()}
        return (
            made | {"additionalProperties": False}
            if "properties" in made and "$ref" not in str(made.get("allOf"))
            else made
        )
    return [closed(part) for part in value] if isinstance(value, list) else value


def check(document: dict[str, Any], path: str, answer: httpx.Response, method: str = "get") -> None:
    """The answer's status, media type and every member are documented."""
    responses = document["paths"][path][method]["responses"]
    media = answer.headers["content-type"].partition(";")[0]
    schema = closed(responses[str(answer.status_code)]["content"][media]["schema"])
    whole = schema | {"components": closed(document["components"])}
    jsonschema_rs.validator_for(whole).validate(answer.json())


def test_every_route_is_documented(document: dict[str, Any]) -> None:
    """Each has a summary, tags, its line in `ANSWERS` and the errors that any route may answer; ids differ."""
    found = dict(operations(document))
    assert set(found) == set(answers_for(Catalog.default()))
    for operation in found.values():
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
        assert {"421", "500", "503"} <= set(operation["responses"])
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    """All references lead somewhere, all schemas are schemas, and every example of a request fits its schema."""
    components = document["components"]
    for name in components["schemas"]:
        jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": components})
    for _, operation in operations(document):
        for kind in operation.get("requestBody", {}).get("content", {}).values():
            validator = jsonschema_rs.validator_for(kind["schema"] | {"components": components})
            for example in kind.get("examples", {}).values():
                validator.validate(example["value"])


def test_is_not_sent_twice(http: httpx.Client) -> None:
    """A reader that holds the document is told so."""
    first = http.get("/openapi.json")
    assert http.get("/openapi.json", headers={"if-none-match": first.headers["etag"]}).status_code == 304


def test_requests_of_every_family_are_described(document: dict[str, Any]) -> None:
    """The body of /solve is a problem of any family by its type; a wrong one does not fit."""
    schema = document["paths"]["/solve"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.validator_for(schema | {"components": document["components"]})
    assert validator.is_valid(SOLVED)
    for wrong in (
        {},
        SOLVED | {"type": "qap"},
        SOLVED | {"more": 1},
        SOLVED | {"time_limit": 0},
        SOLVED | {"capacity": -1},
    ):
        assert not validator.is_valid(wrong)
    assert {f"{family.name}_request" for family in Catalog.default()} <= set(document["components"]["schemas"])


@pytest.mark.parametrize(
    "path",
    [
        "/runs", "/runs/{run}", "/runs/{run}/events", "/runs/{run}/why", "/runs/{run}/why?verify=true", "/runs/{run}/artifacts",
        "/runs/{run}/request", "/leaderboard", "/leaderboard?by=bt", "/leaderboard/knapsack.dp/history", "/clusters",
        "/profiles?family=knapsack", "/solvers", "/solvers/knapsack.dp", "/ab/trial", "/policies", "/lab?policies=elo_ucb,thompson", "/ab", "/log",
        "/log?types=RunCompleted&limit=1", "/log/head", "/log/head?as_of=0", "/projections", "/examples",
        "/problems", "/problems/malformed", "/health/live", "/health/ready", "/runs/nowhere", "/runs?limit=0", "/runs/{run}?as_of=1",
    ],
)  # fmt: skip
def test_answers_are_as_documented(http: httpx.Client, document: dict[str, Any], run: str, path: str) -> None:
    """Reads and refusals have exactly the members that their schema names."""
    answer = http.get(path.replace("{run}", run))
    assert answer.status_code in {200, 404, 422}
    known = path.partition("?")[0]
    for name, given in {
        "{run}": "nowhere",
        "{code}": "malformed",
        "{solver}": "knapsack.dp",
        "{name}": "trial",
    }.items():
        known = known.replace(f"/{given}", f"/{name}")
    check(document, known, answer)


def test_the_history_says_something(http: httpx.Client) -> None:
    """What is checked above is not empty."""
    for path in ("/leaderboard", "/clusters", "/ab", "/profiles?family=knapsack"):
        assert http.get(path).json(), path
    assert http.get("/leaderboard/knapsack.dp/history").json()["matches"]
    assert http.get("/lab?policies=thompson").json()["policies"]


def test_writes_are_as_documented(http: httpx.Client, document: dict[str, Any], run: str) -> None:
    """So have requests, waited for or not, races, cancellations and replays."""
    check(document, "/solve", http.post("/solve", json=SOLVED), "post")
    check(document, "/solve", http.post("/solve", json=SOLVED, headers=WAIT), "post")
    raced = SOLVED | {"pans": ["knapsack.dp", "knapsack.greedy"]}
    check(document, "/solve", http.post("/solve", json=raced, headers=WAIT), "post")
    check(document, "/solve", http.post("/solve", content=b"{", headers={"content-type": "application/json"}), "post")
    check(document, "/runs/{run}/cancel", http.post(f"/runs/{run}/cancel"), "post")
    check(document, "/runs/{run}/replay", http.post(f"/runs/{run}/replay"), "post")
    for body in ({}, {"head": None}, {"head": http.get("/log/head").json()}):
        check(document, "/log/verify", http.post("/log/verify", json=body), "post")
    for name in ("elo", "runs"):
        check(document, "/projections/{projection}/rebuild", http.post(f"/projections/{name}/rebuild"), "post")
    check(document, "/predict", http.post("/predict", json=SOLVED), "post")
    artifact = http.get(f"/runs/{run}/artifacts").json()["artifacts"][0]["url"]
    check(document, "/artifacts/{digest}", http.get(artifact))
