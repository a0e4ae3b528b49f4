"""What only our own process may set: where compiled programs are kept, and who hears of warnings."""

import logging
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any


def keep_programs() -> None:
    """Let JAX keep compiled programs between processes, small ones too; call before JAX is imported."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mezan" / "jax"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # a home that cannot be written only costs compile time
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def listen(*, verbose: bool = False) -> None:
    """Send our log lines to stderr: warnings and up, or everything from info with ``verbose``."""
    import structlog

    tracebacks: Any = structlog.processors.format_exc_info if verbose else _without_traceback
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            tracebacks,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO if verbose else logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _without_traceback(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The recorded event says what failed; a traceback is for ``--verbose``."""
    event.pop("exc_info", None)
    return event
