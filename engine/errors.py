"""Errors of the engine. Every message states the rule, what was got and what to do."""

from mezan.solvers.errors import BadInput, MezanError


class StoreError(MezanError):
    """Raised when the database cannot be used; nothing was written."""

    code = "store"


class NotOurs(StoreError, BadInput):
    """Raised when the file is not a Mezan database."""

    code = "store-not-ours"


class WrongSchema(StoreError, BadInput):
    """Raised when the database is at another migration than this version of Mezan needs."""

    code = "store-schema"


class StoreBusy(StoreError):
    """Raised when another process holds the write lock for too long."""

    code = "store-busy"


class StoreReadOnly(StoreError):
    """Raised when the database file or its folder cannot be written."""

    code = "store-read-only"


class StoreFull(StoreError):
    """Raised when the disk, or the quota, is full."""

    code = "store-full"


class StoreCorrupt(StoreError):
    """Raised when SQLite finds the file malformed, or an artifact does not match its digest."""

    code = "store-corrupt"


class UnreadableEvent(MezanError):
    """Raised when an event's type or schema is not known to this version."""

    code = "unreadable-event"


class WrongExpectedVersion(MezanError):
    """Raised when a stream is not at the version an append expected; ``actual`` is the version it is at."""

    code = "wrong-expected-version"

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        self.stream, self.expected, self.actual = stream, expected, actual
        super().__init__(
            f"stream {stream} must be at version {expected} for this append; it is at {actual}: read it again and retry"
        )


class IdempotencyConflict(BadInput):
    """Raised when an idempotency key is used again for something else."""

    code = "idempotency-conflict"


class LeaseLost(MezanError):
    """Raised when another worker has taken over; this one must stop writing."""

    code = "lease-lost"


class InvalidTransition(MezanError):
    """Raised when a command does not fit the state of a run."""

    code = "invalid-transition"


class RunNotFound(BadInput):
    """Raised when no run has the given id."""

    code = "run-not-found"


class RunFailedError(MezanError):
    """Raised by ``result()`` when the run failed; ``error`` is the recorded code."""

    code = "run-failed"

    def __init__(self, run: str, error: str, message: str) -> None:
        self.run, self.error = run, error
        super().__init__(f"run {run} failed ({error}): {message}")


class RunCancelledError(MezanError):
    """Raised by ``result()`` when the run was cancelled."""

    code = "run-cancelled"


class ProjectionBroken(MezanError):
    """Raised when a projection's fold failed on an event: it stands still until its code is fixed and it is rebuilt."""

    code = "projection-broken"
