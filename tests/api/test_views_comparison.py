"""Runs, solvers and policies side by side: where histories part, and figures against plain counts and SciPy."""

import numpy as np
import pytest
from histories import record
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mezan.api.views.policy_comparison import paired, tallied
from mezan.api.views.run_comparison import course, difference, side_by_side
from mezan.api.views.solver_comparison import compared
from mezan.engine import events as ev
from mezan.projections.policy_outcomes import LEVELS, Tally

BUDGET = ev.BudgetSpec(time_limit=1.0)


def requested(*, seed=1, problem="p", pans=()):
    names = pans or ("main",)
    tasks = tuple(ev.TaskSpec(task=t, family="qap", sense="min", problem=problem, size=3, label="three") for t in names)
    return ev.RunRequested(tasks=tasks, budget=BUDGET, seed=seed, pans=pans)


def started(*, worker="w", solver="qap.tabu", task="main", attempt=1):
    return ev.AttemptStarted(task=task, attempt=attempt, solver=solver, version="1", seed=1, worker=worker, device="cpu")  # fmt: skip


def incumbent(objective, *, seconds=0.1, iterations=10, task="main", attempt=1):
    return ev.IncumbentFound(
        task=task,
        attempt=attempt,
        objective=objective,
        solution=f"s{objective}",
        iterations=iterations,
        seconds=seconds,
    )


def checkpoint():
    return ev.CheckpointSaved(task="main", attempt=1, checkpoint="c", iterations=5, seconds=0.1)


def run(stream, *events):
    return record((stream, event) for event in events)


def sums(loss):
    """One outcome, as the ``instances`` projection keeps it."""
    return [1, loss, loss, 1.0, loss]


def test_equal_searches_part_nowhere():
    """Seconds, workers and checkpoints are circumstances."""
    one = run("a", requested(), started(), incumbent(9.0), checkpoint(), incumbent(7.0))
    other = run("b", requested(), started(worker="v"), checkpoint(), incumbent(9.0, seconds=3.0), incumbent(7.0))
    assert difference(one, other) is None
    assert difference(one, other, search=True) is None


def test_the_first_difference_is_named_with_both_events():
    """Of any kind it is the seed that was asked for; of the search the incumbent that the other did not find."""
    one = run("a", requested(seed=1), started(), checkpoint(), incumbent(9.0), incumbent(7.0))
    other = run("b", requested(seed=2), started(), incumbent(9.0), incumbent(6.5))
    found = difference(one, other)
    assert (found["field"], found["first"]["value"], found["second"]["value"]) == ("seed", 1, 2)
    assert (found["first"]["position"], found["first"]["type"]) == (1, "RunRequested")
    search = difference(one, other, search=True)
    assert search["field"] == "objective"
    assert search["first"] == {"position": 5, "version": 5, "type": "IncumbentFound", "value": 7.0}
    assert search["second"] == {"position": 4, "version": 4, "type": "IncumbentFound", "value": 6.5}


def test_other_types_and_shorter_histories():
    """A different event differs by its type; where one history is over, the other goes on alone."""
    cancelled = ev.AttemptCancelled(task="main", attempt=1, reason="asked to", iterations=1, seconds=1.0)
    one, other = run("a", requested(), started(), incumbent(9.0)), run("b", requested(), started(), cancelled)
    found = difference(one, other)
    assert (found["field"], found["first"]["value"], found["second"]["value"]) == ("type", "IncumbentFound", "AttemptCancelled")  # fmt: skip
    shorter = difference(one, run("c", requested(), started()))
    assert (shorter["field"], shorter["second"]) == ("type", None)


@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), max_size=6))
def test_a_difference_is_the_first_place_where_lists_differ(left, right):
    """Histories of incumbents against a plain comparison of their objectives, and the same from either side."""
    one = run("a", requested(), *(incumbent(float(x)) for x in left))
    other = run("b", requested(), *(incumbent(float(x)) for x in right))
    found, back = difference(one, other), difference(other, one)
    same = next((i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(left), len(right)))
    if left == right:
        assert found is back is None
    else:
        places = [2 + same if same < len(values) else None for values in (left, right)]
        assert [found[side] and found[side]["position"] for side in ("first", "second")] == places
        assert (back["first"], back["second"]) == (found["second"], found["first"])


