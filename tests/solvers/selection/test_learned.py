"""Learned policies: that they learn, that they repeat to the bit, and that they fall back where features cannot be used."""

import builtins
import json
import math
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.projections.examples import LabelledOutcomes, Lessons
from mezan.solvers.selection.default import DEFAULT
from mezan.solvers.selection.examples import Row, Table
from mezan.solvers.selection.forest import ForestGreedy, fit_at
from mezan.solvers.selection.gp_ucb import ContextualGPUCB
from mezan.solvers.selection.hedge import Hedge, weights
from mezan.solvers.selection.linear_thompson import LinearThompson
from mezan.solvers.selection.linucb import LinUCB
from mezan.solvers.selection.models.comparisons import GAME, Counts, Strengths
from mezan.solvers.selection.policy import Candidate, deliberates, learns, uses_features
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.single_best import SingleBest

from .contextual import World, opposed, standings, unrelated

LEARNED = [DEFAULT, ContextualGPUCB(), LinUCB(), LinearThompson(), ForestGreedy(), Hedge()]
each = pytest.mark.parametrize("policy", LEARNED, ids=lambda policy: policy.name)


def drawn_table(seed, rows, *, size=5, solvers=4):
    """Rows of random solvers on random instances of `opposed`-like losses, some of another version, some features constant or huge."""
    chance = random.Random(seed)
    table = Table(tuple(f"f{j}" for j in range(size)))
    for i in range(rows):
        features = (*(chance.gauss(0, 10 ** (j - 1)) for j in range(size - 1)), 7.0)
        solver = chance.randrange(solvers)
        loss = min(
            1.0, max(0.0, 0.3 * solver / solvers + 0.5 * (features[0] > 0) * (solver % 2) + chance.gauss(0, 0.1))
        )
        version = "2" if solver == 1 and i > rows // 2 else "1"
        table.rows.append(Row(f"i{i}", features, f"s{solver}", version, loss, 1.0))
    return table


def fresh(table):
    """The table without what has been fitted to it."""
    return Table(table.names, table.start, list(table.rows))


CANDIDATES = [Candidate("s0", "1"), Candidate("s1", "2"), Candidate("s2", "1", "too large"), Candidate("s3", "1")]


def asked(policy, table, count, key=12345):
    features = dict(zip(table.names, (0.05, -1.0, 3.0, -200.0, 7.0), strict=True))
    return policy.choose(standings(table, count), features, CANDIDATES, key)


def test_every_learned_policy_is_registered_and_says_that_it_learns():
    """The engine puts those on a thread; the single best alone needs no features."""
    registered = {policy.name: policy for policy in Policies.default()}
    assert {policy.name for policy in LEARNED} <= registered.keys()
    tabled = {"forest_kernel", "pairwise"}  # with tests of their own
    assert {name for name, policy in registered.items() if learns(policy)} == {p.name for p in LEARNED} | tabled
    assert [name for name, policy in registered.items() if not uses_features(policy)] == ["single_best"]


@each
@given(
    losses=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.floats(0, 1)), min_size=1, max_size=14),
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=15, max_size=15),
    key=st.integers(0, 2**63 - 1),
)
@settings(max_examples=30)
def test_whatever_has_been_seen_a_choice_is_a_distribution_and_repeats_to_the_bit(policy, losses, values, key):
    """However large the features: propensities sum to 1, numbers are finite, and a table of equal rows gives an equal choice."""
    table = Table(("x", "y"))
    for i, (solver, version, loss) in enumerate(losses):
        table.rows.append(Row(f"i{i}", (values[i], values[-1 - i]), solver, version, loss, 1.0))
    offered = [
        Candidate("a", "1"),
        Candidate("b", "2", prior=50.0),
        Candidate("c", "1", "too large"),
        Candidate("d", "1"),
    ]
    features = {"x": values[0], "y": values[1]}
    choice = policy.choose(standings(table, len(losses)), features, offered, key)
    assert math.fsum(scored.propensity for scored in choice.scored) == 1.0
    for scored in choice.scored:
        assert (scored.candidate.solver == choice.solver) <= (scored.propensity > 0)
        assert all(
            number is None or math.isfinite(number)
            for number in (scored.score, scored.expected_loss, scored.loss_error)
        )
    assert (choice.scored[2].propensity, choice.scored[2].score) == (0, None)
    assert policy.choose(standings(fresh(table), len(losses)), features, offered, key) == choice


