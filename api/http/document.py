"""The OpenAPI document: what FastAPI knows of the routes, completed by `answers` and by the families that are installed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from mezan.api.accounts.scopes import ABOUT
from mezan.solvers.catalog import Catalog
from mezan.solvers.selection.registry import DEFAULT_POLICY

from . import schemas
from .access import KNOWN, Need
from .answers import Answer, answers_for
from .asking import FILES
from .forms import FORM
from .problems import KINDS, MEDIA_TYPE
from .routes.solve import EXAMPLES, request_schema

Json = dict[str, Any]
COMPONENT = "#/components/schemas/"
JSON = "application/json"
METHODS = ("get", "post", "put", "patch", "delete")
EVERYWHERE = ("wrong-host", "internal", "store", "store-corrupt", "closing")
"""Errors that any route may answer with."""
WRITING = (
    "malformed",
    "cross-origin",
    "too-large",
    "unsupported-media-type",
    "store-busy",
    "store-full",
    "store-read-only",
)
SECURED = (
    "unauthenticated",
    "token-invalid",
    "token-expired",
    "token-not-yet-valid",
    "token-revoked",
    "ambiguous-credentials",
    "forbidden",
    "rate-limited",
)
"""Errors that any route may answer with on a server with accounts; all but the last three only routes that need a scope."""
SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key (`mzn_...`), or an access token (JWT)."},
    "oauth2": {
        "type": "oauth2",
        "description": "An API key is a client: its prefix is the `client_id`, what follows the dot the `client_secret`.",
        "flows": {
            "clientCredentials": {
                "tokenUrl": "/oauth/token",
                "refreshUrl": "/oauth/token",
                "scopes": {str(scope): about for scope, about in ABOUT.items()},
            }
        },
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "mezan_session",
        "description": "A browser that has logged in. What changes something needs its token in the header `Mezan-CSRF` too.",
    },
}
_TEXT: Json = {"type": "string", "maxLength": 4096}
FORMS: Json = {
    "token": {
        "type": "object",
        "properties": {
            "grant_type": {"enum": ["client_credentials", "refresh_token"]},
            **dict.fromkeys(("client_id", "client_secret", "refresh_token", "scope"), _TEXT),
        },
        "required": ["grant_type"],
    },
    "revoke": {"type": "object", "properties": {"token": _TEXT, "token_type_hint": _TEXT}, "required": ["token"]},
}
READ_HEADERS: Json = {
    "ETag": {"schema": {"type": "string"}, "description": "Of this answer at its position; send it as `If-None-Match`."},
    "Mezan-Position": {"schema": {"type": "integer"}, "description": "The position that the answer is the fold of."},
}  # fmt: skip
AS_OF: Json = {
    "anyOf": [
        {"type": "string", "pattern": "^([0-9]{0,18}|live)$", "description": "a log position"},
        {"type": "string", "format": "date-time", "description": "a time with its zone"},
    ],
    "examples": ["1200", "2026-01-31T12:00:00Z"],
}
IF_NONE_MATCH = {"If-None-Match": ({"type": "string"}, "An `ETag`: 304 without a body while nothing has changed.")}
TAGS = (
    ("solve", "Asking. A request is durable when it is answered; it runs at once."),
    (
        "runs",
        (
            "What was asked and what came of it. Events are read in pages, or followed live as server-sent events: a reader that "
            "comes back with the last id that it has seen (`Last-Event-ID`) misses nothing, whatever happened to it or to the "
            "server. The same address takes a WebSocket (`?after=POSITION`): one JSON text per event; it closes normally after the "
            "run's last."
        ),
    ),
    ("ratings", "Who is how good, on which instances, after how long: folds of every outcome."),
    ("artifacts", "Problems, solutions and checkpoints, by their SHA-256."),
    ("catalogue", "What is installed: solvers and policies."),
    ("lab", "Other policies tried on the log, and A/B tests."),
    ("log", "Every event there is: searched, followed, verified, exported."),
    ("projections", "The read models that every figure comes from."),
    ("accounts", "Users, keys, roles and denials of the caller's project."),
    (
        "tokens",
        "OAuth 2.0: access tokens for API keys, and renewed ones. `POST /login` with JSON gives a user's first.",
    ),
    ("errors", "What each problem `type` means."),
    ("health", "For supervisors and load balancers."),
)


def document(app: FastAPI, catalog: Catalog) -> Json:
    """The OpenAPI 3.1 document of an application over some families."""
    made = FastAPI.openapi(app)
    components = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    for family in catalog:
        _add_request(components, catalog, family.name)
    components["Request"] = _any_request(catalog)
    _schema(schemas.Problem, components)
    secured = app.state.door is not None
    answers = answers_for(catalog, accounts=secured)
    needed = {(method, path): scope for method, path, scope in app.state.declared}
    if secured:
        made["components"]["securitySchemes"] = SCHEMES
    names = _names(catalog)
    for path, methods in made["paths"].items():
        for method in METHODS:
            if method in methods:
                answer = answers.get(f"{method.upper()} {path}")
                _complete(method, path, methods[method], answer or Answer(Any), components, names, secured=secured)
                if secured:
                    _secure(methods[method], needed[method.upper(), path])
    made["servers"] = [{"url": "/", "description": "This server."}]
    made["tags"] = _tags(made["paths"])
    return made


def _names(catalog: Catalog) -> dict[str, list[str]]:
    """Values of parameters that name something installed."""
    families = list(catalog)
    return {
        "family": [family.name for family in families],
        "solver": [family.solvers[0].name for family in families],
        "policy": [DEFAULT_POLICY],
        "projection": ["elo", "runs"],
    }


def _complete(
    method: str,
    path: str,
    operation: Json,
    answer: Answer,
    components: Json,
    names: Mapping[str, list[str]],
    *,
    secured: bool,
) -> None:
    operation["operationId"] = "_".join([method, *re.findall(r"[a-z_]+", path)])
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        name = parameter["name"]
        parameter["schema"] = AS_OF if name == "as_of" else _present(parameter["schema"])
        if name in names and "examples" not in parameter["schema"]:
            parameter["schema"] = {**parameter["schema"], "examples": names[name]}
    reads = method == "get" and any(parameter["name"] == "as_of" for parameter in parameters)
    for header, (schema, text) in ({**answer.headers, **IF_NONE_MATCH} if reads else answer.headers).items():
        parameters.append({"name": header, "in": "header", "required": False, "schema": schema, "description": text})
    responses: Json = {}
    for status, body in {answer.status: answer.body, **answer.others}.items():
        responses[str(status)] = _response(status, body, answer.media if status == answer.status else {}, components)
    if reads:
        responses[str(answer.status)]["headers"] = READ_HEADERS
        responses["304"] = {"description": "Nothing has changed since the `ETag` that was sent."}
    if 202 in {answer.status, *answer.others}:
        responses["202"]["headers"] = {"Location": {"schema": {"type": "string"}, "description": "The run's address."}}
    codes = [*EVERYWHERE, *answer.problems]
    codes += ["bad-parameters"] if parameters or isinstance(answer.takes, type) else []
    codes += ["bad-input", "projection-broken"] if reads else []
    codes += WRITING if method != "get" else []
    codes += ["csrf"] if method != "get" and secured else []
    _add_problems(responses, codes)
    operation["responses"] = dict(sorted(responses.items()))
    if answer.takes is not None:
        operation["requestBody"] = _body(answer.takes, components)
    if not parameters:
        del operation["parameters"]


def _secure(operation: Json, needed: Need) -> None:
    """Say which scope an operation needs, and how it refuses who has it not."""
    operation["security"] = (
        [] if needed is None else [{scheme: [] if needed == KNOWN else [str(needed)]} for scheme in SCHEMES]
    )
    _add_problems(operation["responses"], SECURED if needed is not None else SECURED[-3:])
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _present(schema: Json) -> Json:
    """The schema of a parameter's value when it is there: what is not sent is not null."""
    given = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(given) != 1:
        return schema
    return {**{k: v for k, v in schema.items() if k not in {"anyOf", "default"}}, **given[0]}


