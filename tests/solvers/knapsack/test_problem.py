"""What a knapsack problem accepts, and how it refuses the rest."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mezan.solvers.errors import BadProblem
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.knapsack.family import FAMILY
from mezan.solvers.knapsack.problem import MAX_ITEMS, MAX_TOTAL
from mezan.solvers.pack import unpack

ITEMS = st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=1, max_size=20)

REFUSED = {
    "unequal lengths": ({"values": [1, 2], "weights": [1], "capacity": 1}, "equally long"),
    "negative value": ({"values": [-1], "weights": [1], "capacity": 1}, "got -1"),
    "negative weight": ({"values": [1], "weights": [-3], "capacity": 1}, "got -3"),
    "negative capacity": ({"values": [1], "weights": [1], "capacity": -1}, "capacity"),
    "NaN value": ({"values": [float("nan"), 1], "weights": [1, 1], "capacity": 1}, "nan"),
    "infinite weight": ({"values": [1], "weights": [float("inf")], "capacity": 1}, "inf"),
    "NaN capacity": ({"values": [1], "weights": [1], "capacity": float("nan")}, "capacity"),
    "fraction": ({"values": [0.5], "weights": [1], "capacity": 1}, "0.5"),
    "fractional capacity": ({"values": [1], "weights": [1], "capacity": 1.5}, "1.5"),
    "no items": ({"values": [], "weights": [], "capacity": 1}, "got 0"),
    "too many items": ({"values": [1] * (MAX_ITEMS + 1), "weights": [1], "capacity": 1}, str(MAX_ITEMS)),
    "text": ({"values": ["1"], "weights": [1], "capacity": 1}, "whole numbers"),
    "a string": ({"values": "12", "weights": [1, 2], "capacity": 1}, "lists"),
    "null": ({"values": [None], "weights": [1], "capacity": 1}, "whole numbers"),
    "booleans": ({"values": [True, 2], "weights": [1, 1], "capacity": 1}, "whole numbers"),
    "boolean capacity": ({"values": [1], "weights": [1], "capacity": True}, "capacity"),
    "nested": ({"values": [[1]], "weights": [1], "capacity": 1}, "flat"),
    "ragged": ({"values": [[1], 2], "weights": [1, 2], "capacity": 1}, "flat"),
    "a matrix": ({"values": np.ones((2, 2), int), "weights": [1, 1], "capacity": 1}, "shape (2, 2)"),
    "huge": ({"values": [10**30], "weights": [1], "capacity": 1}, str(10**30)),
    "huge total": ({"values": [MAX_TOTAL, 1], "weights": [1, 1], "capacity": 1}, "total"),
    "huge capacity": ({"values": [1], "weights": [1], "capacity": 2**53}, "capacity"),
    "missing field": ({"values": [1], "weights": [1]}, "capacity"),
    "unknown field": ({"values": [1], "weights": [1], "capacity": 1, "colour": 2}, "colour"),
    "infinite best known": ({"values": [1], "weights": [1], "capacity": 1, "best_known": float("inf")}, "best_known"),
}


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED)
def test_a_broken_rule_is_one_line_that_says_what_was_got(fields, says):
    """Each broken rule raises BadProblem, a ValueError, whose single line names the offender."""
    for build in (lambda: Knapsack(**fields), lambda: FAMILY.from_json(fields)):
        with pytest.raises(BadProblem) as caught:
            build()
        assert isinstance(caught.value, ValueError)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given_", [[], "text", None, 3])
def test_json_that_is_no_object_is_refused(given_):
    """A request body that is not an object is a BadProblem."""
    with pytest.raises(BadProblem, match="object"):
        FAMILY.from_json(given_)


def test_a_solution_of_the_limits_is_exact():
    """The largest totals are accepted and evaluated to the unit."""
    problem = Knapsack(values=[MAX_TOTAL - 1, 1], weights=[MAX_TOTAL - 1, 1], capacity=MAX_TOTAL)
    assert int(FAMILY.evaluate(problem, np.array([1, 1])).objective) == MAX_TOTAL
    assert int(FAMILY.evaluate(problem, np.array([1, 0])).objective) == MAX_TOTAL - 1


@given(items=ITEMS, capacity=st.integers(0, 2**50))
def test_content_identifies_the_instance_and_rebuilds_it(items, capacity):
    """from_content(content) is the same instance, and lists, tuples and arrays of any integer dtype are one content."""
    values, weights = zip(*items, strict=True)
    problem = Knapsack(values=list(values), weights=list(weights), capacity=capacity, name="a", best_known=3)
    again = Knapsack(values=np.array(values, np.uint64), weights=weights, capacity=np.int64(capacity))
    assert problem.packed() == again.packed()
    stored, digest = problem.packed()
    rebuilt = Knapsack.from_content(unpack(stored), name="a", best_known=3)
    assert rebuilt == problem
    assert hash(rebuilt) == hash(problem)
    assert rebuilt.packed()[1] == digest
    assert rebuilt != again
    assert Knapsack.model_validate_json(problem.model_dump_json()) == problem


def test_arrays_of_something_else_are_no_instance():
    """from_content refuses the arrays of another family."""
    with pytest.raises(BadProblem, match="values, weights and capacity"):
        Knapsack.from_content({"flow": np.ones((2, 2))})


def test_an_instance_cannot_be_changed_from_outside():
    """The arrays are copies and read-only."""
    mine = np.array([1, 2])
    problem = Knapsack(values=mine, weights=[1, 1], capacity=1)
    mine[0] = 9
    assert problem.values.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        problem.values[0] = 9


def test_the_schema_describes_a_request():
    """The JSON schema that the HTTP door publishes has integer lists and their limits."""
    schema = Knapsack.model_json_schema()["properties"]
    assert schema["values"]["items"]["type"] == "integer"
    assert schema["weights"]["maxItems"] == MAX_ITEMS
    assert json.dumps(schema)


def test_a_problem_inside_another_model_is_refused_as_a_value_error():
    """Validation of a request that holds a problem reports the broken rule too."""

    class Request(BaseModel):
        problem: Knapsack

    with pytest.raises(ValueError, match="got -1"):
        Request.model_validate({"problem": {"values": [-1], "weights": [1], "capacity": 1}})


@pytest.mark.parametrize(
    ("solution", "why"),
    [
        ([1, 1, 0], "weigh at most 5"),
        ([1, 0], "shape"),
        ([2, 0, 0], "0 and 1"),
        ([0.0, 1.0, 0.0], "integers"),
        ([[1, 0, 0]], "shape"),
    ],
)
def test_the_evaluator_names_the_broken_rule(solution, why):
    """An infeasible or malformed solution is not feasible, and the evaluator says why."""
    problem = Knapsack(values=[1, 2, 3], weights=[3, 3, 3], capacity=5)
    checked = FAMILY.evaluate(problem, np.array(solution))
    assert not checked.feasible
    assert why in checked.why


def test_importing_the_family_loads_neither_jax_nor_scipy():
    """The family is light: a process that only describes problems pays for neither."""
    code = "import sys, mezan.solvers.knapsack.family; print(sorted({'jax', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
