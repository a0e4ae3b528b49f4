"""Plain values as JSON."""

from typing import Any

import orjson


def encoded(document: Any, *, line: bool = False) -> bytes:
    """JSON in UTF-8, arrays as lists and what JSON does not know as text; ``line`` ends it with a newline."""
    return orjson.dumps(document, default=_plain, option=orjson.OPT_APPEND_NEWLINE if line else None)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
