"""How a snapshot is stored: compressed, and where it pays as what differs from the one before.

A state is cut where canonical JSON has ``],[`` or ``","``, and a delta says which pieces of the base follow each other and which
are new. So equal elements of a long list cost nothing, wherever they moved, and both ways take time linear in the state.
"""

import zlib
from array import array
from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import Final

FULL: Final = b"\0mz1"
DELTA: Final = b"\0mz2"
_HEAD: Final = Struct("<4sQI")
_CUTS: Final = ((b"],[", b"]\n["), (b'","', b'"\n"'))
LEVEL: Final = 3
LONGEST: Final = 16
"""Snapshots that may build on one that stands alone."""


def full(state: bytes) -> bytes:
    """A state alone."""
    return FULL + zlib.compress(state, LEVEL)


def delta(state: bytes, base: bytes, position: int) -> bytes | None:
    """A state as it differs from ``base``, the state at ``position``; None when one of them has no pieces to compare."""
    if b"\n" in state or b"\n" in base:
        return None
    old, new = _pieces(base), _pieces(state)
    where = dict(zip(old, range(len(old)), strict=True))
    size, runs, fresh = len(old), array("q"), []
    expected = start = count = skipped = 0
    for piece, at in zip(new, map(where.get, new), strict=True):
        if at is None:
            if count:
                runs.extend((start - expected, count, skipped))
                expected, start, count, skipped = start + count, 0, 0, 0
            fresh.append(piece)
            skipped += 1
        elif count and (at == (then := start + count) or (then < size and old[then] == piece)):
            count += 1  # where equal pieces are, the run goes on
        else:
            if count:
                runs.extend((start - expected, count, skipped))
                expected, skipped = start + count, 0
            start, count = at, 1
    runs.extend((start - expected, count, skipped))
    literal = b"\n".join(fresh)
    body = len(runs).to_bytes(4, "little") + runs.tobytes() + literal
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
    pieces = _pieces(state)
    for one in stored[1:]:
        pieces = _patched(pieces, one[_HEAD.size :])
    state = b"\n".join(pieces).replace(b"\n", b",")
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


def _patched(pieces: list[bytes], packed: bytes) -> list[bytes]:
    try:
        body = zlib.decompress(packed)
    except zlib.error as error:
        raise ValueError(f"a snapshot must be whole: {error}") from error
    size = 4 + 8 * int.from_bytes(body[:4], "little")
    runs = array("q", body[4:size])
    fresh = body[size:].split(b"\n")
    parts: list[list[bytes]] = []
    at = taken = 0
    for shift, count, skipped in zip(runs[0::3], runs[1::3], runs[2::3], strict=True):
        start = at + shift
        at = start + count
        parts.append(fresh[taken : taken + skipped])
        taken += skipped
        parts.append(pieces[start:at])
    return list(chain.from_iterable(parts))