@each
def test_a_model_is_a_function_of_the_rows_however_they_came(policy):
    """Row by row, in strides, out of order and at once: the same choice at every count, to the bit."""
    table = drawn_table(3, 90)
    counts = [1, 2, 5, 9, 14, 40, 41, 55, 89, 90]
    cold = {count: asked(policy, fresh(table), count) for count in counts}
    step_by_step = fresh(table)
    for count in range(1, 91):
        choice = asked(policy, step_by_step, count)
        assert cold.get(count, choice) == choice
    jumping = fresh(table)
    assert all(asked(policy, jumping, count) == cold[count] for count in [55, 9, 90, 41, 2, 89, 90])


@each
def test_threads_share_a_table_and_get_what_they_would_get_alone(policy):
    """Choices at many counts from many threads at once on one table equal those on tables of their own."""
    table = drawn_table(4, 60)
    counts = [40 + i * 7 % 21 for i in range(32)]
    alone = {count: asked(policy, fresh(table), count) for count in set(counts)}
    shared = fresh(table)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda count: asked(policy, shared, count), counts))
    assert together == [alone[count] for count in counts]


ELSEWHERE = """
import sys
from mezan.projections.examples import LabelledOutcomes, examples
from mezan.solvers.selection.registry import Policies
from mezan.solvers.selection.standings import Record, Standings
from tests.solvers.selection.test_learned import asked
state = LabelledOutcomes().load(sys.stdin.buffer.read())
table = examples(state, "qap").table
print([repr(asked(Policies.default().policy(name), table, 80)) for name in sys.argv[1:]])
"""


def test_another_process_with_the_dumped_table_chooses_the_same():
    """What verification does: the table from a snapshot, a fresh process, the same choices to the bit."""
    table = drawn_table(5, 80)
    content = LabelledOutcomes().dump({"qap": Lessons(table=table)})
    names = [policy.name for policy in LEARNED]
    process = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *names], input=content, capture_output=True, check=True, timeout=100
    )
    here = [repr(asked(Policies.default().policy(name), table, 80)) for name in names]
    assert process.stdout.decode().strip() == str(here)


def test_linear_thompson_draws_by_its_propensities():
    """Frequencies over 2,000 keys are within four standard errors of the chances on the card."""
    world = World(opposed, seed=6)
    world.play(LinearThompson(), 25)
    keys = random.Random(1)
    features = dict(zip(world.names, (0.1, 0.2, -0.3, 0.4), strict=True))
    choices = [
        LinearThompson().choose(world.standings(), features, world.candidates, keys.getrandbits(62))
        for _ in range(2000)
    ]
    for i, scored in enumerate(choices[0].scored):
        chance = scored.propensity
        assert 0.001 < chance < 0.999
        frequency = sum(choice.solver == f"s{i}" for choice in choices) / 2000
        assert abs(frequency - chance) < 4 * math.sqrt(chance * (1 - chance) / 2000)


@each
@pytest.mark.parametrize(
    ("features", "why"),
    [
        ({"f0": 1.0, "f2": 1.0}, "2 of 4 are missing (f1, f3)"),
        ({"f0": math.nan, "f1": 1.0, "f2": 1.0, "f3": math.inf}, "f0, f3 must be finite"),
    ],
    ids=["missing", "not finite"],
)
def test_features_that_cannot_be_used_leave_it_to_the_single_best_and_the_reason_says_so(policy, features, why):
    """The pick is the single best's, with its propensities; features beyond those of the table do no harm."""
    world = World(opposed)
    world.play(SingleBest(), 30)
    choice = policy.choose(world.standings(), features, world.candidates, 7)
    best = SingleBest().choose(world.standings(), features, world.candidates, 7)
    assert (choice.solver, choice.scored, choice.arm) == (best.solver, best.scored, "single_best")
    assert why in choice.reason
    more = dict.fromkeys((*world.names, "new"), 0.5)
    assert policy.choose(world.standings(), more, world.candidates, 7).arm != "single_best"


