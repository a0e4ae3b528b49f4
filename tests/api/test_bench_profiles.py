"""Measures, profiles and the page: figures worked out by hand, and what must hold of every profile."""

import math
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_benchmarks import digest, made

from mezan.api.bench.charts import COLOURS
from mezan.api.bench.measures import LEAST, Measures
from mezan.api.bench.page import STYLE, page
from mezan.api.bench.profiles import (
    TARGETS,
    data_profile,
    performance_profile,
    quality_profile,
    runtime_ecdf,
    time_profile,
)
from mezan.api.bench.summary import report, rows
from mezan.engine.events import BenchmarkResumed
from mezan.engine.grids import Moment

COURSES = {
    "qap.slow": (Moment(0.5, 200.0, 1), Moment(2.0, 110.0, 5), Moment(8.0, 100.0, 9)),
    "qap.quick": (Moment(0.25, 110.0, 1),),
}


def two(solver: str, instance: str, seed: int) -> dict:
    """One solver is quick and never better than 10 %; the other reaches 100 after eight seconds, and fails on ``c``."""
    if instance == "c" and solver == "qap.slow":
        return {"status": "failed", "objective": None, "seconds": 1.0}
    if instance == "d" and solver == "qap.slow":
        return {"status": "refused", "run": None}
    course = COURSES[solver]
    return {"objective": course[-1].objective, "course": course, "seconds": course[-1].seconds, "loss": 0.1}


def test_measures_are_what_they_say() -> None:
    """Gaps to the best that was found or is known, infinite for a failure, NaN for a refusal; times without compilation."""
    measures = Measures(made(COURSES, "abcd", two, seeds=2), target=10.0)
    slow, quick = measures.gaps
    assert measures.references[digest("a")] == 100.0
    assert measures.references[digest("c")] == 110.0
    np.testing.assert_array_equal(slow, [0, 0, 0, 0, math.inf, math.inf, math.nan, math.nan])
    np.testing.assert_allclose(quick, [10, 10, 10, 10, 0, 0, 0, 0])
    np.testing.assert_array_equal(measures.times[0], [2, 2, 2, 2, math.inf, math.inf, math.nan, math.nan])
    np.testing.assert_array_equal(measures.par10[0][:6], [2, 2, 2, 2, 100, 100])
    better = Measures(made(COURSES, "ab", two, best_known=90.0))
    assert better.gaps[0] == pytest.approx([100 / 9] * 2)
    assert np.isinf(better.times).all()
    largest = Measures(made(COURSES, "ab", two, sense="max"))
    assert largest.references[digest("a")] == 200.0
    assert largest.gaps[1] == pytest.approx([45.0, 45.0])


def test_rows_sum_a_solver_up() -> None:
    """Counted by hand; a solver that refused an instance has no rank."""
    quick, slow = rows(Measures(made(COURSES, "abcd", two, seeds=2), target=10.0))
    assert (quick["solver"], quick["mean_rank"], slow["mean_rank"]) == ("qap.quick", 1.0, None)
    assert (slow["cells"], slow["solved"], slow["best"], slow["wins"]) == (6, 4, 4, 4)
    assert (slow["failures"], slow["refused"], slow["timeouts"]) == (2, 2, 0)
    assert slow["mean_gap"] == 0.0
    assert slow["par10"] == pytest.approx((4 * 2 + 2 * 100) / 6)
    assert (quick["solved"], quick["wins"], quick["median_gap"]) == (8, 4, 5.0)
    assert quick["par10"] == pytest.approx(0.25)


def test_a_benchmark_that_is_not_finished_has_figures_of_what_there_is() -> None:
    """Missing cells count for nobody, and instances with them have no ranks."""

    def outcome(solver: str, instance: str, seed: int) -> dict:
        return {"status": "missing", "run": None} if (solver, instance) == ("b", "y") else {"objective": 1.0}

    found = report(made("ab", "xyz", outcome, closed=False))
    assert found["closed"] is False
    assert found["tests"]["instances"] == 2
    assert [row["cells"] for row in found["solvers"]] == [3, 2]
    assert "It is not finished" in page(found)


def test_cells_that_ran_side_by_side_are_told() -> None:
    """Their times are not those of cells that had the machine for themselves; environments are shown once each."""
    alone = made("ab", "xy", lambda *_: {"objective": 1.0})
    resumed = BenchmarkResumed(done=1, jobs=4, environment=alone.opened.environment)
    shared = page(report(alone.model_copy(update={"resumed": (resumed,)})))
    assert "cells ran at a time" not in page(report(alone))
    assert "Up to 4 cells ran at a time" in shared
    assert shared.count("cpu:cpu") == 1


