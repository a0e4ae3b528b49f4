"""The best result of every instance, whatever order results come in."""

from histories import History
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.projections import KnownResults

KNOWN = KnownResults()
EVENTS = [
    event for seed in range(3) for event in History(seed, instances=4).log(900) if event.type == "AttemptSucceeded"
]


def fold(events):
    rows = {}
    for event in events:
        key = KNOWN.key(event)
        rows[key] = KNOWN.apply(rows.get(key), event)
    return rows


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_and_any_repetition_give_the_same_rows(data):
    """What makes a row safe to merge from the store and from memory."""
    events = data.draw(
        st.lists(st.sampled_from(EVENTS), max_size=60, unique_by=lambda event: (event.stream, event.version))
    )
    again = data.draw(
        st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=20) if events else st.just([])))
    )
    assert fold(again) == fold(events)


def test_the_best_objective_wins_and_the_first_of_equals():
    """Computed here by sorting, for families that minimise and that maximise."""
    events = [event for event in History(7, instances=3).log(6_000) if event.type == "AttemptSucceeded"]
    senses = set()
    for key, row in fold(events).items():
        own = [event for event in events if KNOWN.key(event) == key]
        sign = 1 if row["sense"] == "min" else -1
        best = min(own, key=lambda event: (sign * event.data["objective"], event.position))
        assert (row["run"], row["position"], row["solution"]) == (best.stream, best.position, best.data["solution"])
        assert row["objective"] == best.data["objective"]
        proofs = [e.data["proved_optimal"] for e in own if e.data["objective"] == row["objective"]]
        assert row["proved_optimal"] == any(proofs)
        senses.add(row["sense"])
    assert senses == {"min", "max"}


def test_tenants_do_not_see_each_others_results():
    """The same instance has a row per tenant."""
    rows = fold(
        event
        for tenant in ("a", "b")
        for event in History(1, instances=2, tenant=tenant).log(400)
        if event.type == "AttemptSucceeded"
    )
    assert {key.rsplit("/", 1)[1] for key in rows} == {"a", "b"}
