"""Where a family's outcomes are not rated, a learned policy still goes on to the next solver."""

from mezan.solvers.selection.examples import Examples, Row, Table
from mezan.solvers.selection.policy import Candidate
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Record, Standings

OFFERED = [Candidate(name, "1") for name in ("x.a", "x.b", "x.c")]


def test_an_untried_solver_does_not_keep_a_turn_that_brings_no_outcome():
    """One instance asked for again and again: its searches start from what is known, and are not rated."""
    table = Table(("size",), rows=[Row("i", (3.0,), "x.a", "1", 0.3, 1.0)])
    seeded = {"x.a": 0, "x.b": 0, "x.c": 0}
    taken = []
    for _ in range(6):
        records = {name: Record(seeded=count, outcomes=int(name == "x.a")) for name, count in seeded.items()}
        standings = Standings("x", 1, "x/0", records, records, examples=Examples(table, 1))
        taken.append(Policies.default().policy("default").choose(standings, {"size": 3.0}, OFFERED, 1).solver)
        seeded[taken[-1]] += 1
    assert {"x.b", "x.c"} <= set(taken)


def test_of_two_solvers_that_do_equally_well_the_faster_is_chosen():
    """Time is worth little, but not nothing."""
    rows = [
        Row(f"i{i}", (float(i),), name, "1", 0.25, seconds)
        for i in range(40)
        for name, seconds in (("x.a", 30.0), ("x.b", 0.01), ("x.c", 30.0))
    ]
    standings = Standings("x", 1, "x/0", examples=Examples(Table(("size",), rows=rows), len(rows)))
    assert Policies.default().policy("default").choose(standings, {"size": 3.0}, OFFERED, 1).solver == "x.b"
