"""A run's attempts and course, folded from histories that say what to expect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api import open_engine
from mezan.api.dashboard.timeline import timeline
from mezan.api.views.attempts import attempts
from mezan.api.views.course import course, sampled
from mezan.api.views.lineage import causes, effects
from mezan.engine.streams import whole_stream
from mezan.solvers.knapsack import Knapsack

POINTS = st.lists(st.tuples(st.integers(0, 20).map(float), st.integers(-5, 5).map(float)), min_size=1, max_size=12)


@given(POINTS, st.lists(st.integers(-2, 24).map(float), max_size=20), st.booleans())
def test_a_course_is_a_step_function(points, xs, beyond) -> None:
    """At each x the value of the last point at or before it; nothing before the first, nor after the last unless it goes on."""
    points.sort(key=lambda point: point[0])
    for x, value in zip(xs, sampled(points, xs, beyond=beyond), strict=True):
        past = [v for at, v in points if at <= x]
        gone = x > points[-1][0] and not beyond
        assert value == (None if not past or gone else past[-1])


@pytest.mark.anyio
async def test_prefixes_of_a_run(tmp_path) -> None:
    """At every event an attempt is as far as the log says: chosen, started, what it found, ended; and it can be drawn."""
    problem = Knapsack(values=[6, 10, 12], weights=[1, 2, 3], capacity=5)
    async with open_engine(f"sqlite:///{tmp_path}/run.db") as engine:
        run = await engine.submit(problem, solver="knapsack.dp")
        await run.result()
        again = await engine.submit(problem, solver="knapsack.greedy")
        await again.result()
        history = await whole_stream(engine.log, run.id)
        types = [recorded.type for recorded in history]
        for i, recorded in enumerate(history, 1):
            prefix = history[:i]
            (one,) = attempts(prefix) or (None,)
            assert (one is not None) == ("SolverChosen" in types[:i])
            if one is not None:
                assert (one["started"] is not None) == ("AttemptStarted" in types[:i])
                assert one["outcome"] == ("succeeded" if "AttemptSucceeded" in types[:i] else None)
                assert 0 <= one["chosen"] <= one["until"] <= (recorded.recorded_at - history[0].recorded_at) / 1e6
                assert "knapsack.dp" in timeline([one], one["until"], several_tasks=False)
            lines = course(prefix, "seconds")["attempts"]
            found = {"IncumbentFound", "AttemptSucceeded"} & set(types[:i])
            assert bool(lines) == bool(found)
            if lines:
                assert lines[0]["points"][-1][1] == 22
        later, cut = await effects(engine.log, history, None)
        assert not cut
        assert [(one["what"], one["stream"]) for one in later] == [
            ("rated against knapsack.dp's result here", again.id)
        ]
        assert await effects(engine.log, history, history[-1].position) == ([], False)
        assert [one["what"] for one in causes(history)] == ["asked for by"]
