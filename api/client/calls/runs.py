"""Runs: looked at, waited for, followed, explained, repeated, stopped."""

from mezan.api.http.schemas import Arrays, Event, ReplayReport, RunPage, RunReport, RunRow, Why
from mezan.engine.errors import RunCancelledError, RunFailedError

from ..errors import NotFinished
from ..following import followed
from ..reading import got, pages, read_json
from ..requests import Moment, address
from ..steps import Clock, Flow, Plan, Request, Send, Sleep

HELD = 20
"""Seconds for which one request waits for a run's end; longer waits are several."""
GLANCE = 0.1
"""Seconds between looks where less than a second is left to wait."""
AGAIN = 3_600.0
"""Seconds that executing a run again may take."""


def run(run: str, *, as_of: Moment = None) -> Plan[RunReport]:
    """What was asked, what came out and how it went, now or as of a moment; the id may be cut short.

    Raises:
        RunNotFound: there is none, or there was none then.
    """
    return (yield from got(RunReport, address("runs", run), as_of))


def runs(
    *,
    status: str | None = None,
    family: str | None = None,
    solver: str | None = None,
    policy: str | None = None,
    purpose: str | None = None,
    label: str | None = None,
    as_of: Moment = None,
) -> Flow[RunRow]:
    """Every run with these properties, the newest first; asked for page by page as you iterate.

    Args:
        status: requested, running, completed, failed or cancelled.
        family: of one of its tasks.
        solver: of one of its tasks.
        policy: that was asked for, or that decided.
        purpose: request (the default), shadow, tournament, benchmark, or any.
        label: what the instance's name contains.
        as_of: a position or time.

    Raises:
        BadInput: there is no such status or purpose.
    """
    query = {"status": status, "family": family, "solver": solver, "policy": policy, "purpose": purpose, "label": label}
    yield from pages("/runs", query, as_of, RunPage, lambda page: page.runs)


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
            yield Sleep(max(0.0, min(GLANCE, left)))


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


def why(run: str, *, task: str | None = None, verify: bool = False, as_of: Moment = None) -> Plan[Why]:
    """Why a solver was chosen: the decision card of a run's last choice, and what spoke for it.

    Args:
        run: its id.
        task: of a run with several tasks.
        verify: choose again from the refolded log; ``verification`` says whether it came out the same.
        as_of: the last choice by then.

    Raises:
        RunNotFound: there is none, or nothing was chosen.
    """
    query = {"task": task, "verify": "true" if verify else None}
    return (yield from got(Why, address("runs", run, "why"), as_of, query, read=AGAIN))


def replay(run: str) -> Plan[ReplayReport]:
    """Execute a run again and name the first event that comes out differently; nothing is recorded.

    Raises:
        RunNotFound: there is none. RequestRefused: it has not ended.
    """
    answer = yield Send(Request("POST", address("runs", run, "replay"), read=AGAIN))
    return read_json(ReplayReport, answer.content)


def artifact(digest: str) -> Plan[Arrays]:
    """A problem's, solution's or checkpoint's arrays by their SHA-256.

    Raises:
        RequestRefused: it is not kept, or too large to be JSON.
    """
    return (yield from got(Arrays, address("artifacts", digest)))


def succeeded(report: RunReport) -> RunReport:
    """The report of a run that completed; raises what `Engine`'s result() raises for others."""
    if report.status == "failed":
        raise RunFailedError(report.run, report.error or "", report.message or "")
    if report.status == "cancelled":
        msg = f"run {report.run} was cancelled: {report.message or 'no reason was given'}"
        raise RunCancelledError(msg)
    return report
