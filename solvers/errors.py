"""Errors of the solving floor. Every message states the rule, what was got and what to do."""


class MezanError(Exception):
    """Base of every error that Mezan raises on purpose; ``code`` is stable across releases."""

    code = "mezan"


class BadInput(MezanError, ValueError):
    """Raised when something a user gave breaks a stated rule; nothing was recorded."""

    code = "bad-input"


class BadProblem(BadInput):
    """Raised when a problem (or the file it is read from) breaks a rule of its family."""

    code = "bad-problem"


class BadBudget(BadInput):
    """Raised when a time limit, iteration limit or target is out of range."""

    code = "bad-budget"


class UnknownName(BadInput):
    """Raised when a family, solver or policy is not registered; the message lists those that are."""

    code = "unknown-name"


class SolverFailed(MezanError):
    """Raised when a solver broke or returned something its family's evaluator refuses."""

    code = "solver-failed"


class Transient(SolverFailed):
    """Raised by a solver for a failure that a later attempt may not meet (a lost worker, a full device)."""

    code = "transient"


class NoCandidate(BadInput):
    """Raised when every solver of a family refuses a problem, or has already failed on it."""

    code = "no-candidate"
