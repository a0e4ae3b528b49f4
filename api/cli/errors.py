"""Every error becomes one line and an exit code; no traceback ever reaches a user."""

import os
import sys

DONE, CHECK_FAILED, BAD_INPUT, RUN_FAILED = 0, 1, 2, 3
INTERRUPTED = 130
BROKEN_PIPE = 141


def leaf(error: BaseException) -> BaseException:
    """The first error inside a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def one_line(error: BaseException) -> str:
    """The message on one line, free of control characters."""
    shown = getattr(error, "format_message", None)  # the command line parser's own errors
    text = shown() if callable(shown) else str(error)
    return " ".join("".join(c if c.isprintable() else " " for c in text or type(error).__name__).split())


def exit_code(error: BaseException) -> int:
    """2: what was given is wrong (the request, a file, the database); 3: the run, or mezan itself, failed."""
    if hasattr(error, "format_message"):
        return BAD_INPUT
    from mezan.engine.errors import ProjectionBroken, StoreError, UnreadableEvent
    from mezan.solvers.errors import BadInput

    if isinstance(error, ProjectionBroken):
        return CHECK_FAILED
    return BAD_INPUT if isinstance(error, BadInput | StoreError | UnreadableEvent) else RUN_FAILED


def report(error: BaseException) -> int:
    """Print one line about an error on stderr and return the exit code."""
    error = leaf(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # what reads our output has closed: nobody is left to tell, and flushing at exit would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if type(error).__name__ == "NoArgsIsHelpError":
        return BAD_INPUT  # the help has been printed
    from mezan.solvers.errors import MezanError

    text = one_line(error)
    if not isinstance(error, MezanError) and not hasattr(error, "format_message"):
        text = f"mezan itself failed ({type(error).__name__}): {text}; set MEZAN_DEBUG=1 to see where"
    sys.stderr.write(f"error: {text}\n")
    return exit_code(error)
