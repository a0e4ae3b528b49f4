"""The quadratic assignment problem (Koopmans and Beckmann 1957), as users write it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, WithJsonSchema

from ..errors import BadProblem
from ..pack import Array, narrow
from ..problem import Problem
from .arrays import read_npz
from .matrices import MAX_SIZE, MIN_SIZE, check_pair, matrix
from .qaplib import format_dat, parse_dat, parse_sln, read_text
from .tables import read_table

Mode = Literal["auto", "enhanced", "hybrid", "nesterov", "fft", "instance_adaptive", "aggressive"]
"""``auto`` leaves the choice to the policy; each other mode is the solver ``qap.<mode>``."""

_ROWS = {"minItems": MIN_SIZE, "maxItems": MAX_SIZE}
Matrix = Annotated[
    Array,
    WithJsonSchema({"type": "array", "items": {"type": "array", "items": {"type": "number"}, **_ROWS}, **_ROWS}),
]


class QAP(Problem):
    """Minimise ``sum_ij A[i, j] * B[p[i], p[j]]`` over permutations ``p`` (0-based: facility i goes to location p[i]).

    Both matrices may be asymmetric, have a diagonal, and hold negative entries: the objective is defined for all of
    them, and every kernel and bound of this family is valid for all of them. Integral entries (``3`` and ``3.0``)
    are kept as integers, whose objectives are exact.

    Attributes:
        A: flows between facilities, shape (n, n), 2 <= n <= 2000; nested lists or an array.
        B: distances between locations, shape (n, n).
        mode: how to search, where the author of the request knows better than the policy; no part of the instance's identity.

    Raises:
        BadProblem: the mode is none of the seven; a matrix is not square, ragged, not numeric or not finite; the sizes differ; or entries are so
            large that an integer objective could leave +-2^53.
    """

    family: ClassVar[str] = "qap"

    A: Annotated[Matrix, Field(description="Flows between facilities: n rows of n numbers.")]
    B: Annotated[Matrix, Field(description="Distances between locations: n rows of n numbers.")]
    mode: Annotated[Mode, Field(description="How to search; auto leaves it to the policy.")] = "auto"

    def __init__(self, *, A: Any, B: Any, name: str = "", best_known: float | None = None, mode: Mode = "auto") -> None:
        A, B = matrix("A", A), matrix("B", B)
        check_pair(A, B)
        try:
            super().__init__(A=A, B=B, name=name, best_known=best_known, mode=mode)  # type: ignore[call-arg]
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise BadProblem(f"{field} of a QAP is not valid: {first['msg']}; got {first['input']!r}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QAP):
            return NotImplemented
        return (self.name, self.best_known) == (other.name, other.best_known) and self.packed() == other.packed()

    def __hash__(self) -> int:
        return hash(self.packed()[1])

    @property
    def size(self) -> int:
        """Number of facilities."""
        return int(self.A.shape[0])

    @property
    def preferred(self) -> str | None:
        """``qap.<mode>``, or None for ``auto``."""
        return None if self.mode == "auto" else f"qap.{self.mode}"

    def content(self) -> dict[str, Array]:
        """``A`` and ``B``, each in the smallest dtype that holds its integers (float64 for real data)."""
        return {"A": narrow(self.A), "B": narrow(self.B)}

    @classmethod
    def from_content(cls, arrays: Mapping[str, Array], *, name: str = "", best_known: float | None = None) -> Self:
        """Rebuild the instance from :meth:`content`."""
        if set(arrays) != {"A", "B"}:
            raise BadProblem(f"a packed QAP must hold exactly A and B; got {', '.join(sorted(arrays)) or 'nothing'}")
        return cls(A=arrays["A"], B=arrays["B"], name=name, best_known=best_known)

    @classmethod
    def from_text(cls, text: str, name: str = "", *, mode: Mode = "auto") -> Self:
        """Read the text of a QAPLIB ``.dat`` file: n, then A, then B, blanks and line breaks anywhere."""
        A, B = parse_dat(text)
        return cls(A=A, B=B, name=name, mode=mode)

    @classmethod
    def from_qaplib(cls, path: str | Path, *, mode: Mode = "auto") -> Self:
        """Read a QAPLIB ``.dat`` file; a ``.sln`` beside it gives ``best_known``, recomputed from its permutation.

        Raises:
            BadProblem: the file is missing, a directory, not text, truncated, or followed by more numbers.
        """
        path = Path(path)
        problem = cls.from_text(read_text(path), path.stem, mode=mode)
        beside = path.with_suffix(".sln")
        if not beside.exists():
            return problem
        best = parse_sln(read_text(beside), problem.A, problem.B).objective
        return cls(A=problem.A, B=problem.B, name=path.stem, best_known=best, mode=mode)

    @classmethod
    def from_npz(cls, path: str | Path, *, mode: Mode = "auto") -> Self:
        """Read the arrays ``A`` and ``B`` of a NumPy ``.npz`` file; nothing in it is unpickled.

        Raises:
            BadProblem: the file is missing, damaged or no ``.npz`` file, lacks a matrix, or a matrix breaks a rule above.
        """
        A, B = read_npz(path)
        return cls(A=A, B=B, name=Path(path).stem, mode=mode)

    @classmethod
    def from_csv(cls, A: str | Path, B: str | Path, *, mode: Mode = "auto") -> Self:
        """Read a CSV file for each matrix: numbers separated by commas, semicolons or tabs, with or without names.

        The names are left behind; ``Facilities.from_csv`` keeps them. ``name`` is the stem of the first file.

        Raises:
            BadProblem: a file is missing or too long, or a cell is no number; the message names row and column.
        """
        return cls(A=read_table(A).values, B=read_table(B).values, name=Path(A).stem, mode=mode)

    @classmethod
    def from_graphs(cls, first: Any, second: Any, *, name: str = "", mode: Mode = "auto") -> Self:
        """Match two graphs: minimise ``-<A1, P A2 P'>``; node i of the first matches node p[i] of the second.

        Graphs are adjacency matrices, or objects with ``nodes`` and ``adjacency()`` such as networkx graphs; the smaller
        is padded with nodes without edges. ``Graphs`` does the same and reads the answer in nodes and edges.
        """
        from .graphs import Graphs

        matched = Graphs(first, second).problem
        return cls(A=matched.A, B=matched.B, name=name, mode=mode)

    def to_qaplib(self) -> str:
        """The text of a QAPLIB ``.dat`` file that reads back as an equal instance."""
        return format_dat(self.A, self.B)
