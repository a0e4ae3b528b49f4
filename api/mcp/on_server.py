"""The tools' backend over a running Mezan server."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import orjson

from mezan.api.client import AsyncClient, Options, ServerFailed
from mezan.api.client.reading import got
from mezan.api.client.steps import Request, Send
from mezan.api.http import schemas
from mezan.solvers.errors import BadInput, UnknownName

from .backend import Asked, Happening, Json, Ranking, Sought
from .shapes import shaped

PATIENCE = 5.0
"""Seconds for which a server that does not answer is asked again: an assistant can ask later."""
LONGEST_KEY = 8_192


@asynccontextmanager
async def connected(url: str, key: str | None) -> AsyncIterator["ServerBackend"]:
    """A backend on the server at an address, with an API key or an access token if it wants one.

    Raises:
        BadInput: the address is none, or the key would travel in clear.
    """
    transport = None if key is None else _Keyed(checked_key(url, key))
    async with AsyncClient(url, patience=PATIENCE, transport=transport) as client:
        yield ServerBackend(client)


class _Keyed(httpx.AsyncHTTPTransport):
    """Sends the key with every request."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self._authorization = f"Bearer {key}"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.headers["authorization"] = self._authorization
        return await super().handle_async_request(request)


def checked_key(url: str, key: str) -> str:
    """The key, if it can be sent to this address without being seen; raises BadInput. Messages do not hold it."""
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key):
        msg = f"MEZAN_API_KEY must be 1 to {LONGEST_KEY} printable characters without spaces; what is there is not: copy the key again"
        raise BadInput(msg)
    parts = urlsplit(url)
    if parts.scheme != "https" and not _local(parts.hostname or ""):
        msg = f"a key must not travel in clear; {url[:80]!r} is neither https nor on this machine: use https, or unset MEZAN_API_KEY"
        raise BadInput(msg)
    return key


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class ServerBackend:
    """Answers from a server."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def families(self) -> list[Json]:
        found = await self._client.drive(got(schemas.Portfolios, "/solvers"))
        return [shaped(schemas.FamilyEntry, one) for one in found.families]

    async def schema(self, family: str) -> Json:
        answer = await self._client.drive(_raw("/openapi.json"))
        try:
            components: Json = orjson.loads(answer)["components"]["schemas"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            msg = "the server must answer its OpenAPI document; it did not: it may be of another version"
            raise ServerFailed(msg) from None
        made = components.get(f"{family}_request")
        if made is None:
            known = ", ".join(one["family"] for one in await self.families())
            raise UnknownName(f"a family must be one of {known}; got {family[:80]!r}")
        fields = {name: one for name, one in made["properties"].items() if name not in _OPTIONS}
        used: Json = {}
        schema = _local_refs({**made, "properties": fields, "required": ["type", *made["required"]]}, components, used)
        return {**schema, "$defs": used} if used else schema

    async def examples(self, family: str | None) -> list[Json]:
        kind = tuple[schemas.ExampleProblem, ...]
        found = await self._client.drive(got(kind, "/examples", query={"family": family}))
        return [shaped(schemas.ExampleProblem, one) for one in found]

    async def policies(self) -> list[Json]:
        return [shaped(schemas.PolicyEntry, one) for one in await self._client.policies()]

    async def submit(self, asked: Asked) -> str:
        options = {name: value for name, value in asked.options.items() if name != "idempotency_key"}
        said, key = cast("Options", options), asked.options.get("idempotency_key")
        if asked.content is None:
            return (await self._client.submit(asked.problem or {}, idempotency_key=key, **said)).run
        return (
            await self._client.submit_file(
                asked.content, asked.name or "problem", family=asked.family, idempotency_key=key, **said
            )
        ).run

    async def events(self, run: str) -> AsyncGenerator[Happening, None]:
        async with aclosing(self._client.events(run)) as events:
            async for event in events:
                yield event

    async def run(self, run: str, as_of: str | None) -> Json:
        return shaped(schemas.RunReport, await self._client.run(run, as_of=as_of))  # type: ignore[no-any-return]

    async def runs(self, wanted: Mapping[str, str | None], limit: int, as_of: str | None) -> Json:
        query = {**wanted, "limit": limit}
        return shaped(schemas.RunPage, await self._client.drive(got(schemas.RunPage, "/runs", as_of, query)))  # type: ignore[no-any-return]

    async def cancel(self, run: str) -> Json:
        return shaped(schemas.RunReport, await self._client.cancel(run))  # type: ignore[no-any-return]

    async def why(self, run: str, task: str | None, verify: bool, as_of: str | None) -> Json:
        return shaped(schemas.Why, await self._client.why(run, task=task, verify=verify, as_of=as_of))  # type: ignore[no-any-return]

    async def replay(self, run: str) -> Json:
        return shaped(schemas.ReplayReport, await self._client.replay(run))  # type: ignore[no-any-return]

    async def leaderboard(self, family: str | None, cluster: str | None, by: Ranking, as_of: str | None) -> list[Json]:
        found = await self._client.leaderboard(family=family, cluster=cluster, by=by, as_of=as_of)
        return [shaped(schemas.Rated, one) for one in found]

    async def search(self, sought: Sought, as_of: str | None) -> Json:
        after = sought.after
        if after < 0:
            head = await self._client.head(as_of=as_of)
            after = max(0, (head.position if head else 0) + after)
        query = {
            "after": after,
            "limit": sought.limit,
            "types": ",".join(sought.types) or None,
            "stream": sought.stream,
            "actor": sought.actor,
            "text": sought.text,
        }
        return shaped(schemas.LogPage, await self._client.drive(got(schemas.LogPage, "/log", as_of, query)))  # type: ignore[no-any-return]


_OPTIONS = frozenset(Options.__annotations__)
_COMPONENT = "#/components/schemas/"


def _raw(path: str) -> Any:
    answer = yield Send(Request("GET", path))
    return answer.content


def _local_refs(value: Any, components: Json, used: Json) -> Any:
    """A part of the OpenAPI document that stands alone: what it refers to goes into ``used``."""
    if isinstance(value, list):
        return [_local_refs(one, components, used) for one in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, one in value.items():
        if name == "$ref" and isinstance(one, str) and one.startswith(_COMPONENT):
            target = one.removeprefix(_COMPONENT)
            if target not in used:
                used[target] = {}
                used[target] = _local_refs(components[target], components, used)
            made[name] = f"#/$defs/{target}"
        else:
            made[name] = _local_refs(one, components, used)
    return made
