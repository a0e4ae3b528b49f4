"""The overview and the slider, in a browser: live, and at any earlier position."""

import re

import httpx
from playwright.sync_api import Page, expect
from serving import Server

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}


def figures(page: Page) -> str:
    return page.locator("#figures").inner_text()


def test_is_live(page: Page, server: Server) -> None:
    """A run that is solved while the page is open appears on it without a reload."""
    page.goto("/ui")
    before = page.locator("#decisions tbody tr").count()
    with httpx.Client(base_url=server.url, timeout=60) as http:
        run = http.post("/solve", json=KNAPSACK, headers={"prefer": "wait=60"}).json()["run"]
    expect(page.locator(f"#decisions tr[id^='decision-{run}']")).to_contain_text("succeeded")
    assert page.locator("#decisions tbody tr").count() > before
    expect(page.locator("#banner")).to_be_hidden()


def test_the_slider_is_the_fold_up_to_there(page: Page, server: Server) -> None:
    """At the third run's request two have completed; the URL says where, and a reload shows the same."""
    with httpx.Client(base_url=server.url) as http:
        third = http.get("/ui/jump?from=0&types=RunRequested").json()["position"]
        for _ in range(2):
            third = http.get(f"/ui/jump?from={third}&types=RunRequested").json()["position"]
    page.goto("/ui")
    page.locator("#position").fill(str(third))
    page.locator("#position").press("Enter")
    expect(page.locator("#figures")).to_contain_text("2 completed")
    expect(page.locator("#banner")).to_be_visible()
    assert page.url.endswith(f"?at={third}")
    shown = figures(page)
    page.reload()
    assert figures(page) == shown
    page.locator("#live").click()
    expect(page.locator("#banner")).to_be_hidden()
    assert "at=" not in page.url


def test_keys(page: Page) -> None:
    """Arrows step, J and K go from decision to decision, L returns to the present."""
    page.goto("/ui?at=10")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"at=11$"))
    page.keyboard.press("Shift+ArrowLeft")
    expect(page).to_have_url(re.compile(r"at=0$"))
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(r"at=4$"))
    expect(page.locator("#decisions tbody tr")).to_have_count(1)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(r"at=4$"))
    page.keyboard.press("l")
    expect(page).to_have_url(re.compile(r"/ui$"))


def test_plays_to_the_present(page: Page) -> None:
    """Space plays the whole history; at the end the page shows what the present shows."""
    page.goto("/ui")
    now = figures(page)
    page.keyboard.press("Space")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false", timeout=60_000)
    assert figures(page) == now


def test_an_empty_log_teaches(page: Page) -> None:
    """At position 0 nothing has been asked, and the page says how to ask."""
    page.goto("/ui?at=0")
    expect(page.locator(".empty")).to_contain_text("curl -X POST")


def test_bad_moments(page: Page, server: Server) -> None:
    """A moment that is none is a page with the rule, not a broken one."""
    answer = httpx.get(f"{server.url}/ui?at=yesterday")
    assert answer.status_code == 422
    assert "must be a log position or a time" in answer.text