def test_profiles_of_a_small_case_are_those_drawn_by_hand() -> None:
    """Within a factor of 8 the slow one solves what the quick one does; the rest it never does."""
    measures = Measures(made(COURSES, "abcd", two), target=10.0)
    slow, quick = time_profile(measures)
    assert (slow.at(1), slow.at(7.99), slow.at(8), slow.at(1e9)) == (0.0, 0.0, 0.5, 0.5)
    assert quick.at(1) == 1.0
    slow, quick = quality_profile(measures)
    assert (slow.at(1), quick.at(1), quick.at(1.1)) == (0.5, 0.5, 1.0)
    slow, quick = runtime_ecdf(measures)
    loose, tight = sum(t >= 10 for t in TARGETS), len(TARGETS)
    assert slow.at(0.5) == 0.0
    assert slow.at(2.0) == pytest.approx(2 * loose / (4 * tight))
    assert slow.at(8.0) == pytest.approx(2 * tight / (4 * tight))
    assert quick.at(0.25) == pytest.approx((2 * loose + 2 * tight) / (4 * tight))


def test_the_data_profile_asks_for_all_but_tau_of_the_way() -> None:
    """From 200 to 100 with tau 0.1 the target is 110: reached after two seconds and after a quarter."""
    slow, quick = data_profile(Measures(made(COURSES, "ab", two)), tau=0.1)
    assert (slow.at(1.99), slow.at(2.0), quick.at(0.25)) == (0.0, 1.0, 1.0)
    slow, quick = data_profile(Measures(made(COURSES, "ab", two)), tau=0.099)
    assert (slow.at(2.0), slow.at(8.0), quick.at(1e9)) == (0.0, 1.0, 0.0)


COST = st.one_of(st.floats(LEAST, 1e4), st.just(math.inf), st.just(math.nan))


@given(st.integers(1, 5).flatmap(lambda k: st.lists(st.lists(COST, min_size=k, max_size=k), min_size=1, max_size=8)))
def test_every_performance_profile_rises_from_the_wins_to_at_most_one(costs: list[list[float]]) -> None:
    """Monotone, in [0, 1], at 1 the share of problems won, in the end the share solved; the best of all solvers is at 1 at once."""
    values = np.array(costs).T
    curves = performance_profile(tuple("abcde"[: len(values)]), values)
    solved = np.isfinite(values)
    best = np.where(solved, values, np.inf).min(axis=0)
    for curve, row, done in zip(curves, values, solved, strict=True):
        assert curve.x == sorted(set(curve.x))
        assert curve.y == sorted(curve.y)
        assert all(0 < y <= 1 for y in curve.y)
        assert all(x >= 1 for x in curve.x)
        assert curve.at(1.0) == pytest.approx(np.mean(done & (row == best)))
        assert curve.at(math.inf) == pytest.approx(done.mean())
    anybody = solved.any(axis=0)
    assert sum(curve.at(1.0) for curve in curves) >= anybody.mean() - 1e-12


def unclosed(page: str) -> list[str]:
    """Tags that are open at the end, or the first that closes another."""
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag != "meta":
                tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tags.pop() == tag

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            pass

    Reader().feed(page)
    return tags


def test_the_page_is_one_well_formed_file_for_light_and_dark() -> None:
    """Every chart is XML, nothing is fetched and nothing runs, names are escaped, and each colour has its two shades."""
    solvers = [f"qap.<b>{i}" for i in range(10)]
    found = page(
        report(made(solvers, "abc", lambda s, i, seed: {"objective": float(solvers.index(s) + 1), "seconds": 0.5}))
    )
    for start in range(found.count("<svg")):
        chart = "<svg" + found.split("<svg")[start + 1].split("</svg>")[0] + "</svg>"
        ET.fromstring(chart)
    assert found.count("<svg") == 5
    assert unclosed(found) == []
    assert "<b>" not in found
    assert "&lt;b&gt;" in found
    assert [word for word in ("<script", "http:", "https:", "url(", "@import") if word in found] == []
    assert "prefers-color-scheme:dark" in found
    for i in range(COLOURS):
        assert STYLE.count(f"--c{i}:#") == 2
    assert found.count("<table") >= 9
