from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import QAP, Graphs
from mezan.solvers.qap.evaluate import evaluate

PATH = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


class Graph:
    """An undirected graph in the form of networkx: nodes, and neighbours with attributes."""

    def __init__(self, nodes, edges, **attributes):
        self.nodes = tuple(nodes)
        self.neighbours = {node: {} for node in self.nodes}
        for a, b in edges:
            self.neighbours[a][b] = self.neighbours[b][a] = attributes

    def adjacency(self):
        return iter(self.neighbours.items())


def best(problem: QAP) -> np.ndarray:
    return min(map(np.array, permutations(range(problem.size))), key=lambda p: evaluate(problem, p).objective)


def test_isomorphic_graphs_are_matched_whole():
    """The optimum maps a relabelled graph onto the original: every edge agrees, and the pairs are an isomorphism."""
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("b", "d"), ("d", "e")]
    renamed = {"a": 4, "b": 2, "c": 0, "d": 1, "e": 3}
    graphs = Graphs(Graph("abcde", edges), Graph(range(5), [(renamed[x], renamed[y]) for x, y in edges]))
    p = best(graphs.problem)
    found = graphs.read(p)
    assert (found.agreeing, found.edges, found.agreement, found.unmatched) == (5, (5, 5), 10.0, ())
    mapped = {frozenset((found.pairs[x], found.pairs[y])) for x, y in edges}
    assert mapped == {frozenset((renamed[x], renamed[y])) for x, y in edges}


@given(data=st.data())
def test_the_objective_is_the_agreement_of_the_definition(data):
    """For weighted digraphs of different sizes: `-<A1, P A2 P'>` over the nodes that have a partner, either way round."""
    n, m = data.draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    weight = st.integers(-3, 3)
    A1, A2 = (
        np.array(data.draw(st.lists(st.lists(weight, min_size=k, max_size=k), min_size=k, max_size=k))) for k in (n, m)
    )
    p = np.array(data.draw(st.permutations(range(max(n, m)))))
    graphs = Graphs(A1, A2)
    found = graphs.read(p)
    matched = [(i, int(p[i])) for i in range(n) if p[i] < m]
    terms = [A1[i, j] * A2[k, q] for i, k in matched for j, q in matched]
    assert found.agreement == sum(terms) == -evaluate(QAP.from_graphs(A1, A2), p).objective
    assert found.pairs == dict(matched)
    assert len(found.unmatched) == abs(len(found.pairs) - n) + abs(len(found.pairs) - m)
    if not ((A1 == A1.T).all() and (A2 == A2.T).all()):
        assert found.agreeing == np.count_nonzero(terms)


def test_the_smaller_graph_is_padded():
    """A triangle in a bigger graph is found, and the nodes left over are named."""
    bigger = Graph("wxyz", [("w", "x"), ("x", "y"), ("y", "z"), ("x", "z")])
    graphs = Graphs([[0, 1, 1], [1, 0, 1], [1, 1, 0]], bigger)
    found = graphs.read(best(graphs.problem))
    assert found.agreeing == 3
    assert set(found.pairs.values()) == set("xyz")
    assert found.unmatched == ("w",)
    assert found.edges == (3, 4)


def test_weights_and_loops_count():
    """An edge counts its weight, and a loop is one edge."""
    heavy = Graph("ab", [("a", "b"), ("a", "a")], weight=2.5)
    found = Graphs(heavy, heavy).read([0, 1])
    assert (found.agreeing, found.edges, found.agreement) == (2, (2, 2), 3 * 2.5**2)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (7, "the first graph must be an adjacency matrix or have nodes"),
        ([[0, 1, 0], [1, 0, 1]], "the first graph must be square"),
        (Graph("ab", [("a", "b")], weight="long"), "the edge 'a' - 'b' has 'long'"),
        (Graph("ab", [("a", "b")], weight=float("nan")), "finite"),
        (Graph("a", []), "between 2 and 2000"),
    ],
)
def test_what_is_no_graph_is_refused(first, said):
    """The error says which of the two and what was got."""
    with pytest.raises(BadProblem) as caught:
        QAP.from_graphs(first, PATH)
    assert said in str(caught.value)


def test_what_is_no_solution_is_refused():
    """A matching is read from a permutation only."""
    with pytest.raises(BadProblem, match="exactly once"):
        Graphs(PATH, PATH).read([0, 0, 1])


def test_networkx_graphs_are_taken():
    """A digraph of the library itself, where it is installed; multigraphs are refused."""
    networkx = pytest.importorskip("networkx")
    cycle = networkx.DiGraph([("a", "b"), ("b", "c"), ("c", "a")])
    found = Graphs(cycle, networkx.relabel_nodes(cycle, str.upper)).read([0, 1, 2])
    assert found.pairs == {"a": "A", "b": "B", "c": "C"}
    assert (found.agreeing, found.agreement) == (3, 3.0)
    with pytest.raises(BadProblem, match="multigraph"):
        QAP.from_graphs(networkx.MultiGraph([("a", "b")]), PATH)
