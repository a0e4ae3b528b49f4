"""How a snapshot is stored: compressed, and where it pays as what differs from the one before.

A state is cut where canonical JSON has ``],[`` or ``","``, and a delta says which pieces of the base follow each other and which
are new. So equal elements of a long list cost nothing, wherever they moved, and both ways take time linear in the state.
"""

import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate
from struct import Struct
from typing import Final

FULL: Final = b"\0mz1"
DELTA: Final = b"\0mz2"
_HEAD: Final = Struct("<4sQI")
_CUTS: Final = ((b"],[", b"]\n["), (b'",', b'"\n'))
LEVEL: Final = 3
LONGEST: Final = 8
"""Snapshots that may build on one that stands alone."""


def full(state: bytes) -> bytes:
    """A state alone."""
    return FULL + zlib.compress(state, LEVEL)


def delta(state: bytes, base: bytes, position: int) -> bytes | None:
    """A state as it differs from ``base``, the state at ``position``; None when one of them has no pieces to compare.

    It is a list of (bytes to skip in the base, bytes to take from there, bytes of new text before them), and the new text.
    """
    if b"\n" in state or b"\n" in base:
        return None
    old, new = _pieces(base), _pieces(state)
    starts = list(accumulate(map(len, old), lambda at, size: at + size + 1, initial=0))
    where = dict(zip(old, range(len(old)), strict=True))
    size, runs, fresh = len(old), array("q"), []
    at = start = end = added = 0  # bytes of the base; pieces from start to end; bytes of new text before them
    for piece, found in zip(new, map(where.get, new), strict=True):
        if end > start and end < size and (found == end or old[end] == piece):
            end += 1  # where equal pieces are, the run goes on
            continue
        if end > start:
            runs.extend((starts[start] - at, starts[end] - starts[start], added))
            at, start, end, added = starts[end], 0, 0, 0
        if found is None:
            fresh.append(piece)
            added += len(piece) + 1
        else:
            start, end = found, found + 1
    runs.extend((starts[start] - at, starts[end] - starts[start], added))
    body = len(runs).to_bytes(4, "little") + runs.tobytes() + b",".join([*fresh, b""]).replace(b"\n", b",")
    return _HEAD.pack(DELTA, position, zlib.crc32(state)) + zlib.compress(body, LEVEL)


def base_of(stored: bytes) -> int | None:
    """The position of the state that a stored snapshot is a delta to; None when it stands alone."""
    return _HEAD.unpack_from(stored)[1] if stored.startswith(DELTA) and len(stored) >= _HEAD.size else None


def restore(stored: Sequence[bytes]) -> bytes:
    """A state from its snapshot and those that it builds on, the one that stands alone first.

    Raises:
        ValueError: they are damaged or do not belong together.
    """
    state = _alone(stored[0])
    if len(stored) == 1:
        return state
    for one in stored[1:]:
        state = _patched(state, one[_HEAD.size :])
    if zlib.crc32(state) != _HEAD.unpack_from(stored[-1])[2]:
        raise ValueError("a delta must be applied to the state that it was made from; that one has changed")
    return state


def _alone(stored: bytes) -> bytes:
    if stored.startswith(DELTA):
        raise ValueError("a delta must come after the snapshot that it builds on")
    if not stored.startswith(FULL):
        return stored
    try:
        return zlib.decompress(stored[len(FULL) :])
    except zlib.error as error:
        raise ValueError(f"a snapshot must be whole: {error}") from error


def _pieces(state: bytes) -> list[bytes]:
    for text, cut in _CUTS:
        state = state.replace(text, cut)
    return state.split(b"\n")


def _patched(state: bytes, packed: bytes) -> bytes:
    try:
        body = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError(f"a snapshot must be whole: {error}") from error
    taken = 4 + 8 * int.from_bytes(body[:4], "little")
    runs = array("q", body[4:taken])
    base, text = memoryview(state + b","), memoryview(body)
    parts: list[memoryview] = []
    at = 0
    for skipped, size, added in zip(runs[0::3], runs[1::3], runs[2::3], strict=True):
        at += skipped
        parts += (text[taken : taken + added], base[at : at + size])
        at += size
        taken += added
    return b"".join(parts)[:-1]
