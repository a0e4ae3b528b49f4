"""Lines of bounded length from a file descriptor; what is longer is passed over, and told."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

CHUNK = 2**16
EDGE = 400
"""Bytes at both ends of a line that is too long in which its id is looked for."""
_FIRST = re.compile(rb'^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18}|"[^"\\]{1,200}")\s*,')
_LAST = re.compile(rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,200}")\s*\}\s*$')


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line that was not kept; ``id`` is that of the request in it where it stands first or last, as senders write it."""

    length: int
    id: int | str | None


def bounded_lines(fd: int, limit: int) -> Iterator[bytes | TooLong]:
    """Every line up to the end of a file; no more than ``limit`` bytes of one are ever held. Blocks."""
    kept, length, tail = bytearray(), 0, b""
    while chunk := os.read(fd, CHUNK):
        parts = chunk.split(b"\n")
        for i, part in enumerate(parts):
            length += len(part)
            tail = (tail + part)[-EDGE:]
            if length <= limit:
                kept += part
            else:
                kept += part[: max(0, EDGE - len(kept))]
                del kept[EDGE:]
            if i == len(parts) - 1:
                break
            yield bytes(kept) if length <= limit else TooLong(length, id_in(bytes(kept), tail))
            kept, length, tail = bytearray(), 0, b""
    if 0 < length <= limit:
        yield bytes(kept)


def id_in(head: bytes, tail: bytes) -> int | str | None:
    """The id of the request in a line that is not parsed, from its first and last bytes; None where it stands elsewhere."""
    found = _FIRST.search(head) or _LAST.search(tail)
    if found is None:
        return None
    text = found[1].decode(errors="replace")
    return text[1:-1] if text.startswith('"') else int(text)
