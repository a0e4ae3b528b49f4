"""Every call of the clients, as a plan. What each takes and returns is said here, once for both."""

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack

from mezan.api.http.schemas import Accepted, Event, Health, RunReport
from mezan.engine.errors import RunCancelledError, RunFailedError
from mezan.solvers.problem import Problem

from .errors import NotFinished
from .following import followed
from .reading import read_json
from .requests import Moment, Options, address, as_of, asking
from .steps import Clock, Flow, Plan, Request, Send, Sleep

T = TypeVar("T")
HELD = 20
"""Seconds for which one request waits for a run's end; longer waits are several."""
GLANCE = 0.1
"""Seconds between looks where less than a second is left to wait."""


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
    answer = yield Send(asking(problem, options, idempotency_key))
    if answer.status == 200:  # the key is known, and the server answers for its run
        report = read_json(RunReport, answer.content)
        return Accepted(run=report.run, status="requested", links={"self": address("runs", report.run)})
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
    answer = yield Send(asking(problem, options, idempotency_key, wait=held))
    if answer.status == 200:
        return succeeded(read_json(RunReport, answer.content))
    accepted = read_json(Accepted, answer.content)
    now = yield Clock()
    left = None if wait is None else max(0.0, wait - (now - started))
    return (yield from result(accepted.run, wait=left))


def run(run: str, *, as_of: Moment = None) -> Plan[RunReport]:
    """What was asked, what came out and how it went, now or as of a moment; the id may be cut short.

    Raises:
        RunNotFound: there is none, or there was none then.
    """
    return (yield from _read(RunReport, address("runs", run), as_of))


def result(run: str, *, wait: float | None = None) -> Plan[RunReport]:
    """Wait for a run's end.

    Args:
        run: its id.
        wait: seconds; None as long as it takes.

    Raises:
        NotFinished: it goes on. RunFailedError: it failed. RunCancelledError: it was cancelled. RunNotFound: there is none.
    """
    until = None if wait is None else (yield Clock()) + wait
    while True:
        left = HELD if until is None else until - (yield Clock())
        held = max(0, min(HELD, int(left)))
        headers = {"prefer": f"wait={held}"}
        answer = yield Send(Request("GET", address("runs", run), headers=headers, read=30.0 + held))
        report = read_json(RunReport, answer.content)
        if report.over:
            return succeeded(report)
        if left <= 0 and wait is not None:
            raise NotFinished(report.run, wait)
        if held == 0:
            yield Sleep(min(GLANCE, left))


def cancel(run: str) -> Plan[RunReport]:
    """Stop a run; returns when that is recorded. A run that is over stays as it is.

    Raises:
        RunNotFound: there is none. BadInput: it belongs to another process of the database.
    """
    answer = yield Send(Request("POST", address("runs", run, "cancel")))
    return read_json(RunReport, answer.content)


def events(run: str, *, after: int = 0) -> Flow[Event]:
    """Every event of a run after a position, in order and each once: those recorded first, then live, to the run's last.

    A server that dies in between is called again for as long as the client is patient; nothing is lost.

    Raises:
        RunNotFound: there is none. Unreachable: the server did not come back.
    """
    yield from followed(Event, address("runs", run, "events"), {}, after)


def health() -> Plan[Health]:
    """Whether the server takes requests, and if not, why."""
    answer = yield Send(Request("GET", "/health/ready", accepts=frozenset({503})))
    return read_json(Health, answer.content)


def succeeded(report: RunReport) -> RunReport:
    """The report of a run that completed; raises what `Engine`'s result() raises for others."""
    if report.status == "failed":
        raise RunFailedError(report.run, report.error or "", report.message or "")
    if report.status == "cancelled":
        msg = f"run {report.run} was cancelled: {report.message or 'no reason was given'}"
        raise RunCancelledError(msg)
    return report


def _read(kind: type[T], path: str, moment: Moment, **query: str | float | None) -> Plan[T]:
    answer = yield Send(Request("GET", path, {"as_of": as_of(moment), **query}))
    return read_json(kind, answer.content)
