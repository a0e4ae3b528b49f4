"""Ids of another project in every path, query and body of every operation; answers that were kept for somebody else."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from secured import KNAPSACK

from .attacker import Attacker

MARK = "northern-instance-of-theirs"
WAIT = {"prefer": "wait=60"}
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def theirs(attacker: Attacker) -> dict[str, tuple[str, str]]:
    """What the other project has, and beside each something of the same form that nobody has."""
    with attacker.house.client("admin", "north") as north:
        sent = KNAPSACK | {"values": [71, 113, 131], "name": MARK}
        run = north.post("/solve", json=sent, headers=WAIT | {"idempotency-key": MARK}).json()["run"]
        digest = north.get(f"/runs/{run}/artifacts").json()["artifacts"][0]["digest"]
        assert north.put("/accounts/roles/northern-role", json={"scopes": ["runs:read"]}).status_code == 200
    ids = attacker.house.ids
    return {
        "run": (run, backwards(run)),
        "digest": (digest, "0123456789abcdef" * 4),
        "user": (ids["viewer-user@north"], backwards(ids["viewer-user@north"])),
        "key": (ids["viewer-key@north"], backwards(ids["viewer-key@north"])),
        "role": ("northern-role", "nowheres-role"),
        "name": (MARK, "nowherern-instance-of-theirs"),
    }


def backwards(known: str) -> str:
    """An id of the same letters that nobody has."""
    kind, _, rest = known.partition("_")
    return f"{kind}_{rest[::-1]}"


def operations(http: httpx.Client) -> Iterator[tuple[str, str, JSON, JSON]]:
    """Method, path, operation and document of everything that is documented; nothing is left out by hand."""
    document = http.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation, document


def members(operation: JSON, document: JSON) -> set[str]:
    """Names of members of a JSON body."""
    found: set[str] = set()

    def look(schema: JSON, depth: int) -> None:
        if "$ref" in schema and depth < 4:
            look(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth + 1)
        for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            look(part, depth + 1)
        found.update(schema.get("properties", {}))

    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    look(body.get("schema", {}), 0)
    return found


def requests(http: httpx.Client, known: str) -> Iterator[tuple[str, str, JSON]]:
    """Every operation with an id in its path, in each of its queries, in each member of its body, and in headers that it reads."""
    for method, path, operation, document in operations(http):
        parameters = operation.get("parameters", [])
        names = [one["name"] for one in parameters if one["in"] == "path"]
        queries = [one["name"] for one in parameters if one["in"] == "query"]
        filled = path
        for name in names:
            filled = filled.replace(f"{{{name}}}", known)
        accept = {"accept": "application/json"}
        body: JSON = {"json": {}} if method in {"POST", "PUT"} else {}
        if path in {"/login", "/logout", "/oauth/token", "/oauth/revoke"} or (
            names == [] and queries == [] and method == "GET"
        ):
            continue
        if names:
            yield method, filled, {"headers": accept, **body}
        for query in queries:
            yield method, filled, {"params": {query: known}, "headers": accept, **body}
        if body:
            for member in sorted(members(operation, document))[:30]:
                yield method, filled, {"json": {member: known}, "headers": accept}


def test_what_is_theirs_is_nowhere(attacker: Attacker, theirs: dict[str, tuple[str, str]]) -> None:
    """The answer about their id is that about one that nobody has; no status, text or header tells them apart."""
    tried, differ = 0, []
    with attacker.house.client("admin") as http:
        for kind, (known, unknown) in theirs.items():
            pairs = zip(requests(http, known), requests(http, unknown), strict=True)
            for (method, path, sent), (_, other_path, other_sent) in pairs:
                one, other = http.request(method, path, **sent), http.request(method, other_path, **other_sent)
                for answer in (one, other):
                    attacker.count(code_of(answer))
                tried += 1
                texts = plain(one, known), plain(other, unknown)
                if one.status_code != other.status_code or texts[0] != texts[1] or other.status_code >= 500:
                    differ.append((kind, method, path, sent, texts))
                assert MARK not in one.text.replace(known, ""), (method, path)
                assert '"north"' not in one.text, (method, path)
    assert not differ, [(len(differ), one) for one in differ[:6]]
    assert tried > 300


def code_of(answer: httpx.Response) -> str:
    """The problem's code, or nothing."""
    kind = answer.headers.get("content-type", "")
    return str(answer.json()["type"]).removeprefix("/problems/") if kind == "application/problem+json" else ""


