"""Instance files, solution files and what is refused of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadProblem
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.knapsack.family import FAMILY
from mezan.solvers.knapsack.formats import MAX_CHARACTERS, write

SAME = {
    "Pisinger": "3\n10\n5 4\n6 5\n7 6\n",
    "Pisinger, one header line": "3 10\n5 4\n6 5\n7 6\n",
    "Pisinger, Windows lines and blanks": "3 \r\n10\r\n\r\n5 4\r\n6  5 \r\n7 6",
    "Jooken": "3\n0 5 4\n1 6 5\n2 7 6\n10\n",
    "Jooken, numbered from 1": "3\n1 5 4\n2 6 5\n3 7 6\n10\n",
    "JSON": '{"values": [5, 6, 7], "weights": [4, 5, 6], "capacity": 10}',
    "byte order mark": "\ufeff3\n10\n5 4\n6 5\n7 6\n",
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_every_format_reads_the_same_instance(text):
    """The formats of the field and JSON give one and the same instance, named after the file."""
    expected = Knapsack(values=[5, 6, 7], weights=[4, 5, 6], capacity=10, name="three")
    assert FAMILY.read(text, "three") == expected


def test_an_optimal_row_becomes_the_best_known_value():
    """A 0/1 row after the items, over one line or several, is evaluated."""
    assert FAMILY.read("3\n10\n5 4\n6 5\n7 6\n1 0 1\n", "x").best_known == 12
    assert FAMILY.read("3\n10\n5 4\n6 5\n7 6\n1 0\n1\n", "x").best_known == 12


REFUSED = {
    "empty": ("", "must start with"),
    "blank": (" \n\n", "must start with"),
    "binary": ("\x00\x01\x7fELF", "line 1"),
    "prose": ("three items", "'three'"),
    "no items": ("0\n10\n", "got 0"),
    "too many items": ("100001\n10\n", "100001"),
    "far too many items": ("9" * 5000, "line 1"),
    "truncated": ("3\n10\n5 4\n6 5\n", "it says 3, and 2 follow"),
    "only a header": ("3\n", "it says 3, and 0 follow"),
    "trailing numbers": ("3\n10\n5 4\n6 5\n7 6\n1 2\n", "got 2 numbers"),
    "row that is no row": ("2\n10\n5 4\n6 5\n1 2\n", "0 and 1"),
    "row that does not fit": ("2\n5\n5 4\n6 5\n1 1\n", "weigh at most 5"),
    "one number too many": ("2\n10\n5 4 9\n6 5\n", "line 3"),
    "fraction": ("1\n10\n5.5 4\n", "'5.5'"),
    "underscore": ("1\n1_0\n5 4\n", "'1_0'"),
    "other digits": ("1\n10\n５ 4\n", "line 3"),
    "negative": ("1\n10\n-5 4\n", "got -5"),
    "Jooken without capacity": ("2\n0 5 4\n1 6 5\n", "capacity"),
    "Jooken with more": ("2\n0 5 4\n1 6 5\n10\n11\n", "nothing else"),
    "Jooken misnumbered": ("2\n0 5 4\n2 6 5\n10\n", "numbered"),
    "broken JSON": ('{"values": [', "JSON"),
    "JSON with NaN": ('{"values": [NaN], "weights": [1], "capacity": 1}', "JSON"),
    "deep JSON": ("{" + '"a":[' * 5000, "JSON"),
    "JSON with a lone surrogate": ('{"a": "\ud800"}', "JSON"),
    "huge": ("1 " * MAX_CHARACTERS, "characters"),
}


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_a_bad_file_is_refused_with_a_short_message(text, says):
    """Truncated, trailing, binary or oversized text raises BadProblem that says where."""
    with pytest.raises(BadProblem) as caught:
        FAMILY.read(text, "x")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


@given(text=st.text(alphabet='0123456789 -\n{}[]",.ae\x00', max_size=60))
def test_no_text_does_more_than_be_refused(text):
    """Any text is an instance or a BadProblem, never another error."""
    try:
        problem = FAMILY.read(text, "x")
    except BadProblem:
        return
    assert problem.size >= 1


@given(
    items=st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=1, max_size=20),
    capacity=st.integers(0, 2**50),
)
def test_what_is_written_reads_back(items, capacity):
    """write and read are inverse, and so is JSON."""
    values, weights = zip(*items, strict=True)
    problem = Knapsack(values=values, weights=weights, capacity=capacity, name="x")
    assert FAMILY.read(write(problem), "x") == problem
    assert FAMILY.read(json.dumps(problem.model_dump()), "other") == problem


@pytest.mark.parametrize("text", ["12", "1 0 1", "12\n1 0 1\n"])
def test_a_solution_file_holds_a_value_a_row_or_both(text):
    """The best known value is read from either."""
    problem = Knapsack(values=[5, 6, 7], weights=[4, 5, 6], capacity=10)
    assert FAMILY.best_known(problem, text) == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "got 0"), ("1 0", "got 2"), ("11 1 0 1", "11 and 12"), ("1 1 1", "weigh"), ("99", "99"), ("x", "'x'")],
)
def test_a_bad_solution_file_is_refused(text, says):
    """A solution file that contradicts the instance or itself is a BadProblem."""
    problem = Knapsack(values=[5, 6, 7], weights=[4, 5, 6], capacity=10)
    with pytest.raises(BadProblem, match=says):
        FAMILY.best_known(problem, text)
