"""Two matrices in a NumPy ``.npz`` file. What the file says of itself is checked before anything is read by it."""

import zipfile
import zlib
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy

from ..errors import BadProblem
from ..pack import Array
from .matrices import check_size

MATRICES = ("A", "B")


def read_npz(source: str | Path | BinaryIO, name: str = "") -> tuple[Array, Array]:
    """``A`` and ``B`` of a ``.npz`` file as ``numpy.savez(path, A=..., B=...)`` writes it; other arrays are not looked at.

    ``source`` is its path, or the open file, which messages call ``name``.

    Nothing is unpickled, and an array's header is checked before memory is taken for it, so a small file cannot ask for
    a large one.

    Raises:
        BadProblem: the file is missing, not a ``.npz`` file, damaged, or lacks a matrix.
    """
    called = Path(source).name if isinstance(source, str | Path) else name
    try:
        with zipfile.ZipFile(source) as archive:
            A, B = (_matrix(archive, one, called) for one in MATRICES)
    except OSError as error:
        at = source if isinstance(source, str | Path) else name
        raise BadProblem(f"a .npz file must be readable; {at}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        if isinstance(error, BadProblem):
            raise
        raise BadProblem(f"a .npz file must be what numpy.savez writes; {called} is not: {error}") from error
    return A, B


def _matrix(archive: zipfile.ZipFile, name: str, source: str) -> Array:
    try:
        with archive.open(f"{name}.npy") as member:
            _check_header(member, f"{name} in {source}")
    except KeyError:
        held = ", ".join(sorted(Path(n).stem for n in archive.namelist())[:8]) or "nothing"
        raise BadProblem(
            f"a .npz file must hold the arrays A and B; {source} has no {name}, it holds {held[:200]}"
        ) from None
    with archive.open(f"{name}.npy") as member:
        read: Array = npy.read_array(member, allow_pickle=False)
    return read


def _check_header(member: IO[bytes], what: str) -> None:
    version = npy.read_magic(member)
    if version not in {(1, 0), (2, 0)}:
        raise BadProblem(f"{what} must be an array of numbers; its format is version {version[0]}.{version[1]}")
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(member)
    if np.dtype(dtype).kind not in "biuf":
        raise BadProblem(f"{what} must hold numbers only; got entries of type {dtype}")
    if len(shape) != 2 or shape[0] != shape[1]:
        got = " x ".join(map(str, shape)) or "a single number"
        raise BadProblem(f"{what} must be square (n rows of n numbers); got {got}")
    check_size(shape[0])
