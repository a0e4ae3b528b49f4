"""Texts of strangers, made fit for the log: nothing that looks like a secret, no control characters."""

import re
from typing import Final

SECRET: Final = re.compile(
    r"mzn_(?P<prefix>[a-z2-7]{12})\.[A-Za-z0-9_-]+"  # an API key
    r"|eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*"  # a JWT
    r"|(?i:basic|bearer)\s+\S+"  # a header's value
    r"|[A-Za-z0-9_-]{40,}"  # what has the length of a secret: session, refresh token, key
)
LONGEST: Final = 4_096
"""Characters that are looked at; what follows is dropped."""


def redacted(text: str) -> str:
    """The text with secrets replaced by ``[secret]``; of an API key the prefix stays."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:LONGEST])
    return SECRET.sub(lambda found: f"mzn_{found['prefix']}.[secret]" if found["prefix"] else "[secret]", text)
