"""Sending requests again while the server is away or too busy; each does no more when it is sent twice."""

from collections.abc import Generator, Iterator
from typing import Any, TypeVar

import httpx

from .errors import Unreachable, error_of
from .steps import Answer, Open, Send, Sleep

AGAIN = frozenset({429, 502, 503, 504})
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds; pauses double in between."""
R = TypeVar("R")


def persistent(plan: Generator[Any, Any, R], patience: float) -> Generator[Any, Any, R]:
    """The same plan, whose requests are repeated until they are answered or the pauses add up to ``patience`` seconds.

    Raises:
        Unreachable: it was not answered.
        MezanError: the answer is a problem.
    """
    outcome: Any = None
    failure: BaseException | None = None
    try:
        while True:
            step = plan.send(outcome) if failure is None else plan.throw(failure)
            outcome = failure = None
            try:
                if isinstance(step, Send | Open):
                    outcome = yield from _answered(step, patience)
                else:
                    outcome = yield step
            except Exception as error:  # noqa: BLE001 - the plan decides
                failure = error
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        plan.close()


def _answered(step: Send | Open, patience: float) -> Generator[Any, Any, Answer]:
    request = step.request
    pauses = _pauses(patience)
    while True:
        pause = next(pauses, None)
        try:
            answer: Answer = yield step
        except httpx.TransportError as error:
            if pause is None:
                msg = f"the server must answer; it did not ({type(error).__name__}: {error}): is `mezan serve` running there?"
                raise Unreachable(msg) from error
        else:
            if answer.status < 300 or answer.status in request.accepts:
                return answer
            if pause is None or answer.status not in AGAIN:
                raise error_of(answer.status, answer.content)
        yield Sleep(pause)


def _pauses(patience: float) -> Iterator[float]:
    pause = FIRST_PAUSE
    while patience > 0:
        yield min(pause, patience)
        patience -= pause
        pause = min(2 * pause, LONGEST_PAUSE)
