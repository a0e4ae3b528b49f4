"""What two JSON values differ in."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

Json = dict[str, Any]
MISSING = object()
SHORT = 200
"""Characters of a value that are shown."""


def differences(before: Any, after: Any, most: int = 50) -> tuple[list[Json], bool]:
    """Up to ``most`` paths where two values differ, each with both sides, and whether there are more."""
    found = list(islice(_walk("", before, after), most + 1))
    return found[:most], len(found) > most


def _walk(path: str, before: Any, after: Any) -> Iterator[Json]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _walk(f"{path}/{key}", before.get(key, MISSING), after.get(key, MISSING))
    elif isinstance(before, list) and isinstance(after, list):
        for i in range(max(len(before), len(after))):
            yield from _walk(
                f"{path}/{i}", before[i] if i < len(before) else MISSING, after[i] if i < len(after) else MISSING
            )
    elif before is MISSING or after is MISSING or before != after:
        yield {"path": path or "/", "before": _shown(before), "after": _shown(after)}


def _shown(value: Any) -> Any:
    if value is MISSING:
        return None
    if isinstance(value, (dict, list, str)):
        text = value if isinstance(value, str) else repr(value)
        return text if len(text) <= SHORT else f"{text[:SHORT]}…"
    return value
