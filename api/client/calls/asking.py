"""Asking for something to be solved."""

from collections.abc import Mapping
from typing import Any, Unpack

from mezan.api.http.schemas import Accepted, Expected, RunReport
from mezan.solvers.problem import Problem

from ..reading import read_json
from ..requests import JSON, Moment, Options, address, as_of, body_of, key_of
from ..steps import Answer, Clock, Plan, Request, Send
from .runs import HELD, result, succeeded

LONG = 600.0
"""Seconds that the server may take to think."""


def submit(
    problem: Problem | Mapping[str, Any], *, idempotency_key: str | None = None, **options: Unpack[Options]
) -> Plan[Accepted]:
    """Ask for a problem to be solved; returns once that is durable.

    Args:
        problem: an instance, or a request as the API takes it (``{"type": "qap", "A": ..., "B": ...}``; arrays are fine).
        idempotency_key: submitting again under the same key names the first run. One is drawn if you give none, so
            that a request whose answer was lost can be repeated.
        options: as for `mezan.api.Engine.submit`.

    Raises:
        BadInput: a rule is broken; nothing was recorded.
        Unreachable: there was no answer.
    """
    answer = yield Send(_asking(problem, options, idempotency_key))
    return read_json(Accepted, answer.content)


def solve(
    problem: Problem | Mapping[str, Any],
    *,
    wait: float | None = None,
    idempotency_key: str | None = None,
    **options: Unpack[Options],
) -> Plan[RunReport]:
    """Submit a problem and wait for its result.

    Args:
        problem: see :func:`submit`.
        wait: seconds to wait for the end; None as long as it takes.
        idempotency_key: see :func:`submit`.
        options: see :func:`submit`.

    Raises:
        BadInput: a rule is broken; nothing was recorded.
        NotFinished: the run goes on after ``wait`` seconds; the error names it.
        RunFailedError: it failed. RunCancelledError: it was cancelled.
    """
    started = yield Clock()
    held = HELD if wait is None else max(0, min(HELD, int(wait)))
    answer = yield Send(_asking(problem, options, idempotency_key, wait=held))
    if answer.status == 200:
        return succeeded(read_json(RunReport, answer.content))
    accepted = read_json(Accepted, answer.content)
    now = yield Clock()
    left = None if wait is None else max(0.0, wait - (now - started))
    return (yield from result(accepted.run, wait=left))


def submit_file(
    content: bytes,
    name: str,
    *,
    family: str | None = None,
    idempotency_key: str | None = None,
    **options: Unpack[Options],
) -> Plan[Accepted]:
    """Ask for the problem in a file to be solved.

    Args:
        content: the file's bytes: QAPLIB ``.dat``, ``.npz``, a knapsack file, JSON.
        name: its name: the ending tells the format, the stem names the instance.
        family: where neither name nor content tells.
        idempotency_key: see :func:`submit`.
        options: see :func:`submit`.

    Raises:
        BadInput: the file cannot be read, or a rule is broken; nothing was recorded.
    """
    headers = {"content-type": "application/octet-stream", "idempotency-key": key_of(idempotency_key)}
    query: dict[str, Any] = {"name": name, "family": family, **options}
    answer = yield Send(Request("POST", "/solve/file", query, content, headers))
    return read_json(Accepted, answer.content)


def predict(problem: Problem | Mapping[str, Any], *, at: Moment = None, **options: Unpack[Options]) -> Plan[Expected]:
    """What would be chosen, and what to expect of every solver; nothing is recorded.

    Args:
        problem: see :func:`submit`.
        at: what it would have been at a position or time.
        options: see :func:`submit`; only ``policy``, ``seed`` and ``solver`` have a say.

    Raises:
        BadInput: a rule is broken.
    """
    headers = {"content-type": JSON}
    query = {"as_of": as_of(at)}
    answer: Answer = yield Send(Request("POST", "/predict", query, body_of(problem, options), headers, read=LONG))
    return read_json(Expected, answer.content)


def _asking(
    problem: Problem | Mapping[str, Any], options: Options, key: str | None, wait: int | None = None
) -> Request:
    """It always carries an idempotency key, so that it may be sent again."""
    headers = {"content-type": JSON, "idempotency-key": key_of(key)}
    if wait is not None:
        headers["prefer"] = f"wait={wait}"
    return Request(
        "POST", address("solve"), content=body_of(problem, options), headers=headers, read=30.0 + (wait or 0)
    )
