"""What a solver may spend, and when it may stop early."""

from dataclasses import dataclass

from .errors import BadBudget

MAX_ITERATIONS = 2**31 - 1
MAX_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits of one attempt.

    Attributes:
        time_limit: seconds of wall time, compilation included; at least one chunk always runs.
        iterations: kernel iterations, a limit that is the same on every machine.
        target: stop as soon as an incumbent is at least this good.
        gap: stop as soon as an incumbent is within so many percent of the proved bound, relative to its magnitude.

    Raises:
        BadBudget: a limit is not positive, not finite, or above its maximum.
    """

    time_limit: float = 10.0
    iterations: int | None = None
    target: float | None = None
    gap: float | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.time_limit, int | float) and 0 < self.time_limit <= MAX_SECONDS):
            msg = f"time_limit must be above 0 and at most {MAX_SECONDS:.0f} seconds; got {self.time_limit!r}"
            raise BadBudget(msg)
        if self.iterations is not None and not (type(self.iterations) is int and 0 < self.iterations <= MAX_ITERATIONS):
            msg = f"iterations must be a whole number between 1 and {MAX_ITERATIONS}; got {self.iterations}"
            raise BadBudget(msg)
        if self.target is not None and not (isinstance(self.target, int | float) and abs(self.target) < float("inf")):
            msg = f"target must be a finite number; got {self.target!r}"
            raise BadBudget(msg)
        if self.gap is not None and not (isinstance(self.gap, int | float) and 0 <= self.gap < float("inf")):
            msg = f"gap must be a finite number of percent, 0 or more; got {self.gap!r}"
            raise BadBudget(msg)
