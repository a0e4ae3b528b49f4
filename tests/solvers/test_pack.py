"""The byte format of problems, solutions and checkpoints."""

import hashlib

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mezan.solvers.errors import BadInput
from mezan.solvers.pack import narrow, pack, unpack

DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8),
    npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)),
    max_size=4,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(arrays=ARRAYS)
def test_arrays_come_back_as_they_were(arrays):
    """Any booleans, integers and floats of any shape and byte order survive, NaN payloads included."""
    again = unpack(pack(arrays))
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert again[name].shape == array.shape
        assert again[name].dtype == array.dtype.newbyteorder("<")
        assert again[name].tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()
        assert not again[name].flags.writeable


@settings(deadline=None)
@given(arrays=ARRAYS)
def test_equal_content_is_equal_bytes(arrays):
    """Neither the order of names, nor memory layout, nor byte order leaves a trace."""
    other = {
        name: np.array(array, array.dtype.newbyteorder(">"), order="F") for name, array in reversed(arrays.items())
    }
    assert pack(other) == pack(arrays)
    assert pack(unpack(pack(arrays))) == pack(arrays)


def test_the_format_has_not_changed():
    """Stored artifacts keep their identity: these bytes and this digest are for ever."""
    content = pack({"b": np.array([[1, 2]], "<i2"), "a": np.array(0.5), "c": [True]})
    assert content == b'[["a","<f8",[]],["b","<i2",[1,2]],["c","|b1",[1]]]\n' + bytes.fromhex(
        "000000000000e03f" + "01000200" + "01"
    )
    assert hashlib.sha256(content).hexdigest().startswith("aacbc61ea1915096")


@pytest.mark.parametrize(
    "array", [np.array(["text"]), np.array([None]), np.array([1j]), np.array(["2026"], "M8[D]"), np.zeros(1, "i4,f8")]
)
def test_other_dtypes_are_refused_by_name(array):
    """Text, objects, complex numbers, dates and records cannot be packed."""
    with pytest.raises(BadInput, match="'odd' has dtype"):
        pack({"odd": array})


HOSTILE = {
    "nothing": b"",
    "no header line": b"[]",
    "binary": b"\x00\xff\n",
    "no list": b"{}\nx",
    "a number": b"1\n",
    "deep": b"[" * 100_000 + b"\n",
    "truncated body": b'[["a","<i4",[2]]]\n1234567',
    "trailing bytes": b'[["a","<i4",[1]]]\n12345',
    "negative length": b'[["a","|i1",[-1]]]\nabc',
    "overflowing shape": b'[["a","|i1",[4294967296,4294967296]]]\n',
    "absurd shape": b'[["a","|i1",[9223372036854775807]]]\n',
    "many dimensions": b'[["a","|i1",[' + b",".join([b"1"] * 100) + b"]]]\nx",
    "objects": b'[["a","|O",[1]]]\n12345678',
    "records": b'[["a","i4,i4",[1]]]\n12345678',
    "no dtype": b'[["a",null,[1]]]\n12345678',
    "big-endian": b'[["a",">i4",[1]]]\n1234',
    "platform integer": b'[["a","int64",[1]]]\n12345678',
    "boolean that is 2": b'[["a","|b1",[1]]]\n\x02',
    "shape no list": b'[["a","|i1",1]]\nx',
    "boolean length": b'[["a","|i1",[true]]]\nx',
    "fractional length": b'[["a","|i1",[1.0]]]\nx',
    "number for a name": b'[[1,"|i1",[1]]]\nx',
    "same name twice": b'[["a","|i1",[1]],["a","|i1",[1]]]\nxy',
    "wrong order": b'[["b","|i1",[1]],["a","|i1",[1]]]\nxy',
    "spaces": b'[["a", "|i1", [1]]]\nx',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_bytes_that_pack_cannot_have_written_are_refused(content):
    """Truncated, extended, malformed and non-canonical bytes are BadInput."""
    with pytest.raises(BadInput, match="packed arrays must have"):
        unpack(content)


@settings(deadline=None)
@given(content=st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(content):
    """Any bytes are arrays that pack to them again, or BadInput."""
    try:
        arrays = unpack(content)
    except BadInput:
        return
    assert pack(arrays) == content


@settings(deadline=None, max_examples=300)
@given(
    header=JSON
    | st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["|i1", "|b1", "<f8"]) | JSON, JSON), max_size=3),
    body=st.binary(max_size=20),
)
def test_no_header_does_more_than_be_refused(header, body):
    """Any JSON for a header is BadInput unless pack writes it so."""
    content = orjson.dumps(header) + b"\n" + body
    try:
        arrays = unpack(content)
    except BadInput:
        return
    assert pack(arrays) == content


@given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_narrow_keeps_integers_in_the_smallest_dtype(values):
    """The same numbers, and no smaller signed dtype would hold them."""
    array = narrow(np.array(values, np.int64))
    assert array.tolist() == values
    smaller = {2: np.int8, 4: np.int16, 8: np.int32}.get(array.dtype.itemsize)
    assert smaller is None or any(not np.iinfo(smaller).min <= v <= np.iinfo(smaller).max for v in values)


def test_narrow_gives_floats_as_float64():
    """Floats of any width become float64."""
    assert narrow(np.array([0.5], np.float32)).dtype == np.dtype("<f8")


@pytest.mark.parametrize("array", [np.array(7), np.array(0.5), np.zeros((0, 2), int), np.eye(3, dtype=int).T])
def test_narrow_keeps_the_shape(array):
    """Scalars stay scalars: NumPy's ascontiguousarray would make them one-dimensional."""
    assert narrow(array).shape == array.shape
    assert np.array_equal(narrow(array), array)


def test_narrow_refuses_integers_beyond_63_bits():
    """An unsigned integer that no signed dtype holds is refused, not wrapped."""
    with pytest.raises(BadInput, match="18446744073709551615"):
        narrow(np.array([2**64 - 1], np.uint64))
