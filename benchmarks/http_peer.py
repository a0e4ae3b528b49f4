"""What an HTTP service of this kind costs without Mezan: the same server, the same framework, and only the necessary.

usage: python benchmarks/http_peer.py constant|insert FOLDER

``constant`` answers a fixed JSON object: the limit of the framework. ``insert`` validates a request by pydantic, writes one
row to SQLite with ``synchronous=FULL``, commits, and answers 202: what a service that keeps its promises does by hand.
"""

import sys
from pathlib import Path

import aiosqlite
import anyio
import orjson
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response

from mezan.api.http.serve import loop_options


class Knapsack(BaseModel):
    """A request."""

    type: str
    values: list[int]
    weights: list[int]
    capacity: int
    solver: str | None = None


async def main(kind: str, folder: Path) -> None:
    app = FastAPI()
    connection = await aiosqlite.connect(folder / "peer.db")
    await connection.execute("PRAGMA journal_mode=WAL")
    await connection.execute("PRAGMA synchronous=FULL")
    await connection.execute("CREATE TABLE IF NOT EXISTS requests (id INTEGER PRIMARY KEY, body TEXT)")

    if kind == "constant":

        @app.get("/")
        async def constant() -> Response:
            return Response(orjson.dumps({"status": "live"}), media_type="application/json")

    else:

        @app.post("/solve", status_code=202)
        async def insert(request: Request, body: Knapsack) -> Response:
            cursor = await connection.execute("INSERT INTO requests (body) VALUES (?)", (body.model_dump_json(),))
            await connection.commit()
            return Response(orjson.dumps({"run": cursor.lastrowid}), 202, media_type="application/json")

    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    bound = config.bind_socket()
    print(f"http://127.0.0.1:{bound.getsockname()[1]} ", flush=True)
    await uvicorn.Server(config).serve(sockets=[bound])
    await connection.close()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], Path(sys.argv[2]), backend_options=loop_options())
