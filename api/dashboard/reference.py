"""`/docs`: the OpenAPI document as a page, drawn on the server."""

from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import orjson
from fastapi import FastAPI, Request
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from mezan.api.http.access import Router, public

from .rendering import environment
from .schema_words import fields, shape

router = Router(include_in_schema=False)
Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs")
@public
async def page(request: Request) -> Response:
    """Every route with what it takes and what it answers."""
    state = request.app.state
    if state.reference is None:
        state.reference = await anyio.to_thread.run_sync(_drawn, request.app)
    return HTMLResponse(state.reference, headers={"cache-control": "no-cache"})


def _drawn(app: FastAPI) -> str:
    document = app.openapi()
    sections = [(tag, list(_operations(document, tag["name"]))) for tag in document["tags"]]
    schemas = sorted(document["components"]["schemas"].items())
    return _templates.get_template("reference.html").render(
        info=document["info"], sections=sections, schemas=schemas, shape=shape, fields=fields, title="HTTP API"
    )


def _operations(document: Json, tag: str) -> Iterator[Json]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            operation = methods.get(method)
            if operation is not None and tag in operation.get("tags", ()):
                bodies = operation.get("requestBody", {}).get("content", {})
                yield {
                    "path": path,
                    "method": method.upper(),
                    "id": operation["operationId"],
                    "summary": operation["summary"],
                    "description": operation.get("description", ""),
                    "parameters": operation.get("parameters", []),
                    "bodies": bodies,
                    "examples": [
                        _example(kind) for body in bodies.values() for kind in body.get("examples", {}).values()
                    ],
                    "responses": operation["responses"],
                }


def _prose(text: str) -> Markup:
    """Escaped text, in which `code` is marked."""
    parts = str(escape(text)).replace("``", "`").split("`")
    return Markup("".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)))  # noqa: S704


def _paragraphs(text: str) -> list[str]:
    return [part for part in text.split("\n\n") if part.strip()]


def _example(given: Json) -> Json:
    return {"summary": given.get("summary", "Example"), "text": _pretty(given["value"])}


def _pretty(value: Json) -> str:
    """One member a line; what is inside of it on that line."""
    members = [f"  {orjson.dumps(name).decode()}: {orjson.dumps(part).decode()}" for name, part in value.items()]
    return "{\n" + ",\n".join(members) + "\n}"


_templates = environment()
_templates.filters |= {"prose": _prose, "paragraphs": _paragraphs}
