"""The table that learned policies are fitted on: rated outcomes only, each with its instance's features, bounded."""

import pytest
from histories import History

from mezan.engine.endings import rated
from mezan.projections.examples import LabelledOutcomes, examples
from mezan.solvers.selection import examples as table_module
from mezan.solvers.selection.examples import Row, Table

EVENTS = History(12).log(3_000)


def folded(events):
    """The state after some events."""
    projection, state = LabelledOutcomes(), {}
    for event in events:
        if event.type in projection.handles:
            state = projection.apply(state, event)
    return state


def test_every_rated_outcome_is_a_row_with_its_features():
    """Compared with a plain reading of the same events."""
    seen = examples(folded(EVENTS), "qap")
    features, wanted = {}, []
    for event in EVENTS:
        if event.type == "ProblemProfiled":
            features[event.data["instance"]] = event.data["features"]
        elif event.type in LabelledOutcomes.handles and event.data["family"] == "qap" and rated(event.type, event.data):
            known = features[event.data["instance"]]
            loss = event.data.get("loss", 1.0)
            wanted.append((event.data["instance"], event.data["solver"], loss, [known[n] for n in sorted(known)]))
    assert seen.names == ("density", "size", "spread")
    assert [(row.instance, row.solver, row.loss, list(row.features)) for row in seen.rows] == wanted
    assert len(wanted) > 100
    assert {row.loss for row in seen.rows} > {1.0}


def test_later_rows_do_not_change_what_was_seen():
    """A view keeps its length while the table grows."""
    half = folded(EVENTS[:1_500])
    seen = examples(half, "qap")
    before = list(seen.rows)
    projection = LabelledOutcomes()
    for event in EVENTS[1_500:]:
        if event.type in projection.handles:
            half = projection.apply(half, event)
    assert list(seen.rows) == before
    assert examples(half, "qap").count > len(before)
    assert half == folded(EVENTS)


def test_a_table_forgets_its_oldest_rows(monkeypatch):
    """At twice the capacity a new table begins; the old one stays as it was for those who hold it."""
    monkeypatch.setattr(table_module, "CAPACITY", 4)
    table = old = Table(("size",))
    for i in range(9):
        table = table.grown(Row(f"i{i}", (1.0,), "qap.a", "1", 0.5, 1.0))
    assert (old.start, len(old.rows)) == (0, 8)
    assert (table.start, [row.instance for row in table.rows]) == (5, ["i5", "i6", "i7", "i8"])


@pytest.mark.parametrize(
    ("kind", "data", "own"),
    [
        ("AttemptSucceeded", {}, True),
        ("AttemptSucceeded", {"seeded_from": {}}, False),
        ("AttemptSucceeded", {"rival": {}}, False),
        ("AttemptFailed", {"transient": True, "retry_in": 0.1}, False),
        ("AttemptFailed", {"transient": True, "retry_in": None}, True),
        ("AttemptFailed", {"transient": False, "retry_in": None}, True),
        ("AttemptTimedOut", {}, True),
    ],
)
def test_only_a_solvers_own_outcomes_are_rated(kind, data, own):
    """Handed results, races and failures that are tried again say nothing about the solver's loss."""
    assert rated(kind, data) is own


def test_new_features_start_a_new_table():
    """Rows of other features cannot be compared."""
    state = folded(EVENTS)
    table = state["qap"].table
    event = next(e for e in EVENTS if e.type == "ProblemProfiled" and e.data["family"] == "qap")
    event.data["features"]["colour"] = 1.0
    after = LabelledOutcomes().apply(state, event)["qap"]
    assert after.table is not table
    assert (after.table.names, after.table.rows) == (("colour", "density", "size", "spread"), [])
    del event.data["features"]["colour"]
