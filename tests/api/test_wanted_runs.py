"""Which runs a list keeps."""

import pytest

from mezan.api.views.runs import Wanted


@pytest.mark.parametrize(
    ("about", "kept"),
    [
        ({}, True),
        ({"family": "qap"}, True),
        ({"family": "graph"}, False),
        ({"solver": "qap.tabu", "policy": "default", "purpose": "request"}, True),
        ({"solver": "knapsack.dp"}, True),
        ({"solver": "qap.ils"}, False),
        ({"label": "tai25"}, True),
        ({"label": "tai26"}, False),
        ({"error": "solver-failed"}, True),
        ({"error": "timeout"}, False),
        ({"purpose": "shadow"}, False),
        ({"policy": "default", "label": "nug"}, False),
    ],
)
def test_a_run_is_kept_when_everything_asked_for_holds(about, kept):
    """A run of two tasks is kept for either."""
    tasks = {
        "a": {"family": "qap", "solver": "qap.tabu", "error": None},
        "b": {"family": "knapsack", "solver": "knapsack.dp", "error": "solver-failed"},
    }
    row = {"tasks": tasks, "solver": None, "policy": "default", "purpose": "request", "label": "TAI25a", "error": None}
    assert Wanted(**{"purpose": None, **about}).keep(row) is kept
