"""The life of a run: what fits where, that decisions and folds agree, and that an end is an end."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezan.engine import events as ev
from mezan.engine.errors import InvalidTransition
from mezan.engine.run import NOTHING, Cancel, decide, evolve, fold, plan
from mezan.solvers.errors import BadInput

BUDGET = ev.BudgetSpec(time_limit=1.0)


def spec(task, *after, sense="min"):
    return ev.TaskSpec(task=task, family="toy", sense=sense, problem="0" * 64, size=3, after=after)


def request(*specs):
    return ev.RunRequested(tasks=specs or (spec("a"),), budget=BUDGET, seed=1, policy="elo_ucb", worker="w1")


def about(task, attempt=1):
    return {
        "task": task, "attempt": attempt, "solver": "toy.s", "version": "1", "family": "toy", "instance": "0" * 64,
        "cluster": "toy/0", "budget": BUDGET,
    }  # fmt: skip


def commands(task, attempt, dice=None):
    """One command of each kind for a task."""
    number = (dice or random.Random(0)).random()
    return {
        "profiled": ev.ProblemProfiled(
            task=task, family="toy", instance="0" * 64, size=3, features={"x": 1.0}, seconds=0.0
        ),
        "chosen": ev.SolverChosen(
            task=task, attempt=attempt + 1, family="toy", policy="p", policy_version="1", solver="toy.s", version="1",
            propensity=1.0, cluster="toy/0", as_of=0, key=1, reason="r", candidates=(),
        ),
        "started": ev.AttemptStarted(
            task=task, attempt=max(1, attempt), solver="toy.s", version="1", seed=1, worker="w1", device="cpu"
        ),
        "tightened": ev.BoundTightened(task=task, attempt=attempt, value=number, method="m", seconds=0.1),
        "incumbent": ev.IncumbentFound(
            task=task, attempt=attempt, objective=number, solution="0" * 64, iterations=1, seconds=0.1
        ),
        "checkpoint": ev.CheckpointSaved(task=task, attempt=attempt, checkpoint="0" * 64, iterations=1, seconds=0.1),
        "succeeded": ev.AttemptSucceeded(
            **about(task, attempt), sense="min", objective=number, solution="0" * 64, bound=None, proved_optimal=False,
            loss=0.5, stopped="done", iterations=1, seconds=0.1, compile_seconds=0.0,
        ),
        "retried": ev.AttemptFailed(
            **about(task, attempt), error="e", message="m", transient=True, retry_in=0.1, final=False, seconds=0.1
        ),
        "failed": ev.AttemptFailed(
            **about(task, attempt), error="e", message="m", transient=False, final=False, seconds=0.1
        ),
        "failed-finally": ev.AttemptFailed(
            **about(task, attempt), error="e", message="m", transient=False, final=True, seconds=0.1
        ),
        "timed-out": ev.AttemptTimedOut(**about(task, attempt), seconds=0.1),
        "out-of-slice": ev.AttemptTimedOut(**about(task, attempt), seconds=0.1, final=False),
        "abandoned": ev.AttemptAbandoned(
            task=task, attempt=attempt, lost_worker="w1", worker="w2", checkpoint=None, iterations=0, seconds=0.1
        ),
    }  # fmt: skip


ALLOWED = {
    "waiting": {"profiled"},
    "profiled": {"chosen"},
    "chosen": {"started", "timed-out", "out-of-slice", "tightened"},
    "running": {
        "tightened", "incumbent", "checkpoint", "succeeded", "retried", "failed", "failed-finally", "timed-out", "out-of-slice",
        "abandoned",
    },
}  # fmt: skip
PATHS = {
    "waiting": [],
    "profiled": ["profiled"],
    "chosen": ["profiled", "chosen"],
    "running": ["profiled", "chosen", "started"],
}


def advanced(state, *commands_):
    """The state after some commands, and the events they led to."""
    events = []
    for command in commands_:
        decided = decide(command, state)
        for event in decided:
            state = evolve(state, event)
        events += decided
    return state, events


def reached(status):
    state, _ = advanced(NOTHING, request())
    for name in PATHS[status]:
        state, _ = advanced(state, commands("a", state.tasks["a"].attempt)[name])
    assert state.tasks["a"].status == status
    return state


@pytest.mark.parametrize("status", ALLOWED)
@pytest.mark.parametrize("name", sorted(commands("a", 1)))
def test_each_command_fits_exactly_where_it_should(status, name):
    """In every state, every command is either allowed or refused with the reason."""
    state = reached(status)
    command = commands("a", max(1, state.tasks["a"].attempt))[name]
    if name in ALLOWED[status]:
        assert decide(command, state)[0] == command
    else:
        with pytest.raises(InvalidTransition, match=status):
            decide(command, state)


@pytest.mark.parametrize("status", ALLOWED)
def test_a_run_can_be_cancelled_failed_and_adopted_anywhere(status):
    """A running attempt is cancelled with it, with the progress that is known."""
    state = reached(status)
    events = decide(Cancel("why", {"a": (7, 0.5)}), state, elapsed=2.0)
    assert events[-1] == ev.RunCancelled(reason="why", seconds=2.0)
    assert [type(event) for event in events[:-1]] == ([ev.AttemptCancelled] if status == "running" else [])
    if status == "running":
        assert (events[0].iterations, events[0].seconds, events[0].reason) == (7, 0.5, "why")
    after, _ = advanced(state, ev.RunAdopted(lost_worker="w1", worker="w2", handed_over=False))
    assert after.worker == "w2"
    after, _ = advanced(state, ev.RunFailed(task=None, error="e", message="m", seconds=0.0))
    assert after.over


ENDS = [ev.RunCompleted(objectives={}, seconds=0.0), ev.RunFailed(task=None, error="e", message="m", seconds=0.0),
        ev.RunCancelled(reason="r", seconds=0.0)]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
def test_an_end_is_final(end):
    """Nothing fits after it."""
    state = evolve(reached("running"), end)
    assert state.over
    assert state.ready() == []
    everything = [
        *commands("a", 1).values(),
        Cancel("x"),
        request(),
        *ENDS,
        ev.RunAdopted(lost_worker="a", worker="b", handed_over=False),
    ]
    for command in everything:
        with pytest.raises(InvalidTransition):
            decide(command, state)


def test_nothing_fits_before_the_request():
    """A run begins with its request, once."""
    for command in [
        *commands("a", 1).values(),
        Cancel("x"),
        *ENDS,
        ev.RunAdopted(lost_worker="a", worker="b", handed_over=False),
    ]:
        with pytest.raises(InvalidTransition):
            decide(command, NOTHING)
    with pytest.raises(InvalidTransition, match="once"):
        decide(request(), reached("waiting"))


def test_what_the_engine_decides_alone_cannot_be_asked_for():
    """Completion follows from results, the plan from the request."""
    for command in (ENDS[0], ENDS[2], ev.RunPlanned(order=("a",)),
                    ev.AttemptCancelled(task="a", attempt=1, reason="r", iterations=0, seconds=0.0)):  # fmt: skip
        with pytest.raises(InvalidTransition):
            decide(command, reached("running"))


def test_a_task_that_is_not_of_the_run_is_refused():
    """By name."""
    with pytest.raises(InvalidTransition, match="'b'"):
        decide(commands("b", 1)["profiled"], reached("waiting"))


@pytest.mark.parametrize(("sense", "better", "worse"), [("min", 4.0, 6.0), ("max", 6.0, 4.0)])
def test_an_incumbent_must_improve(sense, better, worse):
    """In the direction of the family."""
    state, _ = advanced(NOTHING, request(spec("a", sense=sense)))
    for name in PATHS["running"]:
        state, _ = advanced(state, commands("a", state.tasks["a"].attempt)[name])
    found = commands("a", 1)["incumbent"]
    state, _ = advanced(state, found.model_copy(update={"objective": 5.0}))
    for refused in (worse, 5.0):
        with pytest.raises(InvalidTransition, match="improve"):
            decide(found.model_copy(update={"objective": refused}), state)
    advanced(state, found.model_copy(update={"objective": better}))
    # after an abandonment, what came after the last checkpoint is found again
    state, _ = advanced(state, commands("a", 1)["abandoned"], commands("a", 2)["started"])
    advanced(state, found.model_copy(update={"objective": worse}))


@pytest.mark.parametrize(("sense", "tighter", "looser"), [("min", 6.0, 4.0), ("max", 4.0, 6.0)])
def test_a_bound_only_tightens(sense, tighter, looser):
    """In the direction of the family; it takes the place of the one that the task was profiled with."""
    state, _ = advanced(NOTHING, request(spec("a", sense=sense)))
    for name in PATHS["running"]:
        state, _ = advanced(state, commands("a", state.tasks["a"].attempt)[name])
    found = commands("a", 1)["tightened"]
    state, _ = advanced(state, found.model_copy(update={"value": 5.0}))
    for refused in (looser, 5.0):
        with pytest.raises(InvalidTransition, match="tighter"):
            decide(found.model_copy(update={"value": refused}), state)
    state, _ = advanced(state, found.model_copy(update={"value": tighter, "method": "better"}))
    assert state.tasks["a"].bound == ev.BoundSpec(value=tighter, method="better")
    assert state.tasks["a"].status == "running"


def test_a_failed_attempt_leaves_its_solver_out_and_a_transient_one_does_not():
    """Chosen again, or tried again."""
    state, _ = advanced(reached("running"), commands("a", 1)["retried"])
    assert (state.tasks["a"].status, state.tasks["a"].excluded, state.tasks["a"].transient_failures) == (
        "chosen",
        (),
        1,
    )
    state, _ = advanced(reached("running"), commands("a", 1)["failed"])
    assert (state.tasks["a"].status, state.tasks["a"].excluded) == ("profiled", ("toy.s",))


def test_the_last_result_completes_the_run():
    """And not one before it."""
    state, _ = advanced(NOTHING, request(spec("a"), spec("b", "a")))
    assert state.ready() == ["a"]
    for task in ("a", "b"):
        for name in (*PATHS["running"], "succeeded"):
            assert not state.over
            state, events = advanced(state, commands(task, state.tasks[task].attempt)[name])
        assert state.ready() == (["b"] if task == "a" else [])
    assert state.status == "completed"
    assert set(events[-1].objectives) == {"a", "b"}


def test_a_slice_without_a_result_leaves_the_rest_of_the_time_to_another_solver():
    """The task may be chosen for again, without the solver, and remembers the seconds; a second slice adds its own."""
    state = reached("running")
    for used in (0.1, 0.2):
        state, events = advanced(state, commands("a", state.tasks["a"].attempt)["out-of-slice"])
        assert [type(event).__name__ for event in events] == ["AttemptTimedOut"]
        task = state.tasks["a"]
        assert (task.status, task.sliced) == ("profiled", pytest.approx(used))
        assert set(task.excluded) == {"toy.s"}
        for name in ("chosen", "started"):
            state, _ = advanced(state, commands("a", state.tasks["a"].attempt)[name])
    state, events = advanced(state, commands("a", state.tasks["a"].attempt)["timed-out"])
    assert state.status == "failed"


def test_a_final_failure_ends_the_run_and_its_other_attempts():
    """The others are recorded as cancelled, with the reason."""
    state, _ = advanced(NOTHING, request(spec("a"), spec("b")))
    for task in ("a", "b"):
        for name in PATHS["running"]:
            state, _ = advanced(state, commands(task, state.tasks[task].attempt)[name])
    for name in ("failed-finally", "timed-out"):
        events = decide(commands("b", 1)[name], state)
        assert [type(event).__name__ for event in events[1:]] == ["AttemptCancelled", "RunFailed"]
        assert events[1].task == "a"
        assert events[2].task == "b"


# plans


def test_a_plan_respects_what_comes_after_what():
    """Any order that does is right."""
    order = plan([spec("d", "b", "c"), spec("c", "a"), spec("b", "a"), spec("a")])
    assert sorted(order) == list("abcd")
    assert order[0] == "a"
    assert order[-1] == "d"


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([], "one or more tasks"),
        ([spec("a"), spec("a")], "different names"),
        ([spec("a", "b")], r"\['b'\]"),
        ([spec("a", "a")], "a -> a"),
        ([spec("a", "b"), spec("b", "a")], "(a -> b -> a|b -> a -> b)"),
        ([spec("x"), spec("a", "c"), spec("b", "a", "x"), spec("c", "b")], "(a -> .* -> a|b -> .* -> b|c -> .* -> c)"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(specs, message):
    """Duplicates, unknown names, and the circle itself."""
    with pytest.raises(BadInput, match=message):
        plan(specs)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_plans_of_random_graphs(data):
    """A graph without circles is ordered; one edge back makes a circle that is named."""
    n = data.draw(st.integers(1, 12))
    edges = {i: data.draw(st.sets(st.integers(0, i - 1))) if i else set() for i in range(n)}
    specs = [spec(f"t{i}", *(f"t{j}" for j in sorted(edges[i]))) for i in data.draw(st.permutations(range(n)))]
    order = {name: at for at, name in enumerate(plan(specs))}
    assert len(order) == n
    assert all(order[before] < order[s.task] for s in specs for before in s.after)
    if edges[n - 1]:
        first = min(edges[n - 1])
        specs = [spec(f"t{first}", f"t{n - 1}", *s.after) if s.task == f"t{first}" else s for s in specs]
        with pytest.raises(BadInput, match=f"t{first}.*t{n - 1}|t{n - 1}.*t{first}"):
            plan(specs)


# any life


@given(st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_any_life_folds_to_the_state_it_was_decided_in(dice, tasks):
    """Random allowed commands on random graphs: events fold to the same state, versions count them, ends are unique."""
    names = [f"t{i}" for i in range(tasks)]
    specs = [spec(name, *(n for n in names[:i] if dice.random() < 0.4)) for i, name in enumerate(names)]
    state, history = advanced(NOTHING, request(*specs))
    for _ in range(200):
        if state.over:
            break
        task = dice.choice(names)
        name, command = dice.choice(list(commands(task, state.tasks[task].attempt, dice).items()))
        if dice.random() < 0.02:
            name, command = "cancel", Cancel("enough", {task: (1, 1.0)})
        if name in {"failed-finally", "timed-out"} and dice.random() < 0.8:
            continue
        before = state
        waits = any(state.tasks[other].status != "succeeded" for other in state.tasks[task].spec.after)
        if waits and name == "profiled":
            continue  # the engine starts only what is ready
        try:
            events = decide(command, state, elapsed=1.0)
        except InvalidTransition:
            assert state == before
            continue
        for event in events:
            state = evolve(state, event)
        history += events
    assert fold(history) == state
    assert state.version == len(history)
    ends = [i for i, event in enumerate(history) if type(event).__name__ in ev.TERMINAL]
    assert ends == ([len(history) - 1] if state.over else [])
    started = {(e.task, e.attempt) for e in history if isinstance(e, ev.AttemptStarted)}
    for event in history:
        if isinstance(event, ev.AttemptSucceeded | ev.AttemptFailed | ev.AttemptCancelled | ev.AttemptAbandoned):
            assert (event.task, event.attempt) in started
    for name, task in state.tasks.items():
        done = [e for e in history if isinstance(e, ev.AttemptSucceeded) and e.task == name]
        assert len(done) == (task.status == "succeeded")


def test_an_event_that_is_not_of_a_run_is_refused():
    """Administration does not belong into a run's stream."""

    class Foreign(ev.Event):
        pass

    with pytest.raises(InvalidTransition, match="Foreign"):
        evolve(reached("waiting"), Foreign())
