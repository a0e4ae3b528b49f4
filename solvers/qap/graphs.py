"""Graph matching as a QAP: which node of one graph corresponds to which of the other.

With adjacency matrices A1 and A2, the agreement of a matching P is ``<A1, P A2 P'>``: each edge of the first graph that
lands on an edge of the second counts the product of their weights, once per direction (Conte, Foggia, Sansone and Vento,
International Journal of Pattern Recognition 18 (2004)). Graphs of different sizes are padded with nodes without edges.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import BadProblem
from ..pack import Array
from .evaluate import evaluate
from .matrices import check_size, matrix
from .problem import QAP, Mode


@dataclass(frozen=True, slots=True)
class Matching:
    """Which node matches which.

    Attributes:
        pairs: node of the first graph to node of the second; nodes that were matched with padding are not in it.
        unmatched: the nodes of the larger graph that have no partner.
        agreeing: edges of the first graph that land on an edge of the second (directed edges, where a graph is directed).
        edges: the number of edges of the first and of the second graph. ``agreeing == min(edges)`` is a whole match.
        agreement: ``<A1, P A2 P'>``, the objective negated; twice ``agreeing`` for undirected graphs without weights or loops.
    """

    pairs: Mapping[Hashable, Hashable]
    unmatched: tuple[Hashable, ...]
    agreeing: int
    edges: tuple[int, int]
    agreement: float


@dataclass(frozen=True, eq=False)
class Graphs:
    """Two graphs to be matched: adjacency matrices, or objects with ``nodes`` and ``adjacency()`` such as networkx graphs.

    An edge of an object counts its attribute ``weight``, 1 without one.

    Raises:
        BadProblem: a graph is neither, has parallel edges, or a weight that is not a finite number.
    """

    first: Any
    second: Any
    name: str = ""
    mode: Mode = "auto"

    @cached_property
    def _read(self) -> tuple[tuple[tuple[Hashable, ...], Array], tuple[tuple[Hashable, ...], Array]]:
        return _nodes_and_matrix("the first graph", self.first), _nodes_and_matrix("the second graph", self.second)

    @cached_property
    def problem(self) -> QAP:
        """Minimise ``-<A1, P A2 P'>``; its facilities are the first graph's nodes, its locations the second's."""
        (_, A1), (_, A2) = self._read
        n = max(len(A1), len(A2))
        return QAP(A=-_padded(A1, n), B=_padded(A2, n), name=self.name, mode=self.mode)

    def read(self, solution: Any) -> Matching:
        """What a solution of :attr:`problem` says; raises BadProblem when it is none."""
        problem, ((ones, A1), (twos, A2)) = self.problem, self._read
        p = np.asarray(solution)
        checked = evaluate(problem, p)
        if not checked.feasible:
            raise BadProblem(checked.why)
        pairs = {ones[i]: twos[p[i]] for i in range(len(ones)) if p[i] < len(twos)}
        free = [one for one in ones if one not in pairs]
        taken = set(p[: len(ones)].tolist())
        free += [two for j, two in enumerate(twos) if j not in taken]
        kept = (problem.A != 0) & (problem.B != 0)[np.ix_(p, p)]
        both = _undirected(A1) and _undirected(A2)
        return Matching(
            pairs,
            tuple(free),
            _edges(kept, both=both),
            (_edges(A1, both=both), _edges(A2, both=both)),
            -checked.objective,
        )


def _nodes_and_matrix(what: str, graph: Any) -> tuple[tuple[Hashable, ...], Array]:
    if not (hasattr(graph, "nodes") and callable(getattr(graph, "adjacency", None))):
        if not isinstance(graph, Sequence | np.ndarray):
            raise BadProblem(
                f"{what} must be an adjacency matrix or have nodes and adjacency(); got {type(graph).__name__}"
            )
        A = matrix(what, graph)
        return tuple(range(len(A))), A
    if getattr(graph, "is_multigraph", bool)():
        raise BadProblem(f"{what} must have one edge between two nodes; it is a multigraph: merge parallel edges")
    nodes: Iterable[Hashable] = graph.nodes() if callable(graph.nodes) else graph.nodes
    names = tuple(nodes)
    check_size(len(names))
    index = {node: k for k, node in enumerate(names)}
    rows = [[0.0] * len(names) for _ in names]
    for node, neighbours in graph.adjacency():
        for other, edge in neighbours.items():
            weight = edge.get("weight", 1) if isinstance(edge, Mapping) else edge
            if isinstance(weight, bool) or not isinstance(weight, int | float | np.number):
                raise BadProblem(
                    f"a weight in {what} must be a number; the edge {node!r} - {other!r} has {weight!r}"[:300]
                )
            rows[index[node]][index[other]] = weight  # type: ignore[assignment]
    return names, matrix(what, rows)


def _padded(A: Array, n: int) -> Array:
    return np.pad(A, (0, n - len(A)))


def _undirected(A: Array) -> bool:
    return np.array_equal(A, A.T)


def _edges(A: Array, *, both: bool) -> int:
    """Edges of an adjacency matrix; ``both`` where each stands in it in both directions (a loop stands in it once)."""
    found, loops = np.count_nonzero(A), np.count_nonzero(np.diag(A))
    return int((found + loops) // 2 if both else found)
