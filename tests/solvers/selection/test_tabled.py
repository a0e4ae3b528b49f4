"""Policies that learn from instances on which nearly every solver was tried."""

import numpy as np
import pytest

from mezan.solvers.errors import NoCandidate
from mezan.solvers.selection.examples import Examples, Row, Table
from mezan.solvers.selection.models.label_table import fitted_count, label_table
from mezan.solvers.selection.policy import Candidate, Policy
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Record, Standings

SOLVERS = ("a.left", "a.right", "a.steady")
CANDIDATES = [Candidate(name, "1") for name in SOLVERS]
POLICIES = [Policies.default().policy(name) for name in ("forest_kernel", "pairwise")]
NAMES = ("p", "q", "side")


def losses(side: float) -> list[float]:
    """By the side one of two solvers loses nothing and the other everything; the third always a third."""
    return [0.02 if side < 0 else 0.95, 0.95 if side < 0 else 0.02, 0.35]


def table(n: int, *, useful: bool = True, seed: int = 0, holes: float = 0.0) -> Table:
    """Rows of ``n`` instances, all solvers tried on each but for some holes."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        features = tuple(float(x) for x in rng.normal(size=3))
        lost = losses(features[2] if useful else rng.normal())
        for name, loss in zip(SOLVERS, lost, strict=True):
            if rng.random() >= holes:
                rows.append(Row(f"i{k}", features, name, "1", loss, 1.0))
    return Table(NAMES, 0, rows)


def standings(known: Table, count: int | None = None) -> Standings:
    """As of ``count`` rows, with the records that they give."""
    rows = known.rows[:count]
    records = {}
    for name in SOLVERS:
        lost = [row.loss for row in rows if row.solver == name]
        records[name] = Record(outcomes=len(lost), loss_sum=sum(lost), loss_squares=sum(x * x for x in lost))
    return Standings("a", len(rows), "a/0", records, {}, Examples(known, len(rows)))


def features(side: float) -> dict[str, float]:
    """An instance on a side."""
    return {"p": 0.1, "q": -0.2, "side": side}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_it_chooses_by_the_features(policy: Policy) -> None:
    """On each side the solver that is good there is chosen, with the loss to expect on the card and propensity 1."""
    known = standings(table(120))
    for side, best in ((-1.2, 0), (1.2, 1), (-0.6, 0), (0.7, 1)):
        choice = policy.choose(known, features(side), CANDIDATES, 7)
        assert choice.solver == SOLVERS[best]
        card = choice.scored[best]
        assert card.propensity == 1
        assert sum(scored.propensity for scored in choice.scored) == 1
        assert card.expected_loss == pytest.approx(0.05, abs=0.15)
        assert 0 < card.loss_error < 0.2
        assert card.score == max(scored.score for scored in choice.scored)
        assert choice.arm is None


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_it_is_the_single_best_until_enough_is_labelled(policy: Policy) -> None:
    """Without rows, with few instances, and with one solver's outcomes for each instance, it says so and takes the single best."""
    sparse = Table(NAMES, 0, [row for k, row in enumerate(table(90).rows) if k % 3 == (k // 3) % 3])
    for known in (Table(NAMES), table(20), sparse):
        choice = policy.choose(standings(known), features(1.0), CANDIDATES, 7)
        single = Policies.default().policy("single_best").choose(standings(known), features(1.0), CANDIDATES, 7)
        assert (choice.solver, choice.arm) == (single.solver, "single_best")
        assert "fewer than 30 instances" in choice.reason


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_features_that_say_nothing_give_the_single_best(policy: Policy) -> None:
    """Missing names, huge values: the single best decides; one missing name of three is imputed."""
    known = standings(table(120))
    for said in ({}, {"other": 1.0}, features(1e300)):
        choice = policy.choose(known, said, CANDIDATES, 7)
        assert (choice.solver, choice.arm) == ("a.steady", "single_best")
        assert "the features say nothing" in choice.reason
    assert policy.choose(known, {"side": 1.2, "q": 0.0}, CANDIDATES, 7).solver == "a.right"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_useless_features_do_not_lose_against_the_single_best(policy: Policy) -> None:
    """Where features are noise, over fresh instances it loses at most a little more than the single best."""
    known = standings(table(150, useful=False, seed=2))
    rng = np.random.default_rng(9)
    total = 0.0
    for _ in range(60):
        choice = policy.choose(known, dict(zip(NAMES, rng.normal(size=3), strict=True)), CANDIDATES, 7)
        total += losses(rng.normal())[SOLVERS.index(choice.solver)]
    assert total / 60 <= 0.35 + 0.07


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_same_rows_give_the_same_choice(policy: Policy) -> None:
    """A table that was folded again, without cached models and with later rows, gives an equal choice; so does another version's noise."""
    whole = table(140)
    first = policy.choose(standings(whole, 300), features(0.4), CANDIDATES, 7)
    for count in (300, 340, 400):
        policy.choose(standings(whole, count), features(0.1), CANDIDATES, 7)
    assert policy.choose(standings(whole, 300), features(0.4), CANDIDATES, 7) == first
    again = Table(NAMES, 0, list(whole.rows))
    assert policy.choose(standings(again, 300), features(0.4), CANDIDATES, 99) == first
    assert len([key for key in whole.models if key[0] == policy.name]) <= 4


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_refused_and_new_solvers_are_left_out(policy: Policy) -> None:
    """A refused solver is never chosen though it is best; one without outcomes, or whose version changed, has no number."""
    known = standings(table(120))
    able = [Candidate("a.left", "1", refused="too big"), *CANDIDATES[1:], Candidate("a.new", "1")]
    choice = policy.choose(known, features(-1.2), able, 7)
    assert choice.solver == "a.steady"
    assert choice.scored[0].propensity == 0
    assert choice.scored[3].score is None
    assert choice.scored[3].expected_loss is None
    changed = [Candidate("a.left", "2"), *CANDIDATES[1:]]
    assert policy.choose(known, features(-1.2), changed, 7).solver == "a.steady"
    with pytest.raises(NoCandidate):
        policy.choose(known, features(0), [Candidate("a.left", "1", refused="no")], 7)


def test_a_label_table_wants_nearly_all_solvers() -> None:
    """Instances with too few labels are left out, single holes are filled with the solver's mean, repetitions are averaged."""
    rows = [Row(f"i{k}", (float(k),), s, "1", 0.25 * (s == "y"), 1.0) for k in range(40) for s in "vwxyz"]
    del rows[0], rows[4:8]  # i0 lacks v; i1 keeps only z
    rows.append(Row("i2", (2.0,), "y", "1", 0.75, 1.0))
    rows.append(Row("i3", (3.0,), "y", "2", 1.0, 1.0))
    made = label_table(rows, [(s, "1") for s in "vwxyz"], 30)
    assert made is not None
    assert made.solvers == tuple("vwxyz")
    assert made.X[:, 0].tolist() == [0, *range(2, 40)]
    assert made.labels.losses[0, 0] == 0
    assert made.labels.losses[1, 3] == 0.5
    assert made.labels.losses[2, 3] == 0.25
    assert label_table(rows, [(s, "1") for s in "vwxyz"], 40) is None
    assert label_table(rows, [("v", "1")], 1) is None


def test_fits_are_rare() -> None:
    """Counts at which models are fitted grow by 15 percent, and no count is fitted before its rows are there."""
    counts = [fitted_count(n) for n in range(5000)]
    assert counts[31] == 0
    assert counts[32] == 32
    assert all(fitted <= n for n, fitted in enumerate(counts))
    assert all(n < 1.15 * fitted + 1 for n, fitted in enumerate(counts) if fitted)
    assert len(set(counts)) < 40


def test_pairwise_takes_twelve_solvers_at_most() -> None:
    """With thirteen labelled solvers it leaves the choice to the single best."""
    names = [f"s{k:02d}" for k in range(13)]
    rows = [
        Row(f"i{k}", (float(k % 7),), s, "1", (j + k) % 13 / 13, 1.0) for k in range(40) for j, s in enumerate(names)
    ]
    known = Standings("a", 1, "a/0", {}, {}, Examples(Table(("f",), 0, rows), len(rows)))
    candidates = [Candidate(name, "1") for name in names]
    assert POLICIES[1].choose(known, {"f": 1.0}, candidates, 1).arm == "single_best"


def test_after_a_slice_those_instances_count_on_which_its_solver_failed_too() -> None:
    """On one side a solver is best, but fails on a part of it that the features do not show; there another one is good."""
    rng = np.random.default_rng(3)
    rows = []
    for k in range(400):
        values = tuple(float(x) for x in rng.normal(size=3))
        there = (1.0, 0.9, 0.01) if k % 4 == 0 else (0.0, 0.3, 0.9)
        lost = there if values[2] > 0 else (1.0, 0.0, 0.9)
        rows += [Row(f"i{k}", values, name, "1", loss, 1.0) for name, loss in zip(SOLVERS, lost, strict=True)]
    known = standings(Table(NAMES, 0, rows))
    records = {**known.overall, SOLVERS[0]: known.overall[SOLVERS[0]]._replace(failures=250)}
    known = Standings("a", len(rows), "a/0", records, {}, known.examples)
    policy = POLICIES[0]
    first = policy.choose(known, features(0.3), CANDIDATES, 7)
    assert (first.solver, first.time_share) == (SOLVERS[0], 0.65)
    left = [Candidate(SOLVERS[0], "1", "it has failed", tried=True), *CANDIDATES[1:]]
    second = policy.choose(known, features(0.3), left, 7)
    assert (second.solver, second.time_share) == (SOLVERS[2], None)
    assert policy.choose(known, features(0.3), CANDIDATES[1:], 7).solver == SOLVERS[1]
