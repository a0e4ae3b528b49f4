"""QAPLIB's two file formats (Burkard, Karisch and Rendl 1997).

``.dat``: n, then the n*n numbers of A, then those of B. ``.sln``: n and an objective, then the permutation,
1-based by convention. Line breaks fall anywhere. Published ``.sln`` files disagree: some have a 0-based
permutation (tai40a), some list facilities by location instead of locations by facility (kra30a, tai60a), some have
a header that their permutation does not evaluate to (kra32). So the header is never believed: the permutation is
evaluated in both readings and the better one counts, which is a true objective either way.
"""

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import BadProblem
from ..pack import Array
from .matrices import MAX_SIZE, check_size

_TOKEN = re.compile(r"\S+")
_FOREIGN = re.compile(r"[^\s0-9+\-.eE]", re.ASCII)
_WIDEST = 32
"""Characters that one number may take, separator included: text longer than this allows is refused unread."""


@dataclass(frozen=True, slots=True)
class Sln:
    """A solution file: the 0-based permutation and its objective, recomputed."""

    permutation: Array
    objective: float


def objective(A: Array, B: Array, p: Array) -> float:
    """``sum_ij A[i, j] * B[p[i], p[j]]``; exact when both matrices are integers (their validation bounds it by 2^53)."""
    return float((A * B[np.ix_(p, p)]).sum())


def read_text(path: Path, what: str = "a QAPLIB file") -> str:
    """The text of a small file; raises BadProblem when it is missing, a directory, too long, or not text."""
    try:
        if path.stat().st_size > _longest(MAX_SIZE):
            raise BadProblem(f"{what} must be at most {_longest(MAX_SIZE)} bytes long; {path.name} is longer")
        content = path.read_bytes()
    except OSError as error:
        raise BadProblem(f"{what} must be readable; {path}: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadProblem(f"{what} must be plain text; {path.name} has a byte at {error.start} that is not") from error
    return text


def parse_dat(text: str) -> tuple[Array, Array]:
    """``A`` and ``B`` from the text of a ``.dat`` file, as float64.

    Raises:
        BadProblem: the text is empty, truncated, followed by more, or holds something that is not a number.
    """
    n = _size(text, ".dat")
    if len(text) > _longest(n):
        raise BadProblem(
            f"a .dat file of size {n} must hold {1 + 2 * n * n} numbers; got {len(text)} characters, too many for that"
        )
    numbers = _numbers(text, 2 * n * n, ".dat", 1)
    return numbers[: n * n].reshape(n, n), numbers[n * n :].reshape(n, n)


def format_dat(A: Array, B: Array) -> str:
    """The text of a ``.dat`` file."""
    blocks = ("\n".join(" ".join(map(repr, row)) for row in M.tolist()) for M in (A, B))
    return f"{A.shape[0]}\n\n" + "\n\n".join(blocks) + "\n"


def parse_sln(text: str, A: Array, B: Array) -> Sln:
    """The permutation of a ``.sln`` file for the instance (A, B), and its recomputed objective.

    Raises:
        BadProblem: the file is of another size, or what follows its header is not a permutation.
    """
    n = _size(text, ".sln")
    if n != A.shape[0]:
        raise BadProblem(f"a .sln file must be of its instance's size {A.shape[0]}; got {n}")
    if len(text) > _WIDEST * (n + 3):
        raise BadProblem(
            f"a .sln file of size {n} must hold {n + 2} numbers; got {len(text)} characters, too many for that"
        )
    p = _numbers(text, n, ".sln", 2)
    for base in (1, 0):
        if np.array_equal(np.sort(p), np.arange(base, n + base)):
            forward = p.astype(np.int64) - base
            readings = [Sln(q, objective(A, B, q)) for q in (forward, np.argsort(forward))]
            return min(readings, key=lambda sln: sln.objective)
    raise BadProblem(
        f"a .sln file must hold a permutation of 1..{n} (or of 0..{n - 1}) after its header; got something else"
    )


def format_sln(p: Array, value: float) -> str:
    """The text of a ``.sln`` file for a 0-based permutation and its objective."""
    shown = int(value) if float(value).is_integer() else value
    return f"{len(p)} {shown!r}\n{' '.join(str(int(x) + 1) for x in p)}\n"


def _longest(n: int) -> int:
    return _WIDEST * (2 * n * n + 2)


def _size(text: str, kind: str) -> int:
    first = _TOKEN.search(text)
    if first is None:
        raise BadProblem(f"a {kind} file must start with its size; got an empty one")
    token = first.group()[:_WIDEST]
    try:
        size = float(token)
    except ValueError:
        size = 0.5
    if _FOREIGN.search(token) or not size.is_integer():
        raise BadProblem(f"a {kind} file must start with its size, a whole number; got {token!r}")
    return check_size(int(size))


def _numbers(text: str, count: int, kind: str, skip: int) -> Array:
    foreign = _FOREIGN.search(text)
    if foreign is not None:
        line = text.count("\n", 0, foreign.start()) + 1
        raise BadProblem(f"a {kind} file must hold numbers only; got {foreign.group()!r} in line {line}")
    tokens = islice(_TOKEN.finditer(text), skip, skip + count + 1)
    try:
        numbers = np.fromiter((float(token.group()) for token in tokens), np.float64)
    except ValueError as error:
        raise BadProblem(f"a {kind} file must hold numbers only; {error}") from error
    if len(numbers) != count:
        got = "more" if len(numbers) > count else f"only {len(numbers)}"
        raise BadProblem(f"a {kind} file of this size must hold {count} numbers after its header; got {got}")
    return numbers
