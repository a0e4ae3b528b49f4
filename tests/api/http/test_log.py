"""The log over HTTP, through the real server: search, live, heads, verification, export; and the read models."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import httpx
import pytest
from serving import serving

from mezan.engine.export import import_into
from mezan.engine.stores.sqlite import SQLiteStore

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}
WAIT = {"prefer": "wait=60"}
SSE = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def runs(server) -> list[str]:
    """Three runs, the second one with a name of its own."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        asked = [KNAPSACK | {"seed": i, "name": name} for i, name in enumerate(("plain", "100%_odd", "plain"))]
        return [http.post("/solve", json=one, headers=WAIT).json()["run"] for one in asked]


def whole(http: httpx.Client, **query: object) -> list[dict]:
    """Every event that a query finds, page by page."""
    url, found = str(httpx.URL("/log", params={"limit": 5} | query)), []
    while url:
        answer = http.get(url)
        found += answer.json()["events"]
        assert answer.json()["more"] == ("next" in answer.links)
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


def messages(http: httpx.Client, path: str, **asked: object) -> list[tuple[str, dict]]:
    """The events of a stream that ends, as (kind, data)."""
    found, kind = [], ""
    with http.stream("POST", path, headers=SSE, **asked) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                found.append((kind, json.loads(line[6:])))
    return found


def test_pages_follow_each_other_to_the_head(http: httpx.Client, runs: list[str]) -> None:
    """All pages together are every position once; as of an earlier one they end there."""
    events = whole(http)
    head = http.get("/log/head").json()
    assert [event["position"] for event in events] == list(range(1, head["position"] + 1))
    assert (events[-1]["hash"], events[6]["hash"]) == (head["hash"], http.get("/log/head?as_of=7").json()["hash"])
    assert whole(http, as_of=7) == events[:7]
    assert http.get("/log/head?as_of=0").json() is None


@pytest.mark.parametrize(
    "query",
    [
        {"types": "RunRequested,RunCompleted"},
        {"actor": "local", "types": "SolverChosen"},
        {"actor": "nobody"},
        {"text": "100%_ODD"},
        {"text": "100x_odd"},
        {"text": "\\"},
        {"text": "runcomp"},
    ],
)
def test_search_finds_what_is_there(http: httpx.Client, runs: list[str], query: dict[str, str]) -> None:
    """A query's events are those of the whole log that match it; wildcards of SQL mean themselves."""

    def matches(event: dict) -> bool:
        types, actor, text = (query.get(name) for name in ("types", "actor", "text"))
        parts = [
            json.dumps(event["data"], separators=(",", ":"), ensure_ascii=False),
            event["stream"],
            event["type"],
            event["actor"],
        ]
        return (
            (types is None or event["type"] in types.split(","))
            and (actor is None or event["actor"] == actor)
            and (text is None or any(text.lower() in part.lower() for part in parts))
        )

    assert whole(http, **query) == [event for event in whole(http) if matches(event)]


def test_one_stream_and_what_belongs_to_it(http: httpx.Client, runs: list[str]) -> None:
    """A run's events are found by its stream and by its correlation, as `/runs/{run}/events` has them."""
    events = http.get(f"/runs/{runs[1]}/events").json()["events"]
    assert whole(http, stream=runs[1]) == whole(http, correlation=runs[1]) == events


