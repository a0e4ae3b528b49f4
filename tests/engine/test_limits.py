"""Where a search may stop: targets, proved bounds, and gaps to them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from toys import FAMILY

from mezan.engine.events import BoundSpec, BudgetSpec
from mezan.engine.limits import budget_of, reached

numbers = st.integers(-1000, 1000).map(float)
LARGEST = FAMILY.__class__(**{**vars(FAMILY), "sense": "max"})


def bound(value):
    return BoundSpec(value=value, method="m")


@given(value=numbers, objective=numbers, gap=st.sampled_from([0.0, 1.0, 2.5, 10.0, 100.0, 250.0]))
def test_a_gap_is_the_distance_to_the_bound_in_percent_of_it(value, objective, gap):
    """Computed here in whole numbers, for both senses; at a bound of zero only that value closes it."""
    assume(objective != value)
    close = 1000 * abs(objective - value) <= 10 * gap * abs(value)
    for family, feasible in ((FAMILY, objective > value), (LARGEST, objective < value)):
        if feasible:
            spec = BudgetSpec(time_limit=1, gap=gap)
            assert reached(spec, bound(value), family, objective) == ("gap" if close else None)
            assert family.reaches(objective, budget_of(spec, bound(value), family).target) == close


@given(value=numbers, target=numbers, gap=st.floats(0, 300), objective=numbers)
def test_a_solver_gets_the_first_objective_at_which_something_is_reached(value, target, gap, objective):
    """The target inside a budget and the rule that the engine asks agree."""
    for family in (FAMILY, LARGEST):
        for spec in (BudgetSpec(time_limit=1, target=target, gap=gap), BudgetSpec(time_limit=1, gap=gap)):
            stops = reached(spec, bound(value), family, objective) is not None
            assert family.reaches(objective, budget_of(spec, bound(value), family).target) == stops


def test_without_a_bound_a_gap_stops_nothing():
    """A family that proves nothing has no gap to close."""
    spec = BudgetSpec(time_limit=1, gap=50.0)
    assert reached(spec, None, FAMILY, 0.0) is None
    assert budget_of(spec, None, FAMILY).target is None


@pytest.mark.parametrize(("objective", "stopped"), [(95.0, "target"), (100.0, "target"), (105.0, "gap"), (110.0, "gap"), (111.0, None)])  # fmt: skip
def test_what_ends_a_search_is_named(objective, stopped):
    """The user's target and the bound itself go before the gap."""
    assert reached(BudgetSpec(time_limit=1, target=100.0, gap=10.0), bound(100.0), FAMILY, objective) == stopped