@each
def test_one_poisoned_row_does_not_undo_what_was_learned(policy):
    """A value of 1e308 in one feature of one instance: elsewhere the better solver is still seen as better."""
    world = World(opposed, seed=8)
    for i in range(80):
        features = world.features()
        for solver in (0, 1, 2) if i % 2 else (2, 1, 0):
            world.add(features, f"s{solver}", opposed(features, solver, world.random))
    world.add((1.0, 1e308, 0.0, 0.0), "s0", 1.0)
    losses = {}
    for side in (0.7, -0.7):
        named = dict(zip(world.names, (side, 0.1, 0.1, 0.1), strict=True))
        scored = policy.choose(world.standings(), named, world.candidates, 1).scored
        losses[side] = [entry.expected_loss for entry in scored]
    assert losses[0.7][0] < losses[0.7][1]
    assert losses[-0.7][1] < losses[-0.7][0]


@each
def test_learning_beats_the_single_best_where_instances_differ(policy):
    """The single best loses 0.43 a round at the least; after 150 rounds a learned policy loses a quarter less."""
    learned = World(opposed, seed=9).play(policy, 300)
    late = sum(loss for _, loss in learned[150:]) / 150
    assert late < 0.43 * 0.75


def test_useless_features_cost_the_default_little_against_the_single_best():
    """Where features say nothing, a whole pass costs no more than the single best policy's, and none much more (of eight)."""
    more = []
    for seed in range(8):
        ours, theirs = (World(unrelated, size=12, seed=seed).play(policy, 250) for policy in (DEFAULT, SingleBest()))
        more.append(sum(loss for _, loss in ours) / 250 - sum(loss for _, loss in theirs) / 250)
    assert sum(more) / len(more) < 0
    assert max(more) < 0.065


def test_the_guard_speaks_where_features_mislead_and_is_silent_where_they_help():
    """Two hundred outcomes: of unrelated features the default makes no use, opposed ones it uses; the card names the arm."""
    arms = {}
    for loss in (unrelated, opposed):
        world = World(loss, size=2, seed=2)
        for _ in range(200):
            features = world.features()
            solver = world.random.randrange(3)
            world.add(features, f"s{solver}", loss(features, solver, world.random))
        choice = DEFAULT.choose(world.standings(), dict.fromkeys(world.names, 0.3), world.candidates, 1)
        arms[loss] = choice.arm
        assert ("foretell losses better" in choice.reason) == (choice.arm == "single_best")
    assert arms == {unrelated: "single_best", opposed: "gp_ucb"}


@pytest.mark.parametrize("policy", [DEFAULT, LinUCB(), LinearThompson(), Hedge()], ids=lambda policy: policy.name)
def test_regret_on_a_plain_bandit_grows_slower_than_the_rounds(policy):
    """No feature tells, three arms of 30, 50, 60 % failures: the mean regret of the last 150 of 300 rounds is below 0.06."""
    picks = World(unrelated, size=1, seed=12).play(policy, 300)
    gaps = {"s0": 0.0, "s1": 0.19, "s2": 0.285}
    assert sum(gaps[pick] for pick, _ in picks[150:]) / 150 < 0.06


@each
def test_a_solver_added_midway_is_tried_and_taken_up_and_a_removed_one_is_not_missed(policy):
    """The new one is always solved: most of the last rounds are its; without it the others go on."""
    world = World(lambda features, solver, chance: 0.02 if solver == 3 else opposed(features, solver, chance), seed=10)
    world.play(policy, 60)
    world.candidates.append(Candidate("s3", "1"))
    picks = [pick for pick, _ in world.play(policy, 60)]
    assert "s3" in picks[:25]
    assert picks[30:].count("s3") >= 20
    del world.candidates[3]
    assert {pick for pick, _ in world.play(policy, 10)} <= {"s0", "s1", "s2"}


