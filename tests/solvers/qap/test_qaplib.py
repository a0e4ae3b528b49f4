import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import QAP
from mezan.solvers.qap.family import FAMILY
from mezan.solvers.qap.qaplib import format_sln, parse_sln

PAIR = QAP(A=[[0, 1], [2, 0]], B=[[0, 3], [4, 0]])
OPTIMA = {
    "bur26a": 5426670,
    "chr12a": 9552,
    "esc16a": 68,
    "had12": 1652,
    "nug12": 578,
    "rou12": 235528,
    "tai12a": 224416,
}


@pytest.mark.parametrize("name", sorted(OPTIMA))
def test_best_known_comes_from_the_solution_file(instance, name):
    """Reading a .dat with a .sln beside it recomputes the published optimum."""
    assert instance(name).best_known == OPTIMA[name]


@pytest.mark.parametrize(
    "text",
    [
        "2 0 1 2 0 0 3 4 0",
        "2\r\n\r\n0 1\r\n2 0\r\n\r\n0 3\r\n4 0\r\n",
        "\n\n 2\n0\n1\n2\t0 0\n3 4\n0\n\n\n",
        "2.0\n0. 1.0\n2e0 0\n0 +3\n4 -0.0   ",
    ],
)
def test_layout_does_not_matter(text):
    """Line breaks, tabs, blank lines, CRLF and whole numbers written as reals all read as the same instance."""
    assert QAP.from_text(text) == PAIR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("  \n ", "empty"),
        ("two 0 1", "got 'two'"),
        ("2.5 0 1", "whole number"),
        ("1 0 0", "got 1"),
        ("-3 0 0", "got -3"),
        ("999999999 0 0", "got 999999999"),
        ("1e999 0", "whole number"),
        ("2 0 1 2 0 0 3 4", "only 7"),
        ("2 0 1 2 0 0 3 4 0 5", "got more"),
        ("2 0 1 2 0 0 3 4 0 the end", "got 't' in line 1"),
        ("2\n0 1\n2 nan 0 3 4 0", "got 'n' in line 3"),
        ("2 0 1 2 0 0 3 4 1-2", "1-2"),
        ("2 0 1 2 0 0 3 4 1_0", "got '_'"),
        ("2 0 1 2 0 0 3 4 ٣", "line 1"),
        ("2 " + "0 " * 5000, "too many"),
        ("2 0 1 2 0 0 3 4 1e999", "finite"),
    ],
)
def test_bad_files_are_refused(text, said):
    """Truncated, trailing, huge or foreign text is an error that says where."""
    with pytest.raises(BadProblem, match=said):
        QAP.from_text(text)


def test_what_is_not_a_text_file_is_refused(tmp_path):
    """A directory, a missing file, binary content and another encoding each have their message."""
    with pytest.raises(BadProblem, match="readable"):
        QAP.from_qaplib(tmp_path)
    with pytest.raises(BadProblem, match="readable"):
        QAP.from_qaplib(tmp_path / "absent.dat")
    for name, content, said in [
        ("binary", b"\x00\xff\xfe", "plain text"),
        ("utf16", "2 0 1 2 0 0 3 4 0".encode("utf-16"), "plain text"),
        ("nul", b"2 0 1 \x00 2", "whole number|numbers only"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadProblem, match=said):
            QAP.from_qaplib(tmp_path / name)


def test_a_huge_file_is_refused_unread(tmp_path):
    """A file longer than any instance is refused by its size alone."""
    with (tmp_path / "huge.dat").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(BadProblem, match="longer"):
        QAP.from_qaplib(tmp_path / "huge.dat")


@given(st.integers(2, 5), st.data())
def test_files_round_trip(n, data):
    """Writing and reading an instance gives an equal one, integers and reals alike."""
    numbers = st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_subnormal=False))
    A, B = (data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=n, max_size=n)) for _ in range(2))
    problem = QAP(A=A, B=B)
    assert QAP.from_text(problem.to_qaplib()) == problem


def test_solutions_round_trip():
    """A written .sln reads back with its recomputed objective."""
    p = np.array([1, 0])
    text = format_sln(p, FAMILY.evaluate(PAIR, p).objective)
    assert text == "2 10\n2 1\n"
    assert parse_sln(text, PAIR.A, PAIR.B).permutation.tolist() == [1, 0]
    assert FAMILY.best_known is not None
    assert FAMILY.best_known(PAIR, text) == 10


def test_zero_based_inverse_and_mislabelled_solutions_are_understood(instance):
    """A 0-based permutation, its inverse and a wrong header give the same recomputed value."""
    problem = instance("nug12")
    text = "12 578\n12 7 9 3 4 8 11 1 5 6 10 2\n"
    p = parse_sln(text, problem.A, problem.B).permutation
    for q in (p, np.argsort(p)):
        assert parse_sln("12 9999 " + " ".join(map(str, q)), problem.A, problem.B).objective == 578


@pytest.mark.parametrize(
    "text", ["3 1\n1 2 3", "2 1\n1 1", "2 1\n1", "2 1\n1 2 1", "2 1\n1 1.5", "2 1\none two", "2" + " 1" * 999]
)
def test_bad_solution_files_are_refused(text):
    """Another size, a repeated place, and missing or trailing numbers are errors."""
    with pytest.raises(BadProblem):
        parse_sln(text, PAIR.A, PAIR.B)


@pytest.mark.shared
def test_all_of_qaplib_reads(shared):
    """Every instance reads, round-trips, and its .sln gives the best known value (tai100a: a published permutation)."""
    with (shared[0].parent / "best_known.csv").open() as file:
        best = {row["instance"]: float(row["best_known"]) for row in csv.DictReader(file)}
    best["tai100a"] = 21052466  # the permutation of its .sln is not the best known one
    for path in shared:
        problem = QAP.from_qaplib(path)
        assert problem.best_known == best[problem.name], problem.name
        assert QAP.from_text(problem.to_qaplib(), problem.name).packed() == problem.packed()
