"""One byte format for problems, solutions and checkpoints: named arrays, equal content, equal bytes.

Layout: one line of JSON (``[[name, dtype, shape], ...]`` in name order), a newline, then the raw
little-endian C-order bytes of each array in the same order. Nothing in it depends on the clock or on the
platform, so its SHA-256 identifies the content.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .errors import BadInput

Array = NDArray[Any]
FEW = 64
"""Numbers up to which Python finds the least and the greatest sooner than NumPy."""
_DTYPES = frozenset({"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8"})


def pack(arrays: Mapping[str, Any]) -> bytes:
    """Serialise named arrays (booleans, integers, floats of any shape) to canonical bytes."""
    header: list[tuple[str, str, tuple[int, ...]]] = []
    bodies: list[bytes] = []
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.str not in _DTYPES:
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype.str not in _DTYPES:
            msg = f"only boolean, integer and float arrays of up to 8 bytes can be packed; {name!r} has dtype {array.dtype}"
            raise BadInput(msg)
        header.append((name, array.dtype.str, array.shape))
        bodies.append(array.tobytes())
    return b"".join((orjson.dumps(header), b"\n", *bodies))


def unpack(content: bytes) -> dict[str, Array]:
    """Read what :func:`pack` wrote; the arrays are read-only views of ``content``.

    Raises:
        BadInput: :func:`pack` cannot have written these bytes.
    """
    try:
        end = content.index(b"\n")
        header = orjson.loads(content[:end])
        if not isinstance(header, list) or orjson.dumps(header) != content[:end]:
            raise ValueError(end)
        if [name for name, _, _ in header] != sorted({n for n, _, _ in header}):
            raise ValueError(end)
        arrays: dict[str, Array] = {}
        at = end + 1
        for name, kind, shape in header:
            arrays[name], at = _read(content, at, name, kind, shape)
        if at != len(content):
            raise ValueError(at)
    except (ValueError, TypeError) as error:
        msg = f"packed arrays must have a JSON header line and bodies of the length it states; got {len(content)} bytes that do not"
        raise BadInput(msg) from error
    return arrays


def _read(content: bytes, at: int, name: Any, kind: Any, shape: Any) -> tuple[Array, int]:
    # the header may be anybody's: nothing in it reaches NumPy before it is known to be what pack writes
    if not isinstance(name, str) or kind not in _DTYPES or not isinstance(shape, list):
        raise ValueError(kind)
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(shape)
    dtype, count = np.dtype(kind), math.prod(shape)
    end = at + count * dtype.itemsize
    if end > len(content):
        raise ValueError(end)
    array: Array = np.frombuffer(content, dtype, count, at) if count else np.empty(0, dtype)
    if kind == "|b1" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError(kind)
    array.setflags(write=False)
    return array.reshape(shape), end


def _extent(array: Array) -> tuple[int, int]:
    """The least and the greatest of whole numbers."""
    if array.size > FEW:
        return int(array.min()), int(array.max())
    numbers = array.ravel().tolist()
    return (min(numbers), max(numbers)) if numbers else (0, 0)


def narrow(array: Array) -> Array:
    """The same integers in the smallest signed dtype that holds them (floats are returned as float64)."""
    if array.dtype.kind not in "iu":
        return np.asarray(array, "<f8", order="C")
    low, high = _extent(array)
    for kind, bits in (("<i1", 7), ("<i2", 15), ("<i4", 31)):
        if -1 << bits <= low and high < 1 << bits:
            return np.asarray(array, kind, order="C")
    if high >= 1 << 63:
        msg = f"whole numbers must be at most {2**63 - 1}; got {high}"
        raise BadInput(msg)
    return np.asarray(array, "<i8", order="C")