@pytest.mark.parametrize(
    "policy", [DEFAULT, LinUCB(), LinearThompson(), ForestGreedy()], ids=lambda policy: policy.name
)
def test_outcomes_of_an_older_version_count_less(policy):
    """After forty losses of the old version and six successes of the new one, less is expected than without the change of version."""
    expected = {}
    for version in ("1", "2"):
        world = World(opposed, seed=11)
        for i in range(46):
            world.add(world.features(), "s0", 0.9 if i < 40 else 0.1, "1" if i < 40 else version)
            world.add(world.features(), "s1", 0.5)
        offered = [Candidate("s0", version), Candidate("s1", "1")]
        somewhere = [dict(zip(world.names, world.features(), strict=True)) for _ in range(20)]
        choices = [policy.choose(world.standings(), features, offered, 1) for features in somewhere]
        expected[version] = sum(choice.scored[0].expected_loss for choice in choices) / 20
    assert expected["2"] < expected["1"] - 0.01


def test_a_version_never_seen_is_less_certain_than_the_one_seen():
    """The standard error of the candidate's loss grows with a new version, for the process and the line alike."""
    one = Candidate("s1", "1")
    for policy in (ContextualGPUCB(), LinUCB()):
        world = World(opposed, seed=13)
        world.play(policy, 40)
        errors = [
            policy.choose(world.standings(), dict.fromkeys(world.names, 0.1), [Candidate("s0", version), one], 1)
            .scored[0]
            .loss_error
            for version in ("1", "2")
        ]
        assert errors[1] > errors[0]


def test_a_prior_goes_first_and_fades():
    """On an empty log and with one outcome of another solver the one with the prior is taken; after it has failed often, it is not."""
    world = World(opposed, seed=14)
    world.candidates = [
        candidate._replace(prior=p) for candidate, p in zip(world.candidates, (0.0, 0.0, 200.0), strict=True)
    ]
    features = dict.fromkeys(world.names, 0.1)
    first = ContextualGPUCB().choose(world.standings(), features, world.candidates, 1)
    assert (first.solver, first.arm) == ("s2", "single_best")
    assert "author" in first.reason
    world.add((0.1, 0.1, 0.1, 0.1), "s0", 0.5)
    assert ContextualGPUCB().choose(world.standings(), features, world.candidates, 1).solver == "s2"
    for _ in range(20):
        world.add(world.features(), "s0", 0.3)
        world.add(world.features(), "s1", 0.3)
        world.add(world.features(), "s2", 0.9)
    assert ContextualGPUCB().choose(world.standings(), features, world.candidates, 1).solver != "s2"


TWINS = [Candidate("quick", "1"), Candidate("slow", "1"), Candidate("sloppy", "1")]


def twins(policy, lost, rounds, seed):
    """The picks where two solvers lose the same, the slow one in ten times the time, and a third 0.01 more in no time."""
    chance, table = random.Random(seed), Table(("x", "y"))
    seconds = {"quick": 0.1, "slow": 1.0, "sloppy": 0.001}
    picks = []
    for i in range(rounds):
        features = (chance.random(), chance.random())
        named = dict(zip(table.names, features, strict=True))
        pick = policy.choose(standings(table, i), named, TWINS[:: 1 if seed % 2 else -1], chance.getrandbits(62)).solver
        loss = lost * features[0] + (0.01 if pick == "sloppy" else 0.0)
        table = table.grown(Row(f"i{i}", features, pick, "1", loss, seconds[pick] * (0.5 + chance.random())))
        picks.append(pick)
    return picks


@pytest.mark.parametrize("seed", range(4))
def test_of_solvers_that_lose_nothing_the_quick_one_is_settled_on(seed):
    """The slow one is tried three times at most in sixty rounds, and so is the quickest, which loses a hundredth."""
    picks = twins(DEFAULT, 0.0, 60, seed)
    assert picks.count("slow") <= 3
    assert picks.count("sloppy") <= 3


