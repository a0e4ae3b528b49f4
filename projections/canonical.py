"""Canonical JSON: equal values, equal bytes."""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """JSON with sorted keys; floats in their shortest form that reads back the same."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def loads(content: bytes) -> Any:
    """What :func:`dumps` wrote."""
    return orjson.loads(content)