def test_a_race_shows_the_best_of_both_and_attempts_do_not_mix():
    """The lead changes hands in a race; of two attempts the last that found something is the search."""
    race = run(
        "a", requested(pans=("tabu", "enhanced")), incumbent(9.0, task="tabu", seconds=0.1),
        incumbent(9.5, task="enhanced", seconds=0.2), incumbent(8.0, task="enhanced", seconds=0.3),
    )  # fmt: skip
    assert [point["objective"] for point in course(race)] == [9.0, 9.0, 8.0]
    again = run("b", requested(), started(), incumbent(9.0), started(attempt=2), incumbent(10.0, attempt=2))
    assert [point["objective"] for point in course(again)] == [10.0]


def test_side_by_side():
    """The best of one instance leads, draws included; runs of other instances have no event at which they part."""
    runs = [run("a", requested(), started(), incumbent(7.0)), run("b", requested(), started(), incumbent(7.0)), run("c", requested(), started(), incumbent(8.0))]  # fmt: skip
    made = side_by_side(runs)
    assert (made["same_instance"], made["best"]) == (True, ["a", "b"])
    assert [(part["second"], part["content"] is None) for part in made["differences"]] == [("b", True), ("c", False)]
    apart = side_by_side([runs[0], run("d", requested(problem="q"), started())])
    assert (apart["same_instance"], apart["best"], apart["differences"]) == (False, [], [])


def test_solvers_on_their_common_instances():
    """Mean losses per instance, their distribution, the performance profile and Wilcoxon's test, counted again by hand."""
    rng = np.random.default_rng(4)
    losses = {"a": rng.random(24), "b": rng.random(24)}
    known = {f"i{k:02}": {s: sums(float(values[k])) for s, values in losses.items()} for k in range(24)}
    known["i00"]["a"] = [2, known["i00"]["a"][1] + 0.5, 0.0, 2.0, 0.0]
    known["alone"] = {"a": sums(0.0)}
    made = compared(known, ["a", "b"])
    a = losses["a"].copy()
    a[0] = (a[0] + 0.5) / 2
    b = losses["b"]
    assert made["instances"] == [f"i{k:02}" for k in range(24)]
    summary = made["solvers"][0]
    assert (summary["mean_loss"], summary["median_loss"]) == pytest.approx((a.mean(), np.median(a)))
    assert (summary["instances"], summary["outcomes"]) == (25, 26)
    assert made["ecdf"]["b"] == pytest.approx([(b <= level).mean() for level in LEVELS])
    best = np.minimum(1 + a, 1 + b)
    for solver, values in (("a", a), ("b", b)):
        curve = made["profile"][solver]
        assert curve["y"] == pytest.approx([((1 + values) / best <= x + 1e-12).mean() for x in curve["x"]])
    (pair,) = made["tests"]["pairs"]
    oracle = stats.wilcoxon(np.round(a, 7) - np.round(b, 7), method="exact")
    assert pair["p"] == pytest.approx(oracle.pvalue)
    assert (pair["wins"], pair["losses"], pair["draws"]) == ((a < b).sum(), (a > b).sum(), 0)
    assert made["tests"]["friedman"] is None


def test_solvers_without_a_common_instance():
    """Nothing is compared, and nothing breaks."""
    made = compared({"i": {"a": sums(0.1)}, "j": {"b": sums(0.2)}}, ["a", "b", "c"])
    assert (made["instances"], made["tests"]["pairs"], made["profile"]) == ([], [], {})
    assert made["solvers"][2] == {"solver": "c", "instances": 0, "outcomes": 0, "mean_loss": None, "median_loss": None, "worst_loss": None, "mean_seconds": None}  # fmt: skip


def test_policies_and_their_common_instances():
    """Standard errors are those of NumPy; instances that one of them has not decided on are left out of the tests."""
    losses = np.array([0.1, 0.4, 0.4, 0.9])
    tally = Tally({"a": 3, "b": 1}, 4, 0, 1, float(losses.sum()), float((losses**2).sum()), 8.0)
    (row,) = tallied({"p": tally}, ["p", "never"])
    assert row["mean_loss"] == pytest.approx(losses.mean())
    assert row["error"] == pytest.approx(losses.std(ddof=1) / 2)
    assert (row["choices"], row["mean_seconds"], row["chosen"][0]) == (4, 2.0, {"solver": "a", "choices": 3})
    known = {"i": {"p": [1, 0.5], "q": [2, 0.4]}, "j": {"p": [1, 0.1]}, "k": {"p": [1, 0.3], "q": [1, 0.3]}}
    found = paired(known, ["p", "q"])
    assert found["instances"] == 2
    assert (found["pairs"][0]["wins"], found["pairs"][0]["draws"], found["pairs"][0]["losses"]) == (0, 1, 1)
