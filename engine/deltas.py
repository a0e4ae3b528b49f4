"""How a snapshot is stored: compressed, and where it pays as what differs from the one before.

A state is cut where canonical JSON has ``],[`` or ``","``, and a delta says which pieces of the base follow each other and which
are new. So equal elements of a long list cost nothing, wherever they moved. Pieces that are new are cut again at every comma, and
compared with the pieces of the base that are gone. Both ways take time linear in the state.
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
_CUTS: Final = ((b'],[\\"', b']\0[\\"'), (b"],[", b"]\n["), (b'","', b'"\n"'))
"""Each comma that is cut at becomes a line feed; those of lists inside strings are left."""
LEAST: Final = 12
"""Bytes that are worth being taken from somewhere else in the base."""
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
    if any(special in one for one in (state, base) for special in (b"\n", b"\0")):
        return None
    old, new = _pieces(base), _pieces(state)
    starts = list(accumulate(map(len, old), lambda at, size: at + size + 1, initial=0))
    where, still = dict(zip(old, starts, strict=False)), set(new)
    gone: dict[bytes, int] = {}
    for piece, at in zip(old, starts, strict=False):
        if piece not in still:
            for part in _parts(piece):
                gone[part] = at
                at += len(part) + 1  # noqa: PLW2901 - where the next part begins
    edits = _Edits(base + b",")
    for piece, found in zip(new, map(where.get, new), strict=True):
        if found == edits.end:  # it follows what was taken last
            edits.end += len(piece) + 1
        elif found is not None:
            edits.piece(piece.replace(b"\0", b","), found)
        else:
            for part in _parts(piece):
                edits.piece(part, gone.get(part) if len(part) >= LEAST else None)
    body = edits.packed()
    return _HEAD.pack(DELTA, position, zlib.crc32(state)) + zlib.compress(body, LEVEL)


class _Edits:
    """A list of what to take from the base, the last of it up to ``end``, and of new text; each piece with the comma behind it."""

    def __init__(self, base: bytes) -> None:
        self._base = base
        self._runs, self._fresh = array("q"), bytearray()
        self._at = self._start = self.end = self._added = 0

    def piece(self, piece: bytes, found: int | None) -> None:
        """One more piece: from ``found``, or from where the last one ended if it is there as well."""
        end = self.end
        if end > self._start and (found == end or self._base.startswith(piece + b",", end)):
            self.end = end + len(piece) + 1
            return
        if end > self._start:
            self._close()
        if found is None:
            self._fresh += piece
            self._fresh += b","
            self._added += len(piece) + 1
        else:
            self._start, self.end = found, found + len(piece) + 1

    def packed(self) -> bytes:
        """Everything so far."""
        self._close()
        return len(self._runs).to_bytes(4, "little") + self._runs.tobytes() + self._fresh

    def _close(self) -> None:
        start, end = self._start, self.end
        self._runs.extend((start - self._at, end - start, self._added))
        self._at, self._start, self.end, self._added = end, end, end, 0


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


def _parts(piece: bytes) -> list[bytes]:
    return piece.replace(b"\0", b",").split(b",")


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