@pytest.mark.parametrize("seed", range(2))
def test_where_instances_are_hard_for_all_losing_less_comes_before_time(seed):
    """Losses of up to 0.1 whoever solves: in the last thirty of ninety rounds the solver that loses 0.01 more has lost its turn."""
    assert twins(DEFAULT, 0.1, 90, seed)[60:].count("sloppy") <= 5


def test_a_choice_that_needs_no_model_is_made_at_once():
    """One that takes the problem, or few outcomes; any other is for a thread, as are those of policies that do not say."""
    world = World(opposed, seed=15)
    few = world.standings()
    world.play(DEFAULT, 30)
    lone = [world.candidates[0], world.candidates[1]._replace(refused="too large")]
    assert not deliberates(DEFAULT, few, world.candidates)
    assert deliberates(DEFAULT, world.standings(), world.candidates)
    assert not deliberates(DEFAULT, world.standings(), lone)
    assert deliberates(LinUCB(), few, world.candidates)
    assert not deliberates(SingleBest(), world.standings(), world.candidates)
    choice = DEFAULT.choose(world.standings(), {}, lone, 1)
    assert (choice.solver, [one.propensity for one in choice.scored]) == ("s0", [1.0, 0.0])


@given(st.integers(1, 20_000))
def test_forests_are_refitted_at_fixed_counts_that_grow_by_about_15_percent(outcomes):
    """The latest fit is never ahead and never more than 15 % (and two outcomes) behind."""
    at = fit_at(outcomes)
    assert at <= outcomes
    if outcomes >= 6:
        assert fit_at(at) == at
        assert outcomes < at + max(2, int(0.15 * at))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=60))
def test_hedging_is_never_much_worse_than_its_best_forecaster(rounds):
    """Squared errors of the weighted average exceed the best of three by 2 ln 3 at most (Cesa-Bianchi and Lugosi, theorem 3.2)."""
    errors, own = [0.0, 0.0, 0.0], 0.0
    for *forecasts, truth in rounds:
        mixed = sum(w * forecast for w, forecast in zip(weights(errors), forecasts, strict=True))
        own += (mixed - truth) ** 2
        errors = [error + (forecast - truth) ** 2 for error, forecast in zip(errors, forecasts, strict=True)]
    assert own <= min(errors) + 2 * math.log(3) + 1e-4


def test_cards_survive_the_log():
    """Scores, losses and errors are short of 53 bits, so that JSON gives them back as they were."""
    for scored in asked(DEFAULT, drawn_table(3, 60), 60).scored:
        numbers = [scored.score, scored.expected_loss, scored.loss_error]
        assert json.loads(json.dumps(numbers)) == numbers
        assert all(number is None or (number * 2**24).is_integer() for number in numbers)


@pytest.mark.parametrize("policy", list(Policies.default()), ids=lambda policy: policy.name)
def test_no_choice_adds_floats_by_sum(policy, monkeypatch):
    """From Python 3.12 on `sum` compensates what floats lose: what it adds has other last bits there than on 3.11."""
    added = builtins.sum

    def whole(values, start=0):
        values = list(values)
        assert not any(isinstance(value, float) for value in values), values
        return added(values, start)

    world = World(opposed, solvers=4)
    games = {("s0", "s1"): (9 * GAME, 5 * GAME), ("s0", "s2"): (7 * GAME, 3 * GAME), ("s1", "s2"): (8 * GAME, 4 * GAME)}
    for key in range(40):
        features = world.features()
        named = dict(zip(world.names, features, strict=True))
        counted = Counts(games, dict.fromkeys(("s0", "s1", "s2"), 8))
        seen = replace(world.standings(), strengths=Strengths(counted, counted))
        with monkeypatch.context() as patched:
            patched.setattr(builtins, "sum", whole)
            pick = policy.choose(seen, named, world.candidates, key).solver
        world.add(features, pick, world.loss(features, int(pick[1:]) % 3, world.random))
