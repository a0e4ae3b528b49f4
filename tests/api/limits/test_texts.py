"""Limits, policies and quotas as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.limits.limit import ALGORITHMS, BUCKETS, SECOND, UNITS, Limit
from mezan.api.limits.policy import EVERYBODY, MOST_POLICIES, PERS, ROUTE_CLASSES, USUAL, Policy, policies
from mezan.api.limits.quotas import Quota
from mezan.solvers.errors import BadInput

limits = st.builds(
    lambda algorithm, amount, many, unit, burst: Limit(
        amount, many * UNITS[unit], algorithm, burst if algorithm in BUCKETS else 0
    ),
    st.sampled_from(ALGORITHMS),
    st.integers(1, 1_000),
    st.integers(1, 31),
    st.sampled_from(list(UNITS)),
    st.integers(0, 1_000),
)


@given(limits)
def test_a_limit_reads_as_it_is_written(limit):
    """What is printed can be given again."""
    assert Limit.parse(str(limit)) == limit


@given(
    limits,
    st.frozensets(st.sampled_from(sorted(EVERYBODY)), min_size=1),
    st.frozensets(st.sampled_from(sorted(ROUTE_CLASSES)), min_size=1),
    st.sampled_from(sorted(PERS)),
)
def test_a_policy_reads_as_it_is_written(limit, who, on, per):
    """With whom it is for, what it is on, and what is counted together."""
    policy = Policy("p", limit, who, on, per)
    assert Policy.parse("p", str(policy)) == policy


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("100/min", Limit(100, 60 * SECOND, "token-bucket", 100)),
        ("100/min token-bucket burst=20", Limit(100, 60 * SECOND, "token-bucket", 20)),
        ("100/min burst=20 token-bucket", Limit(100, 60 * SECOND, "token-bucket", 20)),
        ("60/minute leaky-bucket", Limit(60, 60 * SECOND, "leaky-bucket", 1)),
        ("5/15min sliding-log", Limit(5, 900 * SECOND, "sliding-log")),
        ("10/s fixed-window", Limit(10, SECOND, "fixed-window")),
        ("10/2hours sliding-counter", Limit(10, 7_200 * SECOND, "sliding-counter")),
        ("1000/day", Limit(1_000, 86_400 * SECOND)),
    ],
)
def test_what_people_write(text, limit):
    """Units in their usual forms, words in any order."""
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text",
    [
        "", "100", "0/min", "-1/min", "100/", "100/0min", "100/year", "1e3/min", "100/min 100/min", "100/min token", "9" * 30 + "/s",
        "100/min burst=0", "100/min burst=-1", "100/min burst=1 burst=2", "100/min sliding-log burst=3", "2000/min sliding-log",
        "100/min token-bucket leaky-bucket", "100/40day", "100/min\0", "1/min " + " " * 400, "٣/min", "100/m²",
    ],
)  # fmt: skip
def test_what_is_no_limit_is_refused_with_the_rule(text):
    """Nothing is guessed."""
    with pytest.raises(BadInput, match=r"limit|amount|burst"):
        Limit.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "100/min for=nobody", "100/min on=", "100/min per=credential,project", "100/min for=key for=user", "100/min who=key"],
)  # fmt: skip
def test_what_is_no_policy_is_refused(text):
    """Also a principal or a route class that there is not."""
    with pytest.raises(BadInput):
        Policy.parse("p", text)


def test_policies_are_the_usual_ones_but_for_those_given():
    """One is replaced, one added, one taken away; a bad name or too many are refused."""
    found = {policy.name: policy for policy in policies({"solving": "5/min on=solve", "mine": "1/s", "address": "off"})}
    assert set(found) == set(USUAL) - {"address"} | {"mine"}
    assert found["solving"].limit == Limit(5, 60 * SECOND)
    assert str(found["requests"]) == str(Policy.parse("requests", USUAL["requests"]))
    for name in ("", "A", "a b", 'a"', "a" * 33, "ä"):
        with pytest.raises(BadInput, match="name"):
            policies({name: "1/s"})
    with pytest.raises(BadInput, match="at most"):
        policies({f"p{i}": "1/s" for i in range(MOST_POLICIES)})


@pytest.mark.parametrize("text", ["runs=5 seconds=60", "runs=5", "seconds=0", "unlimited"])
def test_a_quota_reads_as_it_is_written(text):
    """In full, in part, or not at all."""
    assert str(Quota.parse(text)) == text


@pytest.mark.parametrize("text", ["", "runs", "runs=-1", "runs=1 runs=2", "hours=3", "runs=99999999999", "runs=1.5"])
def test_what_is_no_quota_is_refused(text):
    """With the rule."""
    with pytest.raises(BadInput, match="quota"):
        Quota.parse(text)
