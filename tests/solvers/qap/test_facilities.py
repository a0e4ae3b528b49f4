import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.errors import BadProblem
from mezan.solvers.qap import Facilities
from mezan.solvers.qap.evaluate import evaluate

FLOWS = [[0, 3, 0], [3, 0, 1], [0, 1, 0]]
AWAY = [[0, 2, 5], [2, 0, 4], [5, 4, 0]]


def test_an_answer_is_in_names():
    """Worked out by hand: who goes where, what each costs, and the pairs in the order of their cost."""
    found = Facilities(FLOWS, AWAY, ["saw", "drill", "paint"], ["north", "south", "yard"]).read([2, 0, 1])
    assert found.location_of == {"saw": "yard", "drill": "north", "paint": "south"}
    assert found.cost == 2 * (3 * 5 + 1 * 2)
    assert [(p.facility, p.location, p.cost) for p in found.placed] == [
        ("drill", "north", 17),
        ("saw", "yard", 15),
        ("paint", "south", 2),
    ]
    assert [(p.facility, p.other, p.flow, p.distance, p.cost) for p in found.pairs()] == [
        ("saw", "drill", 6, 5, 30),
        ("drill", "paint", 2, 2, 4),
    ]
    assert found.pairs(1)[0].share == pytest.approx(30 / 34)


@given(data=st.data(), symmetric=st.booleans())
def test_the_parts_add_up_to_the_whole(data, symmetric):
    """Costs of facilities and of pairs each sum to the objective, with diagonals, negative entries and asymmetry too."""
    n = data.draw(st.integers(2, 6))
    square = st.lists(st.lists(st.integers(-9, 9), min_size=n, max_size=n), min_size=n, max_size=n).map(np.array)
    A, B = data.draw(square), data.draw(square)
    view = Facilities(A, B + B.T if symmetric else B)
    p = data.draw(st.permutations(range(n)))
    found = view.read(p)
    assert found.cost == evaluate(view.problem, np.array(p)).objective
    assert sum(one.cost for one in found.placed) == found.cost
    pairs = found.pairs()
    assert sum(pair.cost for pair in pairs) == found.cost
    assert all(pair.flow * pair.distance == pair.cost != 0 for pair in pairs)
    sizes = [abs(pair.cost) for pair in pairs]
    assert sizes == sorted(sizes, reverse=True)
    assert len({(pair.facility, pair.other) for pair in pairs}) == len(pairs)
    assert found.pairs(2) == pairs[:2]


def test_names_come_from_csv_headers(tmp_path):
    """Each file names what its rows stand for; a file without names gives numbers from 0."""
    (tmp_path / "layout.csv").write_text(",saw,drill,paint\nsaw,0,3,0\ndrill,3,0,1\npaint,0,1,0\n")
    (tmp_path / "away.csv").write_text("0;2;5\n2;0;4\n5;4;0\n")
    view = Facilities.from_csv(tmp_path / "layout.csv", tmp_path / "away.csv")
    assert view.read([2, 0, 1]).location_of == {"saw": "2", "drill": "0", "paint": "1"}
    assert view.problem.name == "layout"


def test_names_are_no_part_of_the_problem():
    """The same numbers under other names are the same instance."""
    named = Facilities(FLOWS, AWAY, ["a", "b", "c"], ["x", "y", "z"])
    assert named.problem.packed() == Facilities.of(named.problem).problem.packed()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b"], "facilities must be 3 names, one for each row; got 2"),
        ("abc", "the text 'abc'"),
        (["a", "b", "a"], "numbers 0 and 2 are both 'a'"),
        (["a", "", "c"], "number 1 is ''"),
        (["a", "b", 3], "number 2 is '3'"),
        (["a", "b", "c" * 201], "1 to 200 characters"),
    ],
)
def test_bad_names_are_refused(names, said):
    """Too few, twice the same, empty, too long, or no text."""
    with pytest.raises(BadProblem) as caught:
        Facilities(FLOWS, AWAY, facilities=names)
    assert said in str(caught.value)


@pytest.mark.parametrize("solution", [[0, 1], [0, 0, 1], [1, 2, 3], [0.0, 1.0, 2.0]])
def test_what_is_no_solution_is_refused(solution):
    """An answer is read from a permutation only."""
    with pytest.raises(BadProblem, match="a solution must"):
        Facilities(FLOWS, AWAY).read(solution)
