"""The list of runs in a browser: filters, a window that moves with the reader, live rows, keyboard, comparison."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import Server

KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 20, "solver": "knapsack.greedy", "fresh": True}  # fmt: skip
MANY = 420
WINDOW = 160
VISIBLE = """() => {
  const edge = document.getElementById("time").getBoundingClientRect().bottom;
  const row = [...document.querySelectorAll("#rows > tr")].find((r) => r.getBoundingClientRect().bottom > edge);
  return [row.id, Math.round(row.getBoundingClientRect().top), document.querySelectorAll("#rows > tr").length];
}"""

COLLECT = """() => {
  const look = () => {
    const boxes = [...document.querySelectorAll("#rows input")];
    window.most = Math.max(window.most ?? 0, boxes.length);
    window.seen = new Set([...(window.seen ?? []), ...boxes.map((box) => box.value)]);
  };
  addEventListener("mezan:drawn", look);
  look();
}"""


@pytest.fixture(scope="module")
def many(server: Server) -> list[str]:
    """More runs than a page shows, in the order in which they were asked for."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        runs = [http.post("/solve", json=KNAPSACK | {"name": f"many{i}"}).json()["run"] for i in range(MANY)]
        while http.get("/runs?label=many&status=completed&limit=1000").json()["runs"].__len__() < MANY:
            pass
    return runs


def ask(server: Server, name: str) -> str:
    answer = httpx.post(
        f"{server.url}/solve", json=KNAPSACK | {"name": name}, headers={"prefer": "wait=60"}, timeout=60
    )
    run: str = answer.json()["run"]
    return run


def test_filters_are_in_the_url(page: Page) -> None:
    """A filter changes the rows and the URL; a reload shows the same, and clearing brings all back."""
    page.goto("/ui/runs")
    expect(page.locator("#rows tr")).to_have_count(6)
    page.locator("select[name=solver]").select_option("knapsack.greedy")
    expect(page.locator("#rows tr")).to_have_count(3)
    page.get_by_role("searchbox").fill("items5")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1)
    assert "solver=knapsack.greedy" in page.url
    assert "label=items5" in page.url
    page.reload()
    expect(page.locator("#rows .name")).to_have_text(re.compile("items5"))
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("link", name="clear").click()
    expect(page.locator("#rows tr")).to_have_count(6)


def test_what_no_run_meets(page: Page) -> None:
    """Filters that nothing meets are answered with what to do; so is an empty log."""
    page.goto("/ui/runs?status=failed")
    expect(page.locator(".empty")).to_contain_text("none of which meets all the filters")
    page.goto("/ui/runs?at=0")
    expect(page.locator(".empty")).to_contain_text("Nothing has been asked yet")


def test_rows_as_they_were(page: Page, server: Server) -> None:
    """At its request the third run is a row that has only been asked for; one event on, it is the same row."""
    positions = [row["position"] for row in httpx.get(f"{server.url}/runs?limit=100").json()["runs"]]
    third = sorted(positions)[2]
    page.goto(f"/ui/runs?at={third}")
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator(f"#r{third} .status")).to_have_text("requested")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(f"#r{third} .status")).to_have_text("completed")


def test_new_runs_come_on_top(page: Page, server: Server) -> None:
    """A run that is asked for while the page is open is its first row, without a reload, and gets its result there."""
    page.goto("/ui/runs")
    row = page.locator("#rows tr").first
    run = ask(server, "fresh")
    expect(row).to_contain_text("fresh")
    expect(row).to_contain_text("completed")
    expect(row.locator("a.run")).to_have_attribute("href", f"/ui/runs/{run}")
    expect(row.locator("td").nth(7)).to_have_text("22")


def test_a_reader_gets_to_the_end_and_back(page: Page, many: list[str], server: Server) -> None:
    """Scrolling reaches the first run of all and the newest again; there are never more rows than a window has."""
    page.goto("/ui/runs")
    page.evaluate(COLLECT)
    whole = {row["run"] for row in httpx.get(f"{server.url}/runs?limit=1000").json()["runs"]}
    assert len(whole) > 2 * WINDOW

    def scroll(by: int, until: str) -> None:
        for _ in range(120):
            page.mouse.wheel(0, by)
            page.wait_for_timeout(60)
            if page.evaluate(until):
                return
        raise AssertionError(f"{until} was never reached; at {page.url}")

    page.mouse.move(600, 500)
    scroll(
        1_200,
        "document.querySelector('#older .note') !== null && innerHeight + scrollY > document.body.scrollHeight - 10",
    )
    assert set(page.evaluate("[...window.seen]")) == whole
    assert "before=" in page.url
    expect(page.locator("#rows tr").last.locator(".name")).to_contain_text("items0")
    scroll(-1_200, "document.querySelector('#newer a') === null && scrollY === 0")
    expect(page.locator("#rows tr").first.locator(".name")).to_contain_text(f"many{MANY - 1}")
    assert page.evaluate("window.most") <= WINDOW
    expect(page).to_have_url(re.compile("/ui/runs$"))


