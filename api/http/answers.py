"""What each route answers and takes, in one line per route: the OpenAPI document is completed from here.

A new route gets its line here; a test names those that have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mezan.solvers.catalog import Catalog

from . import schemas as s
from .routes.families import doors

EVENT_STREAM = "text/event-stream"
PROMETHEUS = "text/plain"
BYTES = "application/octet-stream"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers.

    Attributes:
        body: the type of its JSON; None for none.
        status: of the usual answer.
        others: what else it may answer, by status.
        problems: the kinds of errors of its own, beside those that any route may answer.
        media: other media types of the same answer, each with what is in it.
        takes: the family whose problems its body holds, ``any`` for all, ``file`` for a problem's file, ``form:NAME`` for a form;
            a type for JSON of it, which may be left out where no member is required; None where there is no body.
        headers: request headers that it understands, each with its schema and description.
    """

    body: Any
    status: int = 200
    others: Mapping[int, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    media: Mapping[str, str] = field(default_factory=dict)
    takes: Any = None
    headers: Mapping[str, tuple[dict[str, Any], str]] = field(default_factory=dict)


REFUSALS = ("bad-input", "bad-problem", "bad-budget", "unknown-name", "no-candidate", "idempotency-conflict")
IDEMPOTENCY_KEY: dict[str, tuple[dict[str, Any], str]] = {
    "Idempotency-Key": (
        {"type": "string", "minLength": 1, "maxLength": 256},
        "The same key with the same body names the same run, however often it is sent.",
    ),
}
PREFER: dict[str, tuple[dict[str, Any], str]] = {
    "Prefer": ({"type": "string", "examples": ["wait=60"]}, "`wait=SECONDS`: answer when the run has ended, or after so long."),
}  # fmt: skip
LAST_EVENT_ID: dict[str, tuple[dict[str, Any], str]] = {
    "Last-Event-ID": ({"type": "integer", "minimum": 0}, "Of a live stream: go on after this event."),
}
STREAM = "`id` is the event's position, `event` its type, `data` the same JSON as in a page. Comments are signs of life. 204 when the run is over and was read to its end."  # fmt: skip
ENDLESS = "The same for events of every stream, without an end."
WORKING = "`progress` events with what is `done` `of` how much, then one `result`, the same JSON, or one `problem`. Closing the connection stops the work."  # fmt: skip

ANSWERS: Mapping[str, Answer] = {
    "POST /solve": Answer(s.Accepted, 202, {200: s.RunReport}, REFUSALS, takes="any", headers=IDEMPOTENCY_KEY | PREFER),
    "POST /solve/file": Answer(s.Accepted, 202, {200: s.RunReport}, REFUSALS, takes="file", headers=IDEMPOTENCY_KEY | PREFER),
    "POST /predict": Answer(s.Expected, problems=REFUSALS[:-1], takes="any"),
    "POST /predict/file": Answer(s.Expected, problems=REFUSALS[:-1], takes="file"),
    "GET /examples": Answer(tuple[s.ExampleProblem, ...], problems=("unknown-name",)),
    "GET /examples/{name}": Answer(s.ExampleProblem, problems=("not-found",)),
    "GET /runs/{run}/request": Answer(dict[str, Any], problems=("run-not-found", "bad-input")),
    "GET /metrics": Answer(None, media={PROMETHEUS: "Prometheus' text format, version 0.0.4 or later."}),
    "GET /runs": Answer(s.RunPage),
    "GET /runs/{run}": Answer(s.RunReport, problems=("run-not-found",), headers=PREFER),
    "GET /runs/{run}/events": Answer(s.EventPage, others={204: None}, problems=("run-not-found",), media={EVENT_STREAM: STREAM}, headers=LAST_EVENT_ID),
    "GET /runs/{run}/why": Answer(s.Why, problems=("run-not-found",)),
    "POST /runs/{run}/replay": Answer(s.ReplayReport, problems=("run-not-found", "replaying-forbidden", "unknown-name")),
    "GET /runs/{run}/artifacts": Answer(s.Artifacts, problems=("run-not-found",)),
    "GET /artifacts/{digest}": Answer(s.Arrays, others={304: None}, problems=("artifact-not-found", "not-acceptable"), media={BYTES: "Its bytes, as a file to keep."}),
    "POST /runs/{run}/cancel": Answer(s.RunReport, problems=("run-not-found", "bad-input")),
    "GET /leaderboard": Answer(tuple[s.Rated, ...], problems=("unknown-name",)),
    "GET /leaderboard/{solver}/history": Answer(s.RatingHistory, problems=("not-found",)),
    "GET /clusters": Answer(tuple[s.ClusterReport, ...], problems=("unknown-name",)),
    "GET /profiles": Answer(tuple[s.Profile, ...], problems=("unknown-name",)),
    "GET /solvers": Answer(s.Portfolios, problems=("unknown-name",)),
    "GET /solvers/{solver}": Answer(s.SolverReport, problems=("unknown-name",)),
    "GET /policies": Answer(s.PolicyList),
    "GET /lab": Answer(s.LabReport, problems=("unknown-name", "store-busy")),
    "GET /ab": Answer(tuple[s.Experiment, ...]),
    "GET /ab/{name}": Answer(s.Experiment, problems=("unknown-name",)),
    "GET /log": Answer(s.LogPage, media={NDJSON: "One event a line, as in a page.", EVENT_STREAM: ENDLESS}, headers=LAST_EVENT_ID),
    "GET /log/head": Answer(s.Head | None),
    "POST /log/verify": Answer(s.Verification, problems=("bad-input",), media={EVENT_STREAM: WORKING}, takes=s.KeptHead),
    "GET /log/export": Answer(None, media={NDJSON: "For `mezan log import`: events, artifacts and idempotency keys, one a line."}),
    "GET /projections": Answer(s.ReadModels),
    "POST /projections/{projection}/rebuild": Answer(s.Rebuilt, problems=("unknown-name", "projection-broken"), media={EVENT_STREAM: WORKING}),
    "GET /problems": Answer(tuple[s.ProblemKind, ...]),
    "GET /problems/{code}": Answer(s.ProblemKind, problems=("not-found",)),
    "GET /health/live": Answer(s.Live),
    "GET /health/ready": Answer(s.Health, others={503: s.Health}),
}  # fmt: skip
"""By method and path."""
_ADMINISTERING = ("bad-input", "account-not-found", "name-taken")
ACCOUNTS: Mapping[str, Answer] = {
    "GET /accounts/me": Answer(s.Me),
    "POST /accounts/me/password": Answer(None, 204, problems=_ADMINISTERING, takes=s.NewPassword),
    "POST /accounts/me/authenticator": Answer(s.Enrolment, problems=_ADMINISTERING),
    "POST /accounts/me/authenticator/confirm": Answer(s.RecoveryCodes, problems=_ADMINISTERING, takes=s.Code),
    "POST /accounts/me/authenticator/disable": Answer(None, 204, problems=_ADMINISTERING, takes=s.Current),
    "POST /accounts/me/recovery-codes": Answer(s.RecoveryCodes, problems=_ADMINISTERING),
    "GET /accounts/users": Answer(tuple[s.UserAccount, ...]),
    "POST /accounts/users": Answer(s.UserAccount, 201, problems=_ADMINISTERING, takes=s.NewUser),
    "POST /accounts/users/{user}/role": Answer(s.UserAccount, problems=_ADMINISTERING, takes=s.RoleOfUser),
    "POST /accounts/users/{user}/disable": Answer(s.UserAccount, problems=_ADMINISTERING, takes=s.Grounds),
    "POST /accounts/users/{user}/enable": Answer(s.UserAccount, problems=_ADMINISTERING),
    "POST /accounts/users/{user}/password": Answer(s.UserAccount, problems=_ADMINISTERING, takes=s.NewPassword),
    "POST /accounts/users/{user}/authenticator/disable": Answer(s.UserAccount, problems=_ADMINISTERING, takes=s.Current),
    "GET /accounts/keys": Answer(tuple[s.KeyAccount, ...]),
    "POST /accounts/keys": Answer(s.NewKey, 201, problems=_ADMINISTERING, takes=s.KeyToIssue),
    "POST /accounts/keys/{key}/rotate": Answer(s.NewKey, problems=_ADMINISTERING, takes=s.Rotation),
    "POST /accounts/keys/{key}/revoke": Answer(s.KeyAccount, problems=_ADMINISTERING, takes=s.Grounds),
    "GET /accounts/roles": Answer(tuple[s.RoleAccount, ...]),
    "PUT /accounts/roles/{role}": Answer(s.RoleAccount, problems=_ADMINISTERING, takes=s.RoleToDefine),
    "DELETE /accounts/roles/{role}": Answer(None, 204, problems=_ADMINISTERING),
    "GET /accounts/denials": Answer(s.Denials),
    "POST /oauth/token": Answer(s.Token, others={400: s.TokenRefused, 401: s.TokenRefused}, takes="form:token"),
    "POST /oauth/revoke": Answer(dict[str, Any], others={400: s.TokenRefused}, takes="form:revoke"),
    "GET /.well-known/jwks.json": Answer(s.KeySet),
}  # fmt: skip
"""The same of a server with accounts."""


def answers_for(catalog: Catalog, *, accounts: bool = False) -> Mapping[str, Answer]:
    """The same with the doors of the families that there are, and on a server with accounts with its routes."""
    like = ANSWERS["POST /solve"]
    all_ = {**ANSWERS, **ACCOUNTS} if accounts else ANSWERS
    return {**all_, **{f"POST {path}": replace(like, takes=family) for path, family in doors(catalog).items()}}
