import subprocess
import sys

import numpy as np
import pytest

from mezan.solvers.errors import BadProblem
from mezan.solvers.pack import unpack
from mezan.solvers.qap import QAP
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY

SQUARE = [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("A", "B", "said"),
    [
        ([[1, 2], [3]], SQUARE, "A must be a square matrix"),
        ([[1, 2, 3], [4, 5, 6]], SQUARE, "A must be square"),
        ([1, 2], SQUARE, "A must be square"),
        (7, SQUARE, "A must be square"),
        (SQUARE, np.eye(3), "same size; got 2 and 3"),
        ([[1]], [[1]], "between 2 and 2000 facilities; got 1"),
        ([], [], "between 2 and 2000 facilities; got 0"),
        ([[0]] * 2001, SQUARE, "got 2001"),
        ([[0, float("nan")], [1, 0]], SQUARE, "finite numbers; got nan in row 1, column 2"),
        (SQUARE, [[0, 1], [float("inf"), 0]], "B must hold finite numbers; got inf in row 2, column 1"),
        ([["0", "1"], ["1", "0"]], SQUARE, "numbers only"),
        ([[0, None], [1, 0]], SQUARE, "numbers only"),
        ([[0, 1j], [1, 0]], SQUARE, "numbers only"),
        ([[0, 10**30], [1, 0]], SQUARE, "within 2^53"),
        ([[0, 1e20], [1, 0]], SQUARE, "within 2^53"),
        ([[0, 2**40], [1, 0]], [[0, 2**13], [1, 0]], "scale them down"),
        ([[0, 1e150], [0.5, 0]], [[0, 1e150], [0.5, 0]], "scale them down"),
    ],
)
def test_a_bad_matrix_is_named(A, B, said):
    """Every broken rule is one line that names the matrix and what was got."""
    with pytest.raises(BadProblem) as caught:
        QAP(A=A, B=B)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("extra", [{"best_known": float("nan")}, {"best_known": "low"}, {"name": 3}])
def test_bad_descriptions_are_named(extra):
    """What describes an instance is checked too, and the error names the field."""
    with pytest.raises(BadProblem, match=next(iter(extra))):
        QAP(A=SQUARE, B=SQUARE, **extra)


def test_equal_instances_have_equal_digests():
    """Lists, floats that are whole, negative zeros and any dtype give the same identity; the name is not part of it."""
    plain = QAP(A=[[0, 3], [3, 0]], B=[[0, 1.5], [0, 0]])
    other = QAP(A=np.array([[0.0, 3.0], [3.0, -0.0]]), B=np.array([[-0.0, 1.5], [0, 0]], np.float32), name="x")
    assert plain.packed() == other.packed()
    assert plain != other
    assert plain.content()["A"].dtype == np.int8


def test_content_rebuilds_the_instance(instance):
    """Packing and unpacking give an equal instance with an equal hash."""
    problem = instance("bur26a")
    again = QAP.from_content(unpack(problem.packed()[0]), name=problem.name, best_known=problem.best_known)
    assert again == problem
    assert hash(again) == hash(problem)
    with pytest.raises(BadProblem, match="exactly A and B"):
        QAP.from_content({"A": problem.A})


def test_instances_cannot_be_changed(instance):
    """The matrices of an instance are read-only."""
    with pytest.raises(ValueError, match="read-only"):
        instance("nug12").A[0, 1] = 5


def test_json_requests():
    """A decoded request gives an instance; unknown and missing members are named."""
    problem = FAMILY.from_json({"A": SQUARE, "B": SQUARE, "name": "pair", "best_known": 2})
    assert (problem.name, problem.best_known, problem.size) == ("pair", 2.0, 2)
    with pytest.raises(BadProblem, match="missing B"):
        FAMILY.from_json({"A": SQUARE})
    with pytest.raises(BadProblem, match="unknown 'C'"):
        FAMILY.from_json({"A": SQUARE, "B": SQUARE, "C": 1})


MODES = ("enhanced", "hybrid", "nesterov", "fft", "instance_adaptive", "aggressive")


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_asks_for_a_solver_and_changes_nothing_else(mode, tmp_path):
    """From Python, from JSON, from text and from a file; the instance stays the same one."""
    plain, asked = QAP(A=SQUARE, B=SQUARE), QAP(A=SQUARE, B=SQUARE, mode=mode)
    assert plain.preferred is None
    assert asked.preferred == f"qap.{mode}"
    assert asked == plain
    assert hash(asked) == hash(plain)
    assert asked.packed() == plain.packed()
    assert FAMILY.from_json({"A": SQUARE, "B": SQUARE, "mode": mode}).mode == mode
    assert QAP.from_text(plain.to_qaplib(), mode=mode).mode == mode
    (tmp_path / "pair.dat").write_text(plain.to_qaplib())
    (tmp_path / "pair.sln").write_text("2 2\n1 2\n")
    read = QAP.from_qaplib(tmp_path / "pair.dat", mode=mode)
    assert (read.mode, read.best_known) == (mode, 2.0)


@pytest.mark.parametrize("mode", ["magic", "", "HYBRID", None, 7])
def test_an_unknown_mode_is_refused_with_the_seven_there_are(mode):
    """The error names them all."""
    with pytest.raises(BadProblem) as caught:
        QAP(A=SQUARE, B=SQUARE, mode=mode)
    for known in ("auto", *MODES):
        assert f"'{known}'" in str(caught.value)


def test_the_evaluator_follows_the_definition():
    """The objective is sum A[i, j] B[p_i, p_j], with diagonals and asymmetry."""
    problem = QAP(A=[[1, 2], [3, 4]], B=[[10, 20], [30, 40]])
    assert evaluate(problem, np.array([1, 0])).objective == 1 * 40 + 2 * 30 + 3 * 20 + 4 * 10


def test_the_evaluator_is_exact_at_the_limit():
    """An integer objective near 2^53 is not rounded."""
    big = 2**50 + 1
    assert evaluate(QAP(A=[[0, big], [0, 0]], B=[[0, 1], [3, 0]]), np.array([1, 0])).objective == 3 * big


@pytest.mark.parametrize("solution", [[0, 0], [0, 2], [-1, 0], [0], [0.0, 1.0], [[0, 1]], [True, False]])
def test_what_is_not_a_permutation_is_infeasible(solution):
    """Repeated, missing, fractional or misshapen places are refused with a reason."""
    checked = evaluate(QAP(A=SQUARE, B=SQUARE), np.array(solution))
    assert not checked.feasible
    assert checked.why


def test_the_family_is_light():
    """Importing the family loads no JAX."""
    code = "import sys, mezan.solvers.qap.family; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
