"""What is recognised, and what only looks like it."""

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qap_structures import classes, flows, grid, manhattan, torus, torus_distances, xor

from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.structure import Structure, structure_of, structures_of

FFT = next(solver for solver in FAMILY.solvers if solver.name == "qap.fft")
BLOCK = np.arange(12) < 5
BUILT = {
    "torus": (torus_distances(3, 4), "torus", (3, 4)),
    "circulant": (torus(1, 12, np.arange(12)), "torus", (1, 12)),
    "xor": (xor(np.array([0, 9, 4, 7, 1, 8, 6, 2])), "xor", (8,)),
    "grid": (manhattan(3, 4), "grid", (3, 4)),
    "uneven grid": (grid(flows(3, 1), flows(4, 2)), "grid", (3, 4)),
    "block": (classes(BLOCK, (7, 0, 0, 0)), "subset", (5, 7)),
    "block with a diagonal": (classes(BLOCK, (1, 0, 0, 0), (1, 0)), "subset", (5, 7)),
    "bisection": (classes(np.arange(12) % 2 == 0, (0, 1, 1, 0)), "subset", (6, 6)),
    "directed": (classes(BLOCK, (2, 3, 5, 8)), "subset", (5, 7)),
    "constant": (classes(BLOCK, (2, 2, 2, 2)), "subset", (1, 11)),
}
built = pytest.mark.parametrize(("M", "kind", "shape"), BUILT.values(), ids=BUILT)


@built
@pytest.mark.parametrize("name", ["A", "B"])
@pytest.mark.parametrize("unit", [1, 0.25])
def test_structure_is_found_in_either_matrix(M, kind, shape, name, unit):
    """Integers or reals, flows or distances: the kind and its parameters."""
    other = flows(len(M), 0)
    problem = QAP(**{name: M * unit, "AB".replace(name, ""): other})
    assert structure_of(problem) == Structure(name, kind, shape)
    assert FFT.refuses(problem) is None


@built
def test_one_other_entry_is_no_structure(M, kind, shape):
    """Any single changed entry is noticed, on the diagonal too where the diagonal counts."""
    other = flows(len(M), 0) + np.diag(np.arange(len(M)))
    rng = np.random.default_rng(1)
    cells = [(0, 1), (1, 0), (len(M) - 1, len(M) - 2), (len(M) // 2, 0), *rng.integers(0, len(M), (20, 2)).tolist()]
    for i, j in cells:
        near = M.copy()
        near[i, j] += 1
        if i == j and shape == (1, 11):  # all alike but one on the diagonal: two classes again
            continue
        assert not [found for found in structures_of(QAP(A=near, B=other)) if found.kind == kind], (i, j)


@pytest.mark.parametrize("name", ["torus", "xor", "grid"])
def test_the_order_of_indices_matters(name):
    """A permuted torus, hypercube or grid is not that structure any more, nor is one in another shape's order."""
    M = BUILT[name][0]
    p = np.random.default_rng(3).permutation(len(M))
    other = flows(len(M), 0)
    assert structure_of(QAP(A=M[p][:, p], B=other)) is None
    by_columns = np.arange(12).reshape(3, 4).T.ravel()
    if name != "xor":
        found = structure_of(QAP(A=M[by_columns][:, by_columns], B=other))
        assert found is not None
        assert found.shape == (4, 3)


@given(st.integers(4, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_classes_are_found_in_any_order(n, seed):
    """Any two classes with any four values, and nothing where a member is not alike."""
    rng = np.random.default_rng(seed)
    u = np.zeros(n, bool)
    u[rng.permutation(n)[: rng.integers(2, n - 1)]] = True
    M, other = classes(u, (3, *rng.integers(-2, 3, 3))), flows(n, 5)
    k = int(u.sum())
    found = structure_of(QAP(A=M, B=other))
    assert found is not None
    assert found.kind == "subset"
    assert found.shape in {(min(k, n - k), max(k, n - k)), (1, n - 1)}
    inside = np.flatnonzero(u)
    M[inside[0], inside[1]] = 77
    assert n == 4 or all(s.kind != "subset" for s in structures_of(QAP(A=M, B=other)))


def test_a_diagonal_that_tells_members_apart_is_no_collapse():
    """Unless it meets a constant diagonal: then it adds the same to every objective."""
    M = classes(BLOCK, (1, 0, 0, 0)) + np.diag(np.arange(12))
    assert structure_of(QAP(A=M, B=flows(12, 0) + np.diag(np.arange(12)))) is None
    assert structure_of(QAP(A=M, B=flows(12, 0) + 4 * np.eye(12, dtype=int))) == Structure("A", "subset", (5, 7))


def test_a_refusal_says_what_was_looked_for(draw):
    """One sentence for an instance without structure."""
    why = FFT.refuses(draw(9, 0))
    assert why is not None
    assert all(word in why for word in ("qap.fft", "classes", "torus", "xor", "grid"))


def test_integers_too_large_for_an_exact_transform_are_refused():
    """A torus whose products no float64 transform could give exactly is not taken."""
    B = torus_distances(3, 4) * 2**20
    large = QAP(A=flows(12, 0) * 2**19, B=B)
    assert structure_of(large) == Structure("B", "torus", (3, 4))
    assert "proved exact" in (FFT.refuses(large) or "")
    assert FFT.refuses(QAP(A=flows(12, 0), B=B)) is None


def test_what_was_found_is_not_kept_beyond_the_instance():
    """The memory of structures holds no instance alive, and takes no later one for an earlier."""
    for seed in range(20):
        problem = QAP(A=manhattan(3, 4) if seed % 2 else flows(12, seed), B=flows(12, seed))
        assert (structure_of(problem) is not None) == bool(seed % 2)
        gone = weakref.ref(problem)
        del problem
        assert gone() is None


@pytest.mark.shared
def test_qaplib(shared):
    """The published instances with structure, and none besides."""
    found = {path.stem: structure_of(QAP.from_qaplib(path)) for path in shared}
    kinds = {name: structure.kind for name, structure in found.items() if structure}
    assert {name for name, kind in kinds.items() if kind == "subset"} == {"tai64c", "tai256c", "esc16f"}
    assert {name for name, kind in kinds.items() if kind == "xor"} == {n for n in found if n[:3] == "esc"} - {"esc16f"}
    families = {name.rstrip("abcdef")[:3] for name, kind in kinds.items() if kind == "grid"}
    assert families <= {"nug", "sko", "wil", "tho", "scr", "ste", "chr", "kra"}
    assert {n for n in found if n[:3] in {"sko", "wil", "tho", "scr"}} <= set(kinds)
    assert found["sko100a"] == Structure("A", "grid", (10, 10))
    assert found["tai256c"] == Structure("A", "subset", (92, 164))
    assert structures_of(QAP.from_qaplib(shared[0].with_name("tai256c.dat")))[1] == Structure("B", "torus", (16, 16))
