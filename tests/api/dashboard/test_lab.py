"""The lab in a browser: policies on the log, and A/B tests."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import Server

from .conftest import PROBLEMS

ARMS = "solver:knapsack.greedy,solver:knapsack.dp"


@pytest.fixture(scope="module")
def begun(server: Server) -> int:
    """Six decisions of the usual policy, then an A/B test with eight more; the position where it began."""
    with httpx.Client(base_url=server.url, timeout=60) as http:

        def solve(seed: int) -> None:
            asked = PROBLEMS[seed % 6] | {"time_limit": 5, "seed": seed, "fresh": True}
            assert http.post("/solve", json=asked, headers={"prefer": "wait=60"}).status_code == 200

        for seed in range(6):
            solve(seed)
        position = int(http.get("/log/head").json()["position"])
        server.mezan("ab", "start", "spring", "--arms", ARMS)
        for seed in range(6, 14):
            solve(seed)
    return position


def test_estimates_are_made_while_the_page_waits(page: Page, server: Server, begun: int) -> None:
    """The table, the warning of few decisions, the curves and their table are those that the API answers."""
    page.goto(f"/ui/lab?at={begun}")
    expect(page.locator("#estimates tbody tr[id^=estimate]")).to_have_count(3, timeout=30_000)
    expect(page.locator("#basis")).to_contain_text("6 decisions")
    expect(page.locator("#warning-thompson")).to_contain_text("only 6 decisions")
    expect(page.locator("#regret canvas")).to_be_visible()
    names = "elo_ucb,single_best,thompson"
    report = httpx.get(f"{server.url}/lab?policies={names}&as_of={begun}", timeout=60).json()
    for row in report["policies"]:
        expect(page.locator(f"#estimate-{row['policy']}")).to_contain_text(f"{row['dr']['mean_loss']:.4f}")


def test_policies_are_chosen_in_the_url(page: Page, begun: int) -> None:
    """A box that is ticked is asked about at once; the address shows the same again."""
    page.goto(f"/ui/lab?at={begun}&policies=ucb1")
    expect(page.locator("#estimate-ucb1")).to_be_visible(timeout=30_000)
    page.locator("#policy-thompson").check()
    expect(page.locator("#estimate-thompson")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("policies=ucb1&policies=thompson"))
    page.reload()
    expect(page.locator("#estimates tbody tr[id^=estimate]")).to_have_count(2)


def test_the_slider_moves_the_lab(page: Page, begun: int) -> None:
    """Before the A/B test began there is none; now it has its eight runs, and leads to their decisions."""
    page.goto(f"/ui/lab?at={begun}")
    expect(page.locator("#no-tests")).to_be_visible()
    page.locator("#live").click()
    expect(page.locator("#test-spring")).to_be_visible()
    runs = page.locator("#test-spring tbody tr[id^=arm] td:nth-child(3)").all_inner_texts()
    assert sum(map(int, runs)) == 8
    expect(page.locator("#basis")).to_contain_text(re.compile("1[0-4] decisions"), timeout=30_000)
    page.get_by_role("link", name="Who was assigned").click()
    expect(page.locator("#events tbody tr")).to_have_count(8)


def test_nothing_to_compare_on(page: Page) -> None:
    """Before the first decision the page says what a comparison needs."""
    page.goto("/ui/lab?at=3")
    expect(page.locator(".empty").first).to_contain_text("left the choice of a solver to a policy", timeout=30_000)


@pytest.mark.parametrize("query", ["policies=nope", "family=tsp", "since=x", "at=soon"])
def test_bad_parameters_are_told(server: Server, query: str) -> None:
    """A page with the rule, not a broken one."""
    answer = httpx.get(f"{server.url}/ui/lab?{query}")
    assert answer.status_code == 422
    assert "must" in answer.text
