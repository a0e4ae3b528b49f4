"""One byte format for problems, solutions and checkpoints: named arrays, equal content, equal bytes.

Layout: one line of JSON (``[[name, dtype, shape], ...]`` in name order), a newline, then the raw
little-endian C-order bytes of each array in the same order. Nothing in it depends on the clock or on the
platform, so its SHA-256 identifies the content.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .errors import BadInput

Array = NDArray[Any]
_KINDS = frozenset("biuf")


def pack(arrays: Mapping[str, Any]) -> bytes:
    """Serialise named arrays (booleans, integers, floats of any shape) to canonical bytes."""
    header: list[tuple[str, str, tuple[int, ...]]] = []
    bodies: list[bytes] = []
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind not in _KINDS:
            msg = f"only boolean, integer and float arrays can be packed; {name!r} has dtype {array.dtype}"
            raise BadInput(msg)
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        header.append((name, array.dtype.str, array.shape))
        bodies.append(array.tobytes())
    return b"".join((orjson.dumps(header), b"\n", *bodies))


def unpack(content: bytes) -> dict[str, Array]:
    """Read what :func:`pack` wrote; the arrays are read-only views of ``content``.

    Raises:
        BadInput: the bytes are not of this format, or their length does not match the header.
    """
    try:
        end = content.index(b"\n")
        arrays: dict[str, Array] = {}
        at = end + 1
        for name, kind, shape in orjson.loads(content[:end]):
            dtype = np.dtype(kind)
            if dtype.kind not in _KINDS:
                raise ValueError(kind)
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(content, dtype, count, at).reshape(shape)
            at += count * dtype.itemsize
        if at != len(content):
            raise ValueError(at)
    except (ValueError, TypeError) as error:
        msg = f"packed arrays must have a JSON header line and bodies of the length it states; got {len(content)} bytes that do not"
        raise BadInput(msg) from error
    return arrays


def narrow(array: Array) -> Array:
    """The same integers in the smallest signed dtype that holds them (floats are returned as float64)."""
    if array.dtype.kind not in "iu":
        return np.ascontiguousarray(array, dtype="<f8")
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for kind in ("<i1", "<i2", "<i4"):
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return np.ascontiguousarray(array, dtype=kind)
    return np.ascontiguousarray(array, dtype="<i8")
