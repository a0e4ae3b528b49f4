"""What changed between two benchmarks: found where it was planted, and not where there was only noise."""

import random

import pytest
from made_benchmarks import ENVIRONMENT, made

from mezan.api.bench.drift import Limits, compare
from mezan.engine.grids import Benchmark
from mezan.solvers.errors import BadInput

SOLVERS, INSTANCES = ("qap.a", "qap.b", "qap.c"), [f"i{k}" for k in range(10)]


def noisy(draw: int, *, worse: float = 1.0, slower: float = 1.0, **options) -> Benchmark:
    """Results about 2 % above 1000 and times about a second, with the noise of another draw; ``qap.b`` has what is planted."""
    rng = random.Random(draw)

    def outcome(solver: str, instance: str, seed: int) -> dict:
        planted = solver == "qap.b"
        above = abs(rng.gauss(20, 6)) * (worse if planted else 1.0)
        return {"objective": 1000 + above, "seconds": rng.lognormvariate(0, 0.3) * (slower if planted else 1.0)}

    return made(SOLVERS, INSTANCES, outcome, seeds=3, name=f"draw{draw}", **options)


def test_noise_is_not_taken_for_a_change() -> None:
    """Forty pairs of draws from the same solvers: at most one in twenty raises any alarm, of three solvers and two measures."""
    alarms = sum(
        bool(compare(noisy(2 * i), noisy(2 * i + 1), Limits(objective=0.0, time=1.0))["worse"]) for i in range(40)
    )
    assert alarms <= 4


def test_a_planted_loss_of_quality_is_found_and_nothing_else() -> None:
    """Gaps half as large again for one solver."""
    found = compare(noisy(1), noisy(2, worse=1.5), Limits())
    assert found["worse"] == ["qap.b"]
    verdicts = {row["solver"]: row["verdict"] for row in found["solvers"]}
    assert verdicts == {"qap.a": "same", "qap.b": "worse", "qap.c": "same"}
    (row,) = (row for row in found["solvers"] if row["solver"] == "qap.b")
    assert 0.5 < row["objective"]["mean_change"] < 1.5
    assert row["objective"]["effect"] > 0.5
    back = compare(noisy(2, worse=1.5), noisy(1), Limits())
    assert back["worse"] == []
    assert {row["verdict"] for row in back["solvers"]} == {"same", "better"}


def test_a_planted_loss_of_speed_is_found() -> None:
    """Half as long again; not when it is below the limit, and not when all ended by the clock."""
    found = compare(noisy(1), noisy(2, slower=1.5), Limits())
    assert found["worse"] == ["qap.b"]
    assert found["solvers"][1]["time"]["median_ratio"] == pytest.approx(1.5, rel=0.2)
    assert compare(noisy(1), noisy(2, slower=1.5), Limits(time=2.0))["worse"] == []

    def by_the_clock(solver: str, instance: str, seed: int) -> dict:
        return {"objective": 1.0, "seconds": 5.0, "stopped": "time"}

    first, second = (made(SOLVERS, INSTANCES, by_the_clock, name=name) for name in "xy")
    assert compare(first, second, Limits())["solvers"][0]["time"]["pairs"] == 0


def test_larger_is_better_where_it_is() -> None:
    """The same figures of a family that maximises are an improvement."""
    assert compare(noisy(1, sense="max"), noisy(2, worse=1.5, sense="max"), Limits())["worse"] == []
    found = compare(noisy(2, worse=1.5, sense="max"), noisy(1, sense="max"), Limits())
    assert found["worse"] == ["qap.b"]


def test_a_new_failure_is_worse_at_once() -> None:
    """One cell is enough, with the message; a failure that was there before is none."""

    def sound(solver: str, instance: str, seed: int) -> dict:
        return {"objective": 5.0, "seconds": 1.0}

    def failing(solver: str, instance: str, seed: int) -> dict:
        fails = (solver, instance) == ("qap.c", "i3")
        return {"status": "failed", "seconds": 0.1, "message": "it broke"} if fails else sound(solver, instance, seed)

    before, now = made(SOLVERS, INSTANCES, sound), made(SOLVERS, INSTANCES, failing)
    found = compare(before, now, Limits())
    assert found["worse"] == ["qap.c"]
    assert "it broke" in found["solvers"][2]["reasons"][0]
    assert compare(now, now, Limits())["worse"] == []
    assert compare(now, before, Limits())["worse"] == []


