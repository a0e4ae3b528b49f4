"""The typed client against the real server, in both colours; killed servers, lost answers, refusals."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import numpy as np
import orjson
import pytest
from serving import Server, serving

from mezan.api import AsyncClient, Client
from mezan.api.client import NotFinished, RequestRefused, ServerFailed, Unreachable
from mezan.api.client.following import Decoder
from mezan.engine.errors import IdempotencyConflict, RunCancelledError, RunNotFound
from mezan.solvers.catalog import Catalog
from mezan.solvers.errors import BadBudget, BadInput, BadProblem, MezanError, UnknownName
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.qap import QAP
from mezan.solvers.selection.registry import Policies

from ..conftest import DATA

KNAPSACK = Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=5, name="three")
SLOW = {"type": "qap", "A": np.array([[0, 1, 9, 3], [1, 0, 4, 2], [7, 4, 0, 5], [3, 2, 8, 0]]), "B": [[0, 5, 2, 6], [5, 0, 3, 1], [2, 9, 0, 4], [6, 1, 4, 0]]}  # fmt: skip
LONG = {"iterations": 100_000, "time_limit": 60, "solver": "qap.tabu"}
EVENT = {"stream": "x", "version": 1, "type": "T", "schema": 1, "data": {}, "causation": None, "correlation": "x", "actor": "a", "recorded_at": "2026-01-31T12:00:00Z", "digest": "0" * 64, "hash": "0" * 64}  # fmt: skip


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


def test_solves(client: Client) -> None:
    """A Problem goes in and its report comes out, with the known optimum, the solution and its proof."""
    report = client.solve(KNAPSACK, time_limit=5, seed=3)
    assert (report.status, report.objective, report.solution, report.proved_optimal) == (
        "completed",
        22,
        [0, 1, 1],
        True,
    )
    assert (report.instance, report.seed, report.over) == ("three", 3, True)
    assert client.run(report.run[:12]) == report
    assert client.result(report.run) == report


def test_problems_arrive_as_they_are(client: Client) -> None:
    """Matrices, names and best known values are sent whole: the recorded instance has the digest of the one here."""
    problem = QAP(A=[[0, 5.5, 2], [5, 0, 3], [2, 3, 0]], B=np.arange(9).reshape(3, 3), name="odd", best_known=3.0)
    run = client.submit(problem, solver="qap.tabu", time_limit=5).run
    first = next(iter(client.events(run)))
    client.cancel(run)
    (task,) = first.data["tasks"]
    assert (task["problem"], task["label"], task["best_known"]) == (problem.packed()[1], "odd", 3.0)


def test_events_are_the_log(client: Client, server: Server) -> None:
    """Events come typed and whole, from any position on, and the iterator ends with the run."""
    run = client.submit(KNAPSACK).run
    events = list(client.events(run))
    assert [event.type for event in (events[0], events[-1])] == ["RunRequested", "RunCompleted"]
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert list(client.events(run, after=events[2].position)) == events[3:]
    then = client.run(run, as_of=events[0].position)
    assert (then.status, then.objective) == ("requested", None)


@pytest.mark.anyio
async def test_awaited(server: Server) -> None:
    """The asynchronous client does the same, many at a time."""
    async with AsyncClient(server.url) as client:
        found = []

        async def solve(capacity: int) -> None:
            report = await client.solve(Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=capacity))
            found.append((capacity, report.objective))

        async with anyio.create_task_group() as tasks:
            for capacity in (2, 3, 4, 5, 6):
                tasks.start_soon(solve, capacity)
        assert sorted(found) == [(2, 10), (3, 16), (4, 18), (5, 22), (6, 28)]
        run = (await client.submit(KNAPSACK)).run
        async with aclosing(client.events(run)) as events:
            assert (await anext(events)).type == "RunRequested"
        with pytest.raises(RunNotFound):
            await client.run("run_nowhere")
        assert (await client.health()).status == "ready"


@pytest.mark.parametrize(
    ("asked", "options", "kind", "says"),
    [
        ({"type": "tsp"}, {}, UnknownName, "knapsack, qap"),
        ({"type": "knapsack", "values": [1], "weights": [1, 2], "capacity": 1}, {}, BadProblem, "equally long"),
        (
            {"type": "knapsack", "values": [1], "weights": [1], "capacity": 1, "best_known": True},
            {},
            BadProblem,
            "number",
        ),
        (KNAPSACK, {"time_limit": -1}, BadBudget, "time_limit"),
        (KNAPSACK, {"policy": "luck"}, UnknownName, "luck"),
        (KNAPSACK, {"solver": "qap.tabu"}, MezanError, "knapsack"),
    ],
)
def test_refusals_are_the_same_exceptions(client: Client, asked, options, kind, says) -> None:
    """What is wrong in-process is wrong here: same class, same code, same sentence."""
    with pytest.raises(kind, match=says) as caught:
        client.submit(asked, **options)
    assert type(caught.value) is kind or kind is MezanError
    assert caught.value.code == type(caught.value).code


def test_refusals_of_the_server(client: Client) -> None:
    """What only a server refuses keeps its code and status."""
    with pytest.raises(RequestRefused, match="bytes long") as caught:
        client.submit({"type": "knapsack", "name": "x" * 17 * 2**20})
    assert (caught.value.code, caught.value.status) == ("too-large", 413)


def test_idempotency(client: Client) -> None:
    """One key, one run; with another body it is the same error as in-process."""
    first = client.submit(KNAPSACK, idempotency_key="mine", seed=1)
    assert client.submit(KNAPSACK, idempotency_key="mine", seed=1).run == first.run
    assert client.submit(KNAPSACK, seed=1).run != first.run
    with pytest.raises(IdempotencyConflict):
        client.submit(KNAPSACK, idempotency_key="mine", seed=2)


def test_waits_no_longer_than_told(client: Client) -> None:
    """A run that goes on is an error that names it; cancelled, its result is the error of a cancelled run."""
    with pytest.raises(NotFinished) as caught:
        client.solve(SLOW, wait=0.3, **LONG)
    run = caught.value.run
    assert not client.run(run).over
    assert client.cancel(run).status == "cancelled"
    with pytest.raises(RunCancelledError):
        client.result(run)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://there", "http://"])
def test_addresses(url: str) -> None:
    """An address that cannot be one is refused at once."""
    with pytest.raises(ValueError, match="must be like http"):
        Client(url)


def test_a_lost_answer_is_asked_for_again(client: Client, server: Server) -> None:
    """When the connection breaks after the server has recorded a request, the repeated one names the same run."""
    sent: list[httpx.Response] = []

    class Losing(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            answer.read()
            sent.append(answer)
            if len(sent) == 1:
                raise httpx.ReadError("lost", request=request)
            return answer

    with Client(server.url, transport=Losing()) as losing:
        accepted = losing.submit(KNAPSACK)
    assert [answer.json()["run"] for answer in sent] == [accepted.run] * 2


def test_lists_are_iterated_page_by_page(client: Client) -> None:
    """More runs than a page holds come once each, newest first; filters and moments are the server's."""
    asked = [
        client.submit(KNAPSACK.model_copy(update={"name": "many"}), solver="knapsack.greedy").run for _ in range(105)
    ]
    found = list(client.runs(label="many"))
    assert [row.run for row in found] == asked[::-1]
    third = found[-3]
    assert [row.run for row in client.runs(label="many", as_of=third.position)] == asked[2::-1]
    with pytest.raises(BadInput, match="status"):
        next(client.runs(status="odd"))


