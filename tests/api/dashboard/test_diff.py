"""What changed between two positions, in a browser."""

import re

import httpx
from playwright.sync_api import Page, expect
from serving import Server


def requests(server: Server) -> list[int]:
    events = httpx.get(f"{server.url}/log?types=RunRequested&limit=100").json()["events"]
    return [event["position"] for event in events]


def test_what_lies_between_two_runs(page: Page, server: Server) -> None:
    """From the second request to the fourth, two runs were asked and two ended: totals, ends and decisions say so."""
    asked = requests(server)
    page.goto(f"/ui/diff?from={asked[1]}&at={asked[3]}")
    assert page.locator("#total-requested td").all_inner_texts() == ["requested", "2", "4", "+2"]
    expect(page.locator("#total-completed")).to_contain_text("+2")
    expect(page.locator("#ended tbody tr")).to_have_count(2)
    expect(page.locator("#decided tbody tr")).to_have_count(2)
    assert page.locator("#ratings tbody tr").count() >= 1


def test_the_banner_leads_here(page: Page, server: Server) -> None:
    """At a past position the link compares it with the present; nothing of the present is missing there."""
    second = requests(server)[1]
    page.goto(f"/ui?at={second}")
    page.locator("#banner-diff").click()
    expect(page).to_have_url(re.compile(f"/ui/diff\\?from={second}$"))
    expect(page.locator("#total-requested")).to_contain_text(f"+{len(requests(server)) - 2}")


def test_either_way_round(page: Page, server: Server) -> None:
    """The slider may be the earlier of the two; the figures are the same, and the form changes the other position."""
    asked = requests(server)
    page.goto(f"/ui/diff?from={asked[1]}&at={asked[3]}")
    figures = page.locator("#totals").inner_text()
    page.goto(f"/ui/diff?from={asked[3]}&at={asked[1]}")
    assert page.locator("#totals").inner_text() == figures
    page.locator("#diff-from").fill(str(asked[1]))
    page.locator("#diff-from").press("Enter")
    expect(page.locator(".empty")).to_contain_text("The same position")
    page.keyboard.press("Escape")


def test_from_the_beginning(page: Page, server: Server) -> None:
    """Without a position it begins before the first event, where nothing was."""
    page.goto(f"/ui/diff?at={requests(server)[1]}")
    assert page.locator("#total-events td").nth(1).inner_text() == "0"
    expect(page.locator("#clusters")).to_contain_text("knapsack")


def test_bad_parameters_are_told(server: Server) -> None:
    """A page with the rule, not a broken one; a position beyond the end is the end."""
    assert httpx.get(f"{server.url}/ui/diff?from=x").status_code == 422
    assert "The same position" in httpx.get(f"{server.url}/ui/diff?from=999999").text
