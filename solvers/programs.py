"""Compiled programs are forgotten before the process has no room for their memory maps."""

from pathlib import Path

import jax
import structlog

logger = structlog.get_logger(__name__)
SHARE = 0.5
COMPILED = 0.05
"""A first call that took longer than this many seconds compiled something."""
_MAPS, _LIMIT = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")


def maps() -> int:
    """The memory maps of this process; 0 where the system does not say."""
    try:
        return _MAPS.read_bytes().count(b"\n")
    except OSError:
        return 0


def limit() -> int:
    """How many the system allows; Linux's default where it does not say."""
    try:
        return int(_LIMIT.read_text())
    except (OSError, ValueError):
        return 65_530


def make_room() -> None:
    """Forget all compiled programs once half of the memory maps are in use.

    On a CPU each program holds about thirty, and where there is none left LLVM brings the process down. Searches that are under
    way compile again, and go on as they would have.
    """
    used = maps()
    if used > SHARE * limit():
        jax.clear_caches()  # type: ignore[no-untyped-call]
        logger.info("compiled programs forgotten", maps=used, left=maps())