def test_explains_and_repeats(client: Client) -> None:
    """The card is verified, the replay identical, and the solution's artifact holds the solution."""
    report = client.solve(KNAPSACK, fresh=True)
    card = client.why(report.run, verify=True)
    assert (card.solver, card.verification is not None and card.verification.identical) == (report.solver, True)
    assert {one.solver for one in card.candidates} == {
        entry.name for entry in Catalog.default().family("knapsack").solvers
    }
    assert client.replay(report.run).identical
    digest = next(event.data["solution"] for event in client.events(report.run) if event.type == "AttemptSucceeded")
    assert client.artifact(digest).arrays["solution"].values == report.solution


def test_what_is_known(client: Client) -> None:
    """Ratings, records, catalogue and forecasts speak of the same solvers."""
    client.solve(KNAPSACK, fresh=True)
    for solver in ("knapsack.dp", "knapsack.greedy"):
        client.solve(KNAPSACK, solver=solver, fresh=True)
    board = {row.solver: row for row in client.leaderboard(family="knapsack", by="bt")}
    assert {"knapsack.dp", "knapsack.greedy"} <= set(board)
    assert client.rating_history("knapsack.dp").points[-1].rating == board["knapsack.dp"].rating
    assert sum(version.successes for version in client.solver("knapsack.dp").versions) > 0
    assert {profile.solver for profile in client.profiles("knapsack")} >= set(board)
    assert {entry.solver for entry in client.solvers()} == {
        s.name for family in Catalog.default() for s in family.solvers
    }
    assert {policy.policy for policy in client.policies()} == {policy.name for policy in Policies.default()}
    expected = client.predict(KNAPSACK)
    assert {forecast.solver for forecast in expected.forecasts} == {
        entry.solver for entry in client.solvers("knapsack")
    }
    assert client.predict(KNAPSACK, at=0).as_of == 0
    assert [judged.policy for judged in client.lab(["thompson"], family="knapsack").policies] == ["thompson"]
    assert [cluster.cluster for cluster in client.clusters(family="knapsack")] == ["knapsack/0"]
    assert client.experiments() == ()