def limited(planted: str = "", **fields) -> Benchmark:
    """Each cell did its hundred iterations; the solution of one differs."""

    def outcome(solver: str, instance: str, seed: int) -> dict:
        cell = {"objective": 5.0, "stopped": "iterations", "seconds": 1.0}
        return cell | fields if f"{solver} {instance} {seed}" == planted else cell

    return made(SOLVERS, INSTANCES[:2], outcome, seeds=2, iterations=100)


def test_repeated_work_must_agree_to_the_bit() -> None:
    """Another solution of the same objective is named, with both runs; a solver that promises nothing is excused."""
    found = compare(limited(), limited("qap.b i1 2", solution="f" * 64), Limits())
    assert found["worse"] == ["qap.b"]
    row = found["solvers"][1]
    assert (row["verdict"], row["repeated"]) == ("not repeated", 4)
    assert [(cell["instance"], cell["seed"]) for cell in row["differing"]] == [("i1", 2)]
    assert row["differing"][0]["runs"]["now"].startswith("run_")
    excused = compare(limited(), limited("qap.b i1 2", solution="f" * 64), Limits(), {"qap.b"})
    assert excused["worse"] == []
    same = compare(limited(), limited(), Limits())
    assert same["worse"] == []
    assert [row["repeated"] for row in same["solvers"]] == [4, 4, 4]


def test_what_the_clock_ended_or_another_version_did_is_no_repetition() -> None:
    """A search that ran out of time did other work; a new version may find something else, and that is told."""
    assert compare(limited(), limited("qap.b i1 2", objective=5.001, stopped="time"), Limits())["worse"] == []

    def newer(solver: str, instance: str, seed: int) -> dict:
        return {"objective": 4.999, "stopped": "iterations", "version": "2", "seconds": 1.0}

    found = compare(limited(), made(SOLVERS, INSTANCES[:2], newer, seeds=2, iterations=100), Limits())
    assert found["worse"] == []
    assert "v1 to v2" in found["solvers"][0]["reasons"][0]


def test_few_cells_say_that_they_are_few() -> None:
    """No test can speak of two cells, and the row says so instead of `same` alone."""
    first = made(SOLVERS, INSTANCES[:2], lambda *_: {"objective": 1.0, "seconds": 1.0})
    second = made(SOLVERS, INSTANCES[:2], lambda *_: {"objective": 2.0, "seconds": 1.0})
    found = compare(first, second, Limits())
    assert found["worse"] == []
    assert all("too few" in row["reasons"][0] for row in found["solvers"])


def test_environments_that_differ_are_listed() -> None:
    """By name, before and now."""
    other = ENVIRONMENT.model_copy(update={"cpu": "another", "variables": {"XLA_FLAGS": "--x"}})
    found = compare(noisy(1), noisy(1, environment=other), Limits())
    assert found["environment"] == [
        {"name": "cpu", "before": "one", "now": "another"},
        {"name": "XLA_FLAGS", "before": "-", "now": "--x"},
    ]


def test_only_what_compares_is_compared() -> None:
    """Another budget, no cell in common, a limit out of range: refused with the rule."""
    with pytest.raises(BadInput, match="same budget"):
        compare(noisy(1), noisy(2, time_limit=5.0), Limits())
    other = made(SOLVERS, ["elsewhere"], lambda *_: {"objective": 1.0})
    with pytest.raises(BadInput, match="cells in common"):
        compare(noisy(1), other, Limits())
    for limits, name in (
        (Limits(alpha=0.0), "alpha"),
        (Limits(objective=-1.0), "objective"),
        (Limits(time=0.9), "time"),
    ):
        with pytest.raises(BadInput, match=name):
            compare(noisy(1), noisy(2), limits)
    partly = compare(noisy(1), made(SOLVERS, [*INSTANCES[:4], "new"], lambda *_: {"objective": 1.0}, seeds=3), Limits())
    assert (partly["cells"], partly["only_before"], partly["only_now"]) == (36, 54, 9)
