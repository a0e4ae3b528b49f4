"""Counts of runs are those of the rows, at every position."""

from collections import Counter

from histories import History

from mezan.projections import RunCounts, Runs, run_counts


def test_counts_are_those_of_the_rows_after_every_event():
    """By status: the same numbers as counting the tags of all rows."""
    counts, runs, rows = RunCounts(), Runs(), {}
    state = counts.initial()
    for event in History(5, imports=0.1).log(1_500, at_once=12):
        if event.type in counts.handles:
            state = counts.apply(state, event)
        if event.type in runs.handles:
            rows[event.stream] = runs.apply(rows.get(event.stream), event)
        assert run_counts(state) == Counter(runs.tag(row) for row in rows.values())
    assert set(run_counts(state)) == {"requested", "running", "completed", "failed", "cancelled"}
    assert run_counts(state, "request") == run_counts(state)
    assert run_counts(state, "shadow") == {}
    assert counts.load(counts.dump(state)) == state
    assert len(state.going) == sum(run_counts(state).get(status, 0) for status in ("requested", "running"))