def plain(answer: httpx.Response, known: str) -> str:
    """The text without the id itself, whole or cut, and without what changes with time alone."""
    text = "made" if answer.status_code == 201 else re.sub(r"(run|user|key)_[0-9a-z]+", "ID", answer.text)
    for cut in (len(known), 80, 60, 41, 40, 30, 20, 12):
        text = text.replace(known[:cut], "ID")
    return re.sub(r"\d+(\.\d+)?(e[-+]?\d+)?", "0", text)


def test_every_answer_is_kept_for_its_own(attacker: Attacker, theirs: dict[str, tuple[str, str]]) -> None:
    """A tag or a kept answer of one principal is never the answer to another of fewer rights, or of another project."""
    urls = ("/runs", "/log", "/accounts/users", "/metrics", "/leaderboard", "/ui/accounts", "/health/ready")
    assert theirs
    with (
        attacker.house.client("admin") as admin,
        attacker.house.client("admin", "north") as north,
        attacker.house.client("viewer") as viewer,
        attacker.house.client() as nobody,
    ):
        for url in urls:
            tags = ["*"]
            for _ in range(2):  # the second is out of the cache
                answer = admin.get(url)
                tags += [answer.headers["etag"]] if "etag" in answer.headers else []
                assert "public" not in answer.headers.get("cache-control", ""), url
                if url != "/health/ready":
                    assert {"cookie", "authorization"} <= {
                        word.strip().lower() for word in ",".join(answer.headers.get_list("vary")).split(",")
                    }, url
            mine = admin.get(url).text
            for tag in dict.fromkeys(tags):
                seen = north.get(url, headers={"if-none-match": tag})
                if seen.status_code == 200:
                    assert "user@default" not in seen.text
                    assert attacker.house.ids["admin-user@default"] not in seen.text
                if url.startswith(("/accounts", "/ui/accounts")):
                    attacker.expect(viewer.get(url, headers={"if-none-match": tag}), 403, "forbidden", (url, tag))
                    assert mine
                if url != "/health/ready":
                    attacker.expect(nobody.get(url, headers={"if-none-match": tag}), 401, "unauthenticated", (url, tag))
        at = int(admin.get("/runs").headers["mezan-position"])
        assert (
            north.get("/runs", params={"as_of": at}).text != admin.get("/runs", params={"as_of": at}).text
            or MARK not in admin.get("/runs").text
        )


def test_a_project_is_not_chosen_by_the_request(attacker: Attacker, theirs: dict[str, tuple[str, str]]) -> None:
    """By query, header, host or login suffix: a key opens its own project and no other."""
    run = theirs["run"][0]
    with attacker.house.client("admin") as http:
        for more in (
            {"params": {"project": "north", "tenant": "north"}},
            {"headers": {"mezan-project": "north", "x-tenant": "north", "x-project": "north"}},
            {"headers": {"cookie": "project=north; tenant=north"}},
        ):
            attacker.expect(http.get(f"/runs/{run}", **more), 404, "run-not-found", more)  # type: ignore[arg-type]
            assert http.get("/accounts/me", **more).json()["project"] == "default"  # type: ignore[arg-type]
        for path in (
            f"/north/runs/{run}",
            f"/projects/north/runs/{run}",
            f"/runs/north/{run}",
            f"/runs/{run}@north",
            f"/runs/north%2f{run}",
        ):
            answer = http.get(path)
            assert answer.status_code == 404, path
            attacker.count(code_of(answer))
