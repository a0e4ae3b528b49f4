"""How an instance is read: which rule takes it, why, and how rugged its landscape is."""

import numpy as np
import pytest

from mezan.solvers.qap import QAP
from mezan.solvers.qap.adaptive import InstanceAdaptive
from mezan.solvers.qap.rules import OFTEN, SELDOM, plan, ruggedness, rule_for

N = 24


def symmetric(M):
    M = np.triu(M, 1)
    return M + M.T


@pytest.fixture
def made():
    """One instance per rule."""
    rng = np.random.default_rng(3)
    at = np.stack(np.divmod(np.arange(N), 6), 1)
    grid = np.abs(at[:, None] - at).sum(2)
    uniform = [symmetric(rng.integers(0, 100, (N, N))) for _ in range(2)]
    few = symmetric(np.exp(rng.normal(0, 3, (N, N))).astype(int))
    block = np.zeros((N, N), int)
    block[:8, :8] = 1
    return {
        "uniform": QAP(A=uniform[0], B=uniform[1]),
        "dominated": QAP(A=few, B=uniform[1]),
        "moderate": QAP(A=uniform[0], B=grid),
        "subset": QAP(A=block, B=uniform[1]),
    }


@pytest.mark.parametrize(
    ("name", "length", "exchange"),
    [("uniform", 30 * N, OFTEN), ("dominated", 10 * N, SELDOM), ("moderate", 15 * N, SELDOM), ("subset", 0, SELDOM)],
)
def test_each_kind_has_its_rule(made, name, length, exchange):
    """Of its own name, with its own parameters, which are those that the kernel uses."""
    rule = rule_for(made[name])
    assert (rule.name, rule.length, rule.exchange) == (name, length, exchange)
    kernel = InstanceAdaptive()
    assert kernel.exchange(made[name]) == exchange
    assert int(kernel.arrays(made[name]).get("length", 0)) == length


@pytest.mark.parametrize(("n", "length"), [(40, 1200), (60, 1800), (80, 960), (100, 1200)])
def test_searches_of_large_uniform_instances_are_shorter(n, length):
    """Per facility, from 60 on: the population must still learn in seconds."""
    rng = np.random.default_rng(1)
    A, B = (symmetric(rng.integers(0, 100, (n, n))) for _ in range(2))
    assert rule_for(QAP(A=A, B=B)).length == length


def test_the_plan_says_what_and_why(made):
    """One sentence: rule, reason, ruggedness."""
    said = plan(made["dominated"])
    assert said.startswith("rule 'dominated': a few pairs dominate (dominance")
    assert said.endswith(f"correlation length {ruggedness(made['dominated']):.2f} n")


def test_ruggedness_is_the_correlation_length():
    """Of one flow of one, the objective is the distance of two facilities: after a random swap it is drawn anew with
    probability of about 4/n, so the length is about n/4; where every solution is as good it is n.
    """
    rng = np.random.default_rng(2)
    n = 40
    A = np.zeros((n, n), int)
    A[0, 1] = A[1, 0] = 1
    assert ruggedness(QAP(A=A, B=symmetric(rng.integers(1, 100, (n, n))))) == pytest.approx(0.25, abs=0.12)
    assert ruggedness(QAP(A=A, B=1 - np.eye(n, dtype=int))) == 1
