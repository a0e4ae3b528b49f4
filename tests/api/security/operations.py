"""What principals of two projects do in the test of isolation: requests with holes for ids of either."""

from dataclasses import dataclass, field
from typing import Any

KNAPSACK = {"type": "knapsack", "weights": [1, 2, 3], "capacity": 5, "solver": "knapsack.greedy", "time_limit": 5}
HTML = {"accept": "text/html"}
STREAM = {"accept": "text/event-stream"}
WAIT = {"prefer": "wait=30"}


@dataclass(frozen=True)
class Operation:
    """A request; ``{run}`` and the like in its texts are filled in with something that one of the projects has, or nobody."""

    method: str
    target: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    ends: bool = False
    """It may end what a test lives on: filled in with what the test itself has made, or with another's."""


def _gets() -> list[Operation]:
    plain = (
        "/runs", "/runs?limit=2", "/runs?before={pos}", "/runs?label={name}", "/runs?as_of={pos}", "/runs?purpose=every&status=completed",
        "/runs/{run}", "/runs/{run}?as_of={pos}", "/runs/{run}/events", "/runs/{run}/events?after={pos}", "/runs/{run}/why",
        "/runs/{run}/why?verify=true", "/runs/{run}/artifacts", "/runs/{run}/request", "/artifacts/{digest}",
        "/log?limit=5&after={pos}", "/log?stream={run}", "/log?stream=admin_{project}", "/log?actor={key}", "/log?actor={user}", "/log?text={name}",
        "/log?text={digest}", "/log?text={run}", "/log?correlation={run}", "/log?limit=1000", "/log/head", "/log/head?as_of={pos}", "/log/export",
        "/leaderboard", "/leaderboard?by=bt&as_of={pos}", "/leaderboard/knapsack.greedy/history", "/clusters", "/profiles?family=knapsack",
        "/solvers", "/solvers/knapsack.greedy", "/policies", "/ab", "/ab/{name}", "/lab?policies=elo_ucb", "/projections", "/metrics",
        "/metrics?as_of={pos}", "/examples", "/problems", "/health/live", "/health/ready", "/accounts/me", "/accounts/users",
        "/accounts/keys", "/accounts/roles", "/accounts/denials", "/.well-known/jwks.json", "/nothing/{run}", "/static/{name}",
    )  # fmt: skip
    pages = (
        "/ui", "/ui/runs", "/ui/runs/{run}", "/ui/runs/{run}/why", "/ui/leaderboard",
        "/ui/submit?from={run}", "/ui/clusters", "/ui/accounts", "/ui/me", "/ui?at={pos}",
        "/ui/runs/{run}/pictures/{digest}/0.svg", "/login",
    )  # fmt: skip
    return [
        *(Operation("GET", target) for target in plain),
        *(Operation("GET", target, headers=HTML) for target in pages),
        *(Operation("GET", target, headers={"if-none-match": "{etag}"}) for target in ("/runs", "/log", "/leaderboard")),
        Operation("GET", "/artifacts/{digest}", headers={"accept": "application/octet-stream"}),
        Operation("GET", "/log?stream={run}", headers={"accept": "application/x-ndjson"}),
        Operation("GET", "/runs/{run}/events", headers=STREAM),
        Operation("GET", "/runs/{run}/events?after={pos}", headers=STREAM),
        Operation("WS", "/runs/{run}/events"),
        Operation("WS", "/runs/{run}/events?after={pos}"),
    ]  # fmt: skip


def _solves() -> list[Operation]:
    def problem(value: int) -> dict[str, Any]:
        return KNAPSACK | {"name": "{name}", "values": [6, 10, value], "seed": value}

    keyed = WAIT | {"idempotency-key": "{idem}"}
    return [
        *(Operation("POST", "/solve", problem(value), keyed) for value in (12, 13)),
        *(Operation("POST", "/solve", problem(value) | {"fresh": True}, WAIT) for value in (12, 14)),
        Operation("POST", "/solve", problem(15), {"idempotency-key": "{idem}"}),
        Operation("POST", "/solve", problem(16) | {"solver": "nothing"}, WAIT),
    ]


def _writes() -> list[Operation]:
    return [
        Operation("POST", "/runs/{run}/cancel"), Operation("POST", "/runs/{run}/replay"),
        Operation("POST", "/log/verify"), Operation("POST", "/log/verify", {"head": "{head}"}),
        Operation("POST", "/projections/runs/rebuild"), Operation("POST", "/predict", KNAPSACK | {"values": [6, 10, 12]}),
        Operation("POST", "/accounts/users", {"name": "{name}", "role": "viewer"}),
        Operation("POST", "/accounts/users", {"name": "{name}", "role": "{name}"}),
        Operation("POST", "/accounts/users/{user}/role", {"role": "operator"}, ends=True),
        Operation("POST", "/accounts/users/{user}/disable", {"reason": "left"}, ends=True),
        Operation("POST", "/accounts/users/{user}/enable"),
        Operation("POST", "/accounts/users/{user}/authenticator/disable", {}),
        Operation("POST", "/accounts/keys", {"name": "{name}", "role": "operator"}),
        Operation("POST", "/accounts/keys", {"name": "{name}", "role": "viewer", "owner": "{user}"}),
        Operation("POST", "/accounts/keys/{key}/rotate", {"grace": 5}, ends=True),
        Operation("POST", "/accounts/keys/{key}/revoke", {"reason": "lost"}, ends=True),
        Operation("PUT", "/accounts/roles/{name}", {"scopes": ["runs:read", "log:read"], "includes": []}),
        Operation("PUT", "/accounts/roles/{name}", {"scopes": [], "includes": ["{name}"]}),
        Operation("DELETE", "/accounts/roles/{name}"),
        Operation("DELETE", "/runs/{run}"),
        Operation("GRANT", "/oauth/token"), Operation("REVOKE", "/oauth/revoke"),
    ]  # fmt: skip


OPERATIONS = [*_gets(), *_solves(), *_solves(), *_writes()]
