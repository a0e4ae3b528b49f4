"""What families show of their solutions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.catalog import Catalog
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.qap import QAP
from mezan.solvers.showing import ENTRIES, Figures, Picture, Table, raw


def shown(problem, solution) -> tuple[dict[str, object], dict[str, Table], list[Picture]]:
    """Figures and tables by name, and pictures."""
    family = Catalog.default().family_of(problem)
    assert family.show is not None
    sections = family.show(problem, np.asarray(solution))
    figures = {name: value for s in sections if isinstance(s, Figures) for name, value, _ in s.pairs}
    tables = {s.title: s for s in sections if isinstance(s, Table)}
    return figures, tables, [s for s in sections if isinstance(s, Picture)]


@given(st.data(), st.integers(1, 30))
def test_a_knapsacks_items_add_up(data, n) -> None:
    """Every item is in one of the two tables, and what is taken adds up to the value and the weight that are told."""
    items = st.lists(st.integers(0, 50), min_size=n, max_size=n)
    values, weights = data.draw(items), data.draw(items)
    x = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    problem = Knapsack(values=values, weights=weights, capacity=2000)
    figures, tables, _ = shown(problem, x)
    taken, left = tables["Taken"], next(table for title, table in tables.items() if title != "Taken")
    assert sorted(row[0] for row in taken.rows) == [i for i in range(n) if x[i]]
    assert len(left.rows) == min(10, n - sum(x))
    assert figures["value"] == sum(row[1] for row in taken.rows) == int(np.dot(values, x))
    assert figures["weight"] == sum(row[2] for row in taken.rows) == int(np.dot(weights, x))
    density = [row[3] for row in taken.rows]
    assert density == sorted(density, reverse=True)


@given(st.integers(2, 8), st.integers(0, 2**31))
def test_a_qaps_tables_are_its_assignment(n, seed) -> None:
    """Facilities are where the permutation puts them, their costs add up to the objective, and the picture is one document."""
    rng = np.random.default_rng(seed)
    A, B = rng.integers(0, 9, (2, n, n))
    p = rng.permutation(n)
    figures, tables, pictures = shown(QAP(A=A, B=B), p)
    cost = float((A * B[np.ix_(p, p)]).sum())
    assert figures["cost"] == cost
    rows = tables["Assignment"].rows
    assert {int(row[0]): int(row[1]) for row in rows} == dict(enumerate(p.tolist()))
    assert sum(row[2] for row in rows) == cost
    assert all(row[4] == row[2] * row[3] for row in tables["Costliest pairs"].rows)
    assert len(pictures) == 1
    assert pictures[0].svg.startswith("<svg")
    assert "<script" not in pictures[0].svg


@given(st.integers(0, 2 * ENTRIES))
def test_an_array_as_it_is(size) -> None:
    """A family without a view of its own shows the entries, and says how many it left out."""
    table = raw(np.arange(size))[1]
    assert isinstance(table, Table)
    assert table.rows == [(i, i) for i in range(min(size, ENTRIES))]
    assert (f"of {size} entries" in table.note) == (size > ENTRIES)
    assert raw(np.array(3.5))[1].rows == [(0, 3.5)]
