"""Events over HTTP: pages, live streams that resume, and the same over a WebSocket."""

import json
import signal
from pathlib import Path

import httpx
from serving import Server, serving
from websockets.sync.client import connect

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}
SLOW = {"type": "qap", "A": [[0, 1, 9, 3], [1, 0, 4, 2], [7, 4, 0, 5], [3, 2, 8, 0]], "B": [[0, 5, 2, 6], [5, 0, 3, 1], [2, 9, 0, 4], [6, 1, 4, 0]], "iterations": 60_000, "time_limit": 60, "solver": "qap.tabu"}  # fmt: skip


def stream(http: httpx.Client, run: str, last: int | None = None) -> list[tuple[int, dict]]:
    """Every server-sent event of a run until its stream ends, as (id, data)."""
    headers = {"accept": "text/event-stream"} | ({} if last is None else {"last-event-id": str(last)})
    found, position = [], 0
    with http.stream("GET", f"/runs/{run}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("id: "):
                position = int(line[4:])
            elif line.startswith("data: "):
                found.append((position, json.loads(line[6:])))
    return found


def test_a_stream_is_the_log(http: httpx.Client) -> None:
    """The live stream, the page of events and the WebSocket tell the same events, to the run's last."""
    run = http.post("/solve", json=KNAPSACK).json()["run"]
    live = stream(http, run)
    assert [position for position, _ in live] == [event["position"] for _, event in live]
    assert [event["type"] for _, event in live][:: len(live) - 1] == ["RunRequested", "RunCompleted"]
    page = http.get(f"/runs/{run}/events").json()
    assert page["events"] == [event for _, event in live]
    assert not page["more"]
    with connect(f"ws{str(http.base_url)[4:]}/runs/{run}/events") as socket:
        assert [json.loads(text) for text in socket] == [event for _, event in live]


def test_resumes_after_the_last_event(http: httpx.Client) -> None:
    """A reader that comes back with its last id gets what followed; at the end it is told to stop."""
    run = http.post("/solve", json=KNAPSACK).json()["run"]
    whole = stream(http, run)
    assert stream(http, run, last=whole[2][0]) == whole[3:]
    over = http.get(f"/runs/{run}/events", headers={"accept": "text/event-stream", "last-event-id": str(whole[-1][0])})
    assert over.status_code == 204


def test_pages_of_events(http: httpx.Client) -> None:
    """Pages follow each other by position, and end."""
    run = http.post("/solve", json=KNAPSACK, headers={"prefer": "wait=60"}).json()["run"]
    whole = http.get(f"/runs/{run}/events").json()["events"]
    url, found = f"/runs/{run}/events?limit=3", []
    while url:
        answer = http.get(url)
        found += answer.json()["events"]
        url = answer.links["next"]["url"] if "next" in answer.links else None
    assert found == whole


def test_a_killed_server_loses_no_event(tmp_path: Path) -> None:
    """After kill -9 under a subscriber, the next server takes the run up, and the stream goes on where it broke."""
    with serving(tmp_path / "killed.db") as server:
        seen: list[int] = []
        with httpx.Client(base_url=server.url, timeout=60) as http:
            run = http.post("/solve", json=SLOW).json()["run"]
            try:
                with http.stream("GET", f"/runs/{run}/events", headers={"accept": "text/event-stream"}) as answer:
                    for line in answer.iter_lines():
                        if line.startswith("id: "):
                            seen.append(int(line[4:]))
                        if line == "event: AttemptStarted":
                            server.stop(signal.SIGKILL)
            except httpx.RemoteProtocolError:
                pass
        assert seen
        again = Server(server.db).start()
        try:
            with httpx.Client(base_url=again.url, timeout=100) as http:
                rest = stream(http, run, last=seen[-1])
                whole = [event["position"] for event in http.get(f"/runs/{run}/events").json()["events"]]
        finally:
            again.stop()
        assert [*seen, *(position for position, _ in rest)] == whole
        assert rest[-1][1]["type"] == "RunCompleted"


def test_a_server_that_is_stopped_hands_its_runs_over(tmp_path: Path) -> None:
    """After SIGTERM the run is unfinished in the log, nothing is cancelled, and the next server ends it."""
    with serving(tmp_path / "stopped.db") as server, httpx.Client(base_url=server.url, timeout=60) as http:
        runs = [http.post("/solve", json=SLOW | {"iterations": 10_000}).json()["run"] for _ in range(2)]
        assert server.stop() == 0
    again = Server(server.db).start()
    try:
        with httpx.Client(base_url=again.url, timeout=100) as http:
            for run in runs:
                types = [event["type"] for _, event in stream(http, run)]
                assert types[-1] == "RunCompleted"
                assert "RunAdopted" in types
    finally:
        again.stop()