def _response(status: int, body: Any, media: Mapping[str, str], components: Json) -> Json:
    made: Json = {"description": HTTPStatus(status).phrase}
    if body is not None:
        made["content"] = {JSON: {"schema": _schema(body, components)}}
    if media:
        kinds = made.setdefault("content", {})
        for name, text in media.items():
            kinds[name] = {"schema": {"type": "string", "description": text}}
    return made


def _add_problems(responses: Json, codes: Iterable[str]) -> None:
    """One response per status; its schema lists the types that may come with it."""
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
    for status, of_status in by_status.items():
        titles = "; ".join(f"`{code}`: {KINDS[code].title.lower()}" for code in of_status)
        types = [f"/problems/{code}" for code in of_status]
        schema = {"allOf": [{"$ref": f"{COMPONENT}Problem"}], "properties": {"type": {"enum": types}}}
        first = KINDS[of_status[0]]
        example = {"type": types[0], "title": first.title, "status": status, "detail": f"{first.title}. {first.advice}"}
        response = responses.setdefault(str(status), {"description": titles})
        content = response.setdefault("content", {})
        if MEDIA_TYPE in content:
            content[MEDIA_TYPE]["schema"]["properties"]["type"]["enum"] += types
            response["description"] += f"; {titles}"
        else:
            content[MEDIA_TYPE] = {"schema": schema, "example": example}


