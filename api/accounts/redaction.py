"""Texts of strangers, made fit for the log: nothing that looks like a secret, no control characters."""

import re
from typing import Final

CREDENTIAL: Final = re.compile(
    r"mzn_(?P<prefix>[a-z2-7]{12})\.[A-Za-z0-9_-]+"  # an API key
    r"|mz[rs]_[a-z]+_[a-z0-9-]+\.[A-Za-z0-9_-]+"  # a refresh token, a session
    r"|eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)+"  # a JWT
)
LONG: Final = re.compile(
    r"(?i:basic|bearer)\s+\S+"  # a header's value
    r"|[A-Za-z0-9_-]{40,}"  # what has the length of a secret: of a session, a refresh token, a client
)
LONGEST: Final = 4_096
"""Characters that are looked at; what follows is dropped."""


def printable(text: str) -> str:
    """The beginning of a text without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:LONGEST])


def without_credentials(text: str) -> str:
    """The text with API keys and JWTs replaced by ``[secret]``; of a key the prefix stays. Ids stay, however long."""
    return CREDENTIAL.sub(
        lambda found: f"mzn_{found['prefix']}.[secret]" if found["prefix"] else "[secret]", printable(text)
    )


def redacted(text: str) -> str:
    """The text with everything that may be a secret replaced by ``[secret]``: also long words, of which some are digests."""
    return LONG.sub("[secret]", without_credentials(text))