def test_lines_hold_the_whole_log(http: httpx.Client, runs: list[str]) -> None:
    """As newline-delimited JSON it is not cut into pages."""
    answer = http.get("/log", headers={"accept": "application/x-ndjson"}, params={"types": "RunCompleted"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == whole(http, types="RunCompleted")


def test_an_unchanged_log_is_not_sent_again(http: httpx.Client, runs: list[str]) -> None:
    """With the entity tag of the same position the answer is 304 and empty."""
    first = http.get("/log?as_of=10")
    again = http.get("/log?as_of=10", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/log?as_of=11", headers={"if-none-match": first.headers["etag"]}).status_code == 200


@pytest.mark.parametrize(
    ("query", "says"),
    [("after=-1", "after"), ("limit=0", "limit"), ("limit=9999", "limit"), ("text=" + "x" * 201, "text"), ("types=" + "A," * 41, "types"), ("as_of=soon", "as_of")],
)  # fmt: skip
def test_bad_queries(http: httpx.Client, query: str, says: str) -> None:
    """Refused with the parameter's name."""
    answer = http.get(f"/log?{query}")
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


def test_every_stream_live(http: httpx.Client, runs: list[str], server) -> None:
    """A listener to all streams gets what happens after its position, of the types that it named, in order."""
    after = http.get("/log/head").json()["position"]
    seen: list[dict] = []
    listening = threading.Event()

    def listen() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as other:
            headers = SSE | {"last-event-id": str(after)}
            with other.stream("GET", "/log?types=RunRequested,RunCompleted", headers=headers) as answer:
                listening.set()
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        seen.append(json.loads(line[6:]))
                        if seen[-1]["type"] == "RunCompleted":
                            return

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(30)
    run = http.post("/solve", json=KNAPSACK, headers=WAIT).json()["run"]
    thread.join(60)
    assert [(event["stream"], event["type"]) for event in seen] == [(run, "RunRequested"), (run, "RunCompleted")]


def test_verification_tells_its_progress_and_takes_a_head(http: httpx.Client, runs: list[str]) -> None:
    """A kept head is found in the chain; one of another log is not, and one beyond the end says that events are missing."""
    head = http.get("/log/head?as_of=12").json()
    kinds = messages(http, "/log/verify", json={"head": head})
    assert [kind for kind, _ in kinds] == ["progress", "result"]
    assert kinds[-1][1]["ok"]
    assert kinds[-1][1]["checked"] == kinds[0][1]["done"] == http.get("/log/head").json()["position"]
    other = http.post("/log/verify", json={"head": head | {"hash": "00" * 32}}).json()
    assert (other["ok"], other["position"]) == (False, 12)
    beyond = http.post("/log/verify", json={"head": head | {"position": 10**6}}).json()
    assert not beyond["ok"]
    assert "missing" in beyond["problem"]
    refused = http.post("/log/verify", json={"head": {"position": 1}})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/bad-input")


def test_an_export_is_read_back_to_the_same_head(http: httpx.Client, runs: list[str], tmp_path: Path) -> None:
    """The file that is sent as an attachment is what `mezan log import` takes."""
    answer = http.get("/log/export")
    assert "attachment" in answer.headers["content-disposition"]

    async def read() -> str:
        async with SQLiteStore.open(f"sqlite:///{tmp_path}/copy.db") as store:
            copied = await import_into(store, answer.content.splitlines(keepends=True))
            assert copied.head is not None
            return copied.head.hash

    assert anyio.run(read) == http.get("/log/head").json()["hash"]


def test_a_sound_projection_is_rebuilt_the_same(http: httpx.Client, runs: list[str]) -> None:
    """Values by their digests, rows by themselves; its generation rises, and nothing differs."""
    before = {one["projection"]: one for one in http.get("/projections").json()["projections"]}
    assert all(one["lag"] == 0 and one["error"] is None for one in before.values())
    value = http.post("/projections/elo/rebuild").json()
    assert (value["kind"], value["identical"], value["before"]) == ("value", True, value["after"])
    told = messages(http, "/projections/runs/rebuild")
    assert [kind for kind, _ in told] == ["progress", "result"]
    assert (told[-1][1]["identical"], told[-1][1]["after"]) == (True, told[-1][1]["before"])
    after = {one["projection"]: one for one in http.get("/projections").json()["projections"]}
    assert after["elo"]["generation"] == before["elo"]["generation"] + 1
    unknown = http.post("/projections/elos/rebuild")
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/unknown-name")
    assert "did you mean 'elo'" in unknown.json()["detail"]


@pytest.fixture(scope="module")
def tampered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server on a database that somebody has edited: one payload, one value, one row."""
    db = tmp_path_factory.mktemp("tampered") / "edited.db"
    with serving(db) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        for seed in range(2):
            http.post("/solve", json=KNAPSACK | {"seed": seed, "solver": "knapsack.dp"}, headers=WAIT)
    with closing(sqlite3.connect(db)) as c, c:
        c.execute("DROP TRIGGER events_no_update")
        c.execute("UPDATE events SET payload = replace(payload, '\"seed\":0', '\"seed\":7') WHERE position = 1")
        (state,) = c.execute("SELECT state FROM projections WHERE name = 'throughput' AND live").fetchone()
        edited = json.loads(state)
        edited["totals"]["completed"] = 40
        c.execute("UPDATE projections SET state = ? WHERE name = 'throughput'", (json.dumps(edited).encode(),))
        c.execute("UPDATE read_rows SET data = replace(data, '\"completed\"', '\"failed\"'), tag = 'failed' WHERE projection = 'runs' AND position = 1")  # fmt: skip
    with serving(db) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        yield http


def test_an_edited_event_is_found(tampered: httpx.Client) -> None:
    """The first broken event is named, and how it is broken."""
    found = tampered.post("/log/verify").json()
    assert (found["ok"], found["position"], found["checked"]) == (False, 1, 0)
    assert "digest" in found["problem"]


def test_an_edited_read_model_is_told_apart_from_the_rebuilt_one(tampered: httpx.Client) -> None:
    """The paths that differ are told with both sides; a second rebuild finds nothing."""
    value = tampered.post("/projections/throughput/rebuild").json()
    assert value["differences"] == [{"path": "/totals/completed", "before": 40, "after": 2}]
    assert tampered.post("/projections/throughput/rebuild").json()["identical"]
    rows = tampered.post("/projections/runs/rebuild").json()
    assert not rows["identical"]
    assert {one["before"] for one in rows["differences"] if one["path"].endswith("/status")} == {"failed"}
    assert tampered.post("/projections/runs/rebuild").json()["identical"]
