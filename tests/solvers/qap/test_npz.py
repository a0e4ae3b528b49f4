import io
import zipfile

import numpy as np
import pytest

from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import QAP

SQUARE = np.array([[0, 1], [1, 0]])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read_back(instance, tmp_path, save):
    """Plain and compressed, in Fortran order and other dtypes, with other arrays beside it; the name is the file's."""
    problem = instance("bur26a")
    save(tmp_path / "bur26a.npz", A=np.asfortranarray(problem.A), B=problem.B.astype(np.float32), other=["x"])
    found = QAP.from_npz(tmp_path / "bur26a.npz", mode="enhanced")
    assert found.packed() == problem.packed()
    assert (found.name, found.mode) == ("bur26a", "enhanced")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"A": SQUARE}, "has no B, it holds A"),
        ({"A": SQUARE, "B": np.zeros((2, 3))}, "B in x.npz must be square (n rows of n numbers); got 2 x 3"),
        ({"A": SQUARE, "B": np.zeros(4)}, "square"),
        ({"A": SQUARE, "B": np.zeros((1, 1))}, "between 2 and 2000"),
        ({"A": SQUARE, "B": np.array([["a", "b"], ["c", "d"]])}, "numbers only"),
        ({"A": SQUARE, "B": SQUARE * 1j}, "numbers only"),
        ({"A": SQUARE, "B": np.full((2, 2), np.nan)}, "B must hold finite numbers"),
        ({"A": SQUARE, "B": np.eye(3)}, "same size"),
    ],
)
def test_other_contents_are_named(tmp_path, arrays, said):
    """A matrix that is missing, of another shape or of another kind."""
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BadProblem) as caught:
        QAP.from_npz(tmp_path / "x.npz")
    assert said in str(caught.value)


def test_nothing_is_unpickled(tmp_path):
    """An array of objects is refused by its header; its pickle is not opened."""

    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    np.savez(tmp_path / "x.npz", A=SQUARE, B=np.array([[Trap(), 1], [1, 0]], object), allow_pickle=True)
    with pytest.raises(BadProblem, match="numbers only"):
        QAP.from_npz(tmp_path / "x.npz")


def _array(header: dict) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "numpy.savez"),
        (b"\x93NUMPY\x01\x00", "numpy.savez"),
        (b"PK\x03\x04" + b"\0" * 60, "numpy.savez"),
        ({"B.npy": _array({"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})}, "between 2 and 2000"),
        ({"B.npy": _array({"descr": "<f8", "fortran_order": False, "shape": (1000, 1000)})}, "numpy.savez"),
        ({"B.npy": b"\x93NUMPY\x01\x00\xff\xff{"}, "numpy.savez"),
        ({"B.npy": b"\x93NUMPY\x09\x00\xff\xff{"}, "version 9.0"),
        ({"B.npy": b"text"}, "numpy.savez"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, said):
    """No zip, no array, cut off, or a header that asks for 8 TB: one line, and no memory is taken."""
    path = tmp_path / "x.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, A=SQUARE)
        with zipfile.ZipFile(path, "a") as archive:
            for name, body in content.items():
                archive.writestr(name, body)
    with pytest.raises(BadProblem) as caught:
        QAP.from_npz(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    """A path without a file, and a folder."""
    for path in (tmp_path / "absent.npz", tmp_path):
        with pytest.raises(BadProblem, match="must be readable"):
            QAP.from_npz(path)
