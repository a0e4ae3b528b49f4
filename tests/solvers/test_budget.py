"""What a budget may be."""

import pytest

from mezan.solvers.budget import MAX_ITERATIONS, MAX_SECONDS, Budget
from mezan.solvers.errors import BadBudget

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "limits",
    [
        {"time_limit": 0},
        {"time_limit": -1.0},
        {"time_limit": NAN},
        {"time_limit": INF},
        {"time_limit": MAX_SECONDS * 1.001},
        {"iterations": 0},
        {"iterations": -5},
        {"iterations": MAX_ITERATIONS + 1},
        {"iterations": 1.5},
        {"iterations": NAN},
        {"iterations": True},
        {"target": NAN},
        {"target": INF},
        {"target": -INF},
        {"gap": -0.1},
        {"gap": NAN},
        {"gap": INF},
    ],
    ids=str,
)
def test_a_limit_out_of_range_is_named(limits):
    """The error names the limit and what was got, and is a ValueError."""
    ((name, got),) = limits.items()
    with pytest.raises(BadBudget, match=f"{name} must be .*got {got}".replace("+", r"\+")):
        Budget(**limits)


def test_the_edges_are_allowed():
    """The smallest and the largest limits hold."""
    assert Budget(time_limit=MAX_SECONDS, iterations=MAX_ITERATIONS, target=-1.5).target == -1.5
    assert Budget(time_limit=1e-9, iterations=1).iterations == 1
    assert Budget().iterations is None