def _schema(body: Any, components: Json) -> Json:
    """The schema of a type; dataclasses, its own and those that it refers to, go to the components."""
    made: Json = TypeAdapter(body).json_schema(mode="serialization", ref_template=f"{COMPONENT}{{model}}")
    components.update(made.pop("$defs", {}))
    if not is_dataclass(body):
        return made
    components[made["title"]] = made
    return {"$ref": COMPONENT + made["title"]}


def _add_request(components: Json, catalog: Catalog, family: str) -> None:
    made = request_schema(catalog, family)
    moved = made.pop("$defs", {})
    text = re.compile(r"^#/\$defs/")

    def pointed(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: text.sub(COMPONENT, v) if k == "$ref" else pointed(v) for k, v in value.items()}
        return [pointed(v) for v in value] if isinstance(value, list) else value

    components.update(pointed(moved))
    components[f"{family}_request"] = pointed(made)


def _any_request(catalog: Catalog) -> Json:
    refs = {family.name: f"{COMPONENT}{family.name}_request" for family in catalog}
    return {
        "description": "A problem of any family, which `type` names, with the options of its run beside it.",
        "oneOf": [{"allOf": [{"$ref": ref}], "required": ["type"]} for ref in refs.values()],
    }


def _body(takes: Any, components: Json) -> Json:
    if not isinstance(takes, str):
        schema = _schema(takes, components)
        needed = bool(components[schema["$ref"].removeprefix(COMPONENT)].get("required"))
        return {"required": needed, "content": {JSON: {"schema": schema}}}
    if takes.startswith("form:"):
        return {"required": True, "content": {FORM: {"schema": FORMS[takes.removeprefix("form:")]}}}
    if takes == "file":
        return {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in FILES},
        }
    name = "Request" if takes == "any" else f"{takes}_request"
    examples = EXAMPLES if takes == "any" else {k: v for k, v in EXAMPLES.items() if k == takes}
    return {"required": True, "content": {JSON: {"schema": {"$ref": COMPONENT + name}, "examples": examples}}}


def _tags(paths: Mapping[str, Json]) -> list[Json]:
    """The tags in use, those described first, in their order."""
    used = dict.fromkeys(tag for methods in paths.values() for op in methods.values() for tag in op.get("tags", ()))
    known = [{"name": name, "description": text} for name, text in TAGS if name in used]
    return known + [{"name": name} for name in used if name not in dict(TAGS)]
