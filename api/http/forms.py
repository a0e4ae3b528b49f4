"""Bodies of forms, bounded before they are parsed."""

from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from .asking import media_type
from .problems import Refused

FORM: Final = "application/x-www-form-urlencoded"
LONGEST: Final = 16_384
"""Bytes of a form."""
MOST: Final = 32
"""Fields of a form."""


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """The fields of a form in their order, empty ones too; raises Refused."""
    if (kind := media_type(request)) != FORM:
        raise Refused("unsupported-media-type", f"a form must be sent as {FORM}; got {kind[:80] or 'no type'!r}")
    content = await request.body()
    if len(content) > LONGEST:
        raise Refused("too-large", f"a form must be at most {LONGEST} bytes long; this one has {len(content)}")
    try:
        return parse_qsl(content.decode(), keep_blank_values=True, strict_parsing=bool(content), max_num_fields=MOST)
    except ValueError:
        raise Refused("malformed", f"a form must be name=value pairs, at most {MOST}, joined by & and percent-encoded as UTF-8") from None  # fmt: skip
