"""Long answers: they stop when nobody listens any more, and say what went wrong."""

import anyio
import httpx
import orjson
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from mezan.api.http import problems
from mezan.api.http.working import Progress, Working
from mezan.solvers.errors import BadInput

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def asked(accept: str) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": [(b"accept", accept.encode())]})


async def silence() -> dict:
    await anyio.sleep_forever()
    return {}


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_stops_when_the_caller_leaves(accept: str) -> None:
    """The work is cancelled, and the answer comes to an end."""
    stopped = anyio.Event()

    async def work(progress: Progress) -> dict:
        progress(1, 10)
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()
        return {}

    async def receive() -> dict:
        await anyio.sleep(0.05)
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None:
        pass

    with anyio.fail_after(10):
        await Working(asked(accept), work)({"type": "http"}, receive, send)
    assert stopped.is_set()


async def fails(_progress: Progress) -> dict:
    msg = "head must be whole"
    raise BadInput(msg)


async def test_an_error_of_the_work_is_the_last_event() -> None:
    """As problem details, since the status has been sent already."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    await Working(asked("text/event-stream"), fails)({"type": "http"}, silence, send)
    kind, data = sent[-1]["body"].decode().strip().split("\n")
    assert kind == "event: problem"
    assert orjson.loads(data[6:])["type"] == "/problems/bad-input"
    assert orjson.loads(data[6:])["detail"] == "head must be whole"


async def test_an_error_of_the_work_is_a_problem() -> None:
    """Without events the answer has the error's own status."""
    app = FastAPI()
    problems.install(app)

    @app.post("/")
    async def route(request: Request) -> Response:
        return Working(request, fails)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as http:
        answer = await http.post("/")
    assert (answer.status_code, answer.json()["detail"]) == (422, "head must be whole")
