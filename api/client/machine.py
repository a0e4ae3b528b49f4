"""Steps of a plan, one after another, with their outcomes or failures sent back."""

from collections.abc import Generator
from typing import Any

from .persistence import persistent


class Machine:
    """Iterates over a plan's steps. Before the next one, set :attr:`outcome` or :attr:`failure` of the last."""

    def __init__(self, plan: Generator[Any, Any, Any], patience: float) -> None:
        self._plan = persistent(plan, patience)
        self.outcome: Any = None
        self.failure: BaseException | None = None
        self.value: Any = None

    def __iter__(self) -> "Machine":
        return self

    def __next__(self) -> Any:
        outcome, failure = self.outcome, self.failure
        self.outcome = self.failure = None
        try:
            return self._plan.send(outcome) if failure is None else self._plan.throw(failure)
        except StopIteration as end:
            self.value = end.value
            raise

    def close(self) -> None:
        """Leave the plan where it is."""
        self._plan.close()