def test_the_log(client: Client) -> None:
    """Read whole, followed, verified against its head; a head that is not in it is found out."""
    head = client.head()
    assert head is not None
    whole = list(client.log(as_of=head.position))
    assert [event.position for event in whole] == list(range(1, head.position + 1))
    assert whole[-1].hash == head.hash
    assert [e for e in whole if e.type == "RunCompleted"] == list(
        client.log(types=["RunCompleted"], as_of=head.position)
    )
    live = client.follow_log(after=head.position - 3)
    assert [next(live) for _ in range(3)] == whole[-3:]
    live.close()
    assert client.verify_log(head).ok
    assert not client.verify_log(replace(head, hash="0" * 64)).ok
    assert client.head(as_of=0) is None
    assert client.rebuild("elo").identical
    assert all(model.error is None for model in client.projections())


def test_files(client: Client) -> None:
    """A file is sent as it is; the run has its name."""
    content = (DATA / "knapsack/strong60.kp").read_bytes()
    run = client.submit_file(content, "strong60.kp", time_limit=5, solver="knapsack.greedy").run
    assert client.result(run).instance == "strong60"
    with pytest.raises(BadProblem):
        client.submit_file(content[:40], "strong60.kp")


def test_a_server_that_is_away(tmp_path: Path) -> None:
    """Patience is bounded, and then the error says what is missing."""
    with Client("http://127.0.0.1:9", patience=0.3) as client, pytest.raises(Unreachable, match="mezan serve"):
        client.health()


def test_answers_that_are_not_understood() -> None:
    """Something else behind the address is an error, not a half-filled report; busy servers are asked again."""
    answers = iter([httpx.Response(503, json={}), httpx.Response(200, json={"run": 3})])
    transport = httpx.MockTransport(lambda _: next(answers))
    with Client("http://elsewhere", transport=transport) as client, pytest.raises(ServerFailed, match="RunReport"):
        client.run("x")
    broken = httpx.MockTransport(lambda _: httpx.Response(500, text="<html>"))
    with Client("http://elsewhere", transport=broken) as client, pytest.raises(ServerFailed, match="HTTP 500"):
        client.run("x")


def test_decodes_events_however_they_are_cut() -> None:
    """Chunks may end anywhere; comments and other fields are passed over, as the standard says."""
    text = b": alive\n\nretry: 1000\n\nid: 7\nevent: X\ndata: a\ndata: b\n\r\nid: 8\r\ndata:c\r\n\r\nid: 9\ndata: not ended"
    for size in range(1, len(text)):
        decoder = Decoder()
        found = [pair for at in range(0, len(text), size) for pair in decoder.feed(text[at : at + size])]
        assert found == [("7", b"a\nb"), ("8", b"c")]


def test_goes_on_where_a_stream_broke() -> None:
    """Streams that end, break or never begin are opened again after the last whole event, until 204 says that it was the last."""
    asked: list[str] = []

    def told(*positions: int, cut: bytes = b"") -> httpx.Response:
        frames = [b"id: %d\ndata: %b\n\n" % (at, orjson.dumps(EVENT | {"position": at})) for at in positions]
        return httpx.Response(200, content=b"retry: 1000\n\n" + b"".join(frames) + cut)

    answers = [told(1, 2, cut=b"id: 3\ndata: {"), httpx.ConnectError("refused"), told(), httpx.Response(503, json={}), told(3, 4), httpx.Response(204)]  # fmt: skip

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["last-event-id"])
        step = answers.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    with Client("http://there", transport=httpx.MockTransport(answer)) as client:
        assert [event.position for event in client.events("x")] == [1, 2, 3, 4]
    assert asked == ["0", "2", "2", "2", "2", "4"]


def test_without_its_extra() -> None:
    """Without httpx the error names the extra, and the rest of the package works."""
    code = "import sys; sys.modules['httpx'] = None; import mezan.api as m; m.open_engine; m.Client"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: mezan.api.client needs the extra `serve`")


def test_follows_a_run_through_a_killed_server(tmp_path: Path) -> None:
    """After kill -9 and a new server on the same port, the same loop goes on to the run's end and misses nothing."""
    with serving(tmp_path / "killed.db") as server, Client(server.url, patience=60) as client:
        run = client.submit(SLOW, **LONG | {"iterations": 2_000}).run
        port, seen, again = server.port, [], Server(server.db)
        try:
            for event in client.events(run):
                seen.append(event)
                if event.type == "AttemptStarted" and again.process is None:
                    server.stop(signal.SIGKILL)
                    again.start(port)
            assert client.result(run).status == "completed"
            whole = httpx.get(f"{again.url}/runs/{run}/events").json()["events"]
            assert [event.position for event in seen] == [event["position"] for event in whole]
            assert {"RunAdopted", "RunCompleted"} <= {event.type for event in seen}
        finally:
            again.stop()
