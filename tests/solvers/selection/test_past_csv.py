"""Past results in CSV: what the columns mean, and every way in which a file can be wrong."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.solvers.selection.past import from_csv as past_csv
from mezan.solvers.selection.past.results import BadResults, PastOutcome, qualified, summary, with_quality_losses

QUALITY = """instance,solver,objective,seconds,budget,version,seed,feature:n,feature:d
a,tabu,100,1,10,2,1,5,0.5
a,ils,110,2,10,,1,5,
b,tabu,,10,10,,1,7,
b,ils,50,3,10,,1,7,
"""
RUNTIME = "instance,solver,seconds,status,cutoff\nx,s1,5,ok,100\nx,s2,100,timeout,100\ny,s1,,memout,100\ny,s2,30,,100\n"


def written(tmp_path, text):
    path = tmp_path / "runs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_objectives_become_distances_to_the_best_of_the_instance(tmp_path):
    """|obj - best| over the larger of the two; a row without an objective has loss 1."""
    got = past_csv.read(written(tmp_path, QUALITY), family="toy", sense="min")
    told = {(o.instance, o.solver): (o.status, o.objective, o.loss, o.version) for o in got.outcomes}
    assert told == {
        ("a", "toy.tabu"): ("ok", 100.0, 0.0, "2"),
        ("a", "toy.ils"): ("ok", 110.0, pytest.approx(10 / 110), "imported"),
        ("b", "toy.tabu"): ("timeout", None, 1.0, "imported"),
        ("b", "toy.ils"): ("ok", 50.0, 0.0, "imported"),
    }
    assert got.features == {"a": {"n": 5.0, "d": 0.5}, "b": {"n": 7.0, "d": 0.5}}  # the median of what there is
    assert (got.source, got.instances, got.solvers) == ("runs.csv", ["a", "b"], ["toy.tabu", "toy.ils"])
    assert summary(got)["toy.tabu"] == {"outcomes": 2, "solved": 1, "mean_loss": 0.5}


def test_the_best_is_the_highest_where_high_is_good(tmp_path):
    """The same file the other way round."""
    got = past_csv.read(written(tmp_path, QUALITY), family="toy", sense="max")
    assert [o.loss for o in got.outcomes] == [pytest.approx(10 / 110), 0.0, 1.0, 0.0]


def test_running_times_become_par10(tmp_path):
    """Seconds over ten cutoffs when solved, 1 when not; what solvers are compared on is the time."""
    got = past_csv.read(written(tmp_path, RUNTIME), family="sat")
    assert [(o.status, o.objective, o.loss) for o in got.outcomes] == [
        ("ok", 5.0, 0.005),
        ("timeout", None, 1.0),
        ("failed", None, 1.0),
        ("ok", 30.0, 0.03),
    ]
    assert {o.budget for o in got.outcomes} == {100.0}
    assert got.sense == "min"


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.none() | st.floats(-1e9, 1e9)),
        min_size=1,
    ),
    st.sampled_from(["min", "max"]),
)
def test_losses_are_shares_and_the_best_of_an_instance_has_none(rows, sense):
    """In [0, 1]; 0 exactly for the best objective; ordered as the objectives of one sign are."""
    given_ = [PastOutcome(i, s, 1.0, "ok" if x is not None else "failed", x, 0.5) for i, s, x in rows]
    outcomes = with_quality_losses(given_, sense)
    assert all(0.0 <= o.loss <= 1.0 for o in outcomes)
    for instance in {o.instance for o in outcomes}:
        own = [o for o in outcomes if o.instance == instance and o.objective is not None]
        if own:
            best = (min if sense == "min" else max)(o.objective for o in own)
            assert all((o.loss == 0.0) for o in own if o.objective == best)
            good = sorted((o for o in own if o.objective > 0), key=lambda o: o.objective, reverse=sense == "max")
            losses = [o.loss for o in good]
            assert losses == sorted(losses)


def test_solvers_are_named_as_in_the_catalogue():
    """Equal names of two families must stay apart; a full name is left as it is."""
    assert qualified("aslib/SAT11", "glucose") == "aslib/SAT11.glucose"
    assert qualified("qap", "qap.tabu") == "qap.tabu"


BAD = {
    "empty": ("", "instance and solver"),
    "only a header": ("instance,solver,objective\n", "none"),
    "no solver": ("instance,objective\na,1\n", "lacks solver"),
    "nothing measured": ("instance,solver\na,b\n", "objective or seconds"),
    "a typing error": ("instance,solver,objectve\na,b,1\n", "'objectve'"),
    "twice the same column": ("instance,solver,seconds,seconds\na,b,1,1\n", "repeats"),
    "budget and cutoff": ("instance,solver,seconds,budget,cutoff\na,b,1,2,2\n", "leave one out"),
    "a short row": ("instance,solver,objective\na,b\n", "line 2: a row must have"),
    "a word for a number": ("instance,solver,objective\na,b,good\n", "line 2: objective must be a finite number"),
    "infinite": ("instance,solver,objective\na,b,1e999\n", "finite"),
    "not a number": ("instance,solver,objective\na,b,nan\n", "finite"),
    "negative seconds": ("instance,solver,seconds,budget\na,b,-1,10\n", "negative"),
    "no cutoff": ("instance,solver,seconds\na,b,1\n", "--budget"),
    "a cutoff of nothing": ("instance,solver,seconds,cutoff\na,b,1,-5\n", "positive"),
    "ok without a result": ("instance,solver,objective,status\na,b,,ok\n", "objective"),
    "ok beyond its budget": ("instance,solver,seconds,status,cutoff\na,b,11,ok,10\n", "below its budget"),
    "no instance": ("instance,solver,objective\n,b,1\n", "an instance must be named"),
    "a control character": ("instance,solver,objective\na\x1b[2J,b,1\n", "printable"),
    "a long name": (f"instance,solver,objective\n{'a' * 300},b,1\n", "256"),
    "two values of a feature": ("instance,solver,objective,feature:n\na,b,1,2\na,c,1,3\n", "one value"),
    "a nameless feature": ("instance,solver,objective,feature:\na,b,1,2\n", "a feature must be named"),
    "an open quote": ('instance,solver,objective\n"a,b,1\n', "CSV"),
    "binary": (b"\xff\xfe\x00\x01", "UTF-8"),
    "NUL": (b"instance,solver,objective\na\x00,b,1\n", "printable"),
    "a huge cell": (f"instance,solver,objective\n{'a' * 200_000},b,1\n", "CSV"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_breaks_a_rule_is_refused(tmp_path, name):
    """One typed error that says the rule and where."""
    text, words = BAD[name]
    with pytest.raises(BadResults, match=re.escape(words)):
        past_csv.read(written(tmp_path, text), family="toy")


def test_only_bounded_regular_files_are_read(tmp_path, monkeypatch):
    """Neither a device without an end, nor a file that is too long, nor too many rows."""
    with pytest.raises(BadResults, match="must be in a file"):
        past_csv.read(tmp_path, family="toy")
    with pytest.raises(BadResults, match="readable"):
        past_csv.read(tmp_path / "none.csv", family="toy")
    path = written(tmp_path, QUALITY)
    monkeypatch.setattr(past_csv, "MAX_ROWS", 3)
    with pytest.raises(BadResults, match="at most 3 rows"):
        past_csv.read(path, family="toy")
    monkeypatch.setattr(past_csv, "MAX_BYTES", 10)
    with pytest.raises(BadResults, match="10 bytes"):
        past_csv.read(path, family="toy")