def test_new_runs_do_not_move_what_is_read(page: Page, many: list[str], server: Server) -> None:
    """While somebody reads further down, runs come in above without moving the row that is looked at."""
    page.goto("/ui/runs")
    page.mouse.move(600, 500)
    page.mouse.wheel(0, 3_000)
    page.wait_for_timeout(500)
    row, at, _ = page.evaluate(VISIBLE)
    position = page.locator("#page").get_attribute("data-position")
    for i in range(5):
        ask(server, f"late{i}")
    page.wait_for_function(
        "(before) => Number(document.getElementById('page').dataset.position) >= Number(before) + 25", arg=position
    )
    page.wait_for_timeout(500)
    assert page.evaluate(VISIBLE)[:2] == [row, at]
    page.keyboard.press("Home")
    expect(page.locator("#rows tr").first).to_contain_text("late4")


def test_a_window_deep_down_is_in_the_url(page: Page, many: list[str], server: Server) -> None:
    """A URL names where the list begins: the same rows for whoever opens it; its links go both ways without a script."""
    rows = httpx.get(f"{server.url}/runs?limit=1000").json()["runs"]
    middle = rows[200]["position"]
    page.goto(f"/ui/runs?before={middle + 1}")
    expect(page.locator("#newer a").first).to_be_attached()
    page.wait_for_timeout(1_000)
    top = page.evaluate(f"document.getElementById('r{middle}').getBoundingClientRect().top")
    assert 0 < top < 450
    text = httpx.get(f"{server.url}/ui/runs?after={middle}").text
    shown = [int(p) for p in re.findall(r'<tr id="r(\d+)"', text)]
    expected = [row["position"] for row in rows]
    assert shown == expected[120 : 120 + WINDOW]
    assert f"before={shown[-1]}" in text


def test_keyboard(page: Page, many: list[str]) -> None:
    """Down and up go from run to run, Enter opens the one in focus."""
    page.goto("/ui/runs")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    row = page.locator("#rows tr").nth(1)
    expect(row.locator("a.run")).to_be_focused()
    run = row.locator("input").get_attribute("value")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/ui/runs/{run}$"))


def test_runs_are_chosen_for_comparison(page: Page, server: Server) -> None:
    """Boxes that are ticked stay so while the page changes under them; one run alone cannot be compared."""
    page.goto("/ui/runs")
    expect(page.locator("#comparing")).to_be_disabled()
    boxes = page.locator("#rows input")
    chosen = [boxes.nth(i).get_attribute("value") for i in (1, 2)]
    boxes.nth(1).check()
    expect(page.locator("#comparing")).to_be_disabled()
    boxes.nth(2).press("Space")
    ask(server, "meanwhile")
    expect(page.locator("#rows tr").first).to_contain_text("meanwhile")
    for run in chosen:
        expect(page.locator(f"#rows input[value='{run}']")).to_be_checked()
    page.get_by_role("button", name="Compare 2").click()
    expect(page).to_have_url(re.compile("/ui/compare"))
    for run in chosen:
        expect(page.locator("#compared").get_by_role("link", name=str(run)[:16])).to_be_visible()
    assert sorted(httpx.URL(page.url).params.get_list("runs")) == sorted(str(run) for run in chosen)


@pytest.mark.parametrize("query", ["status=done", "purpose=fun", "before=x", "before=1&after=2", "label=" + "x" * 201])
def test_bad_parameters(server: Server, query: str) -> None:
    """What is no status, purpose, position or name is a page that says the rule."""
    answer = httpx.get(f"{server.url}/ui/runs?{query}")
    assert answer.status_code == 422
    assert "must" in answer.text or "begins either" in answer.text


def test_links_lead_to_the_moment_however_they_are_followed(page: Page) -> None:
    """By a click, in another tab, or copied from the menu, after a step of the slider too; rows that stay are left as they are."""
    page.goto("/ui/runs")
    at = int(page.locator("#position").input_value()) - 2
    page.goto(f"/ui/runs?at={at}")
    page.evaluate("for (const row of document.querySelectorAll('#rows > tr')) row.seen = true")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#page")).to_have_attribute("data-position", str(at + 1))
    seen = page.evaluate("[...document.querySelectorAll('#rows > tr')].map((row) => row.seen)")
    assert seen.count(True) >= len(seen) - 1
    first, second, third = (page.locator("#rows a.run").nth(i) for i in range(3))
    moment = re.compile(rf"/ui/runs/run_\w+\?at={at + 1}$")
    first.dispatch_event("contextmenu")
    expect(first).to_have_attribute("href", moment)
    with page.context.expect_page() as opened:
        second.click(button="middle")
    expect(opened.value).to_have_url(moment)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#page")).to_have_attribute("data-position", str(at + 2))
    third.click()
    expect(page).to_have_url(re.compile(rf"/ui/runs/run_\w+\?at={at + 2}$"))
