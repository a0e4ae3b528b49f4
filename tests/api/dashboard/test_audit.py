"""The audit page in a browser: chain, events, read models."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from serving import Server, serving

from .conftest import PROBLEMS


def test_verifies_every_hash(page: Page, server: Server) -> None:
    """The button recomputes the chain, and the page says up to where; another page of this server says the same."""
    page.goto("/ui/audit")
    page.locator("#verify").click()
    head = httpx.get(f"{server.url}/log/head").json()
    expect(page.locator("#verification")).to_contain_text(f"unbroken: {head['position']} events")
    expect(page.locator(".working")).to_have_count(0)
    page.reload()
    expect(page.locator("#verification")).to_contain_text("unbroken")


def test_a_kept_head_is_compared(page: Page, server: Server) -> None:
    """The head that the page offers is contained; another hash, a later position and nonsense are told apart; the URL keeps it."""
    page.goto("/ui/audit?at=20")
    head = httpx.get(server.url + str(page.locator("#keep-head").get_attribute("href"))).json()
    assert page.locator("#head-hash").inner_text() == head["hash"]
    assert head["position"] == 20
    page.locator("#live").click()
    for kept, says in (
        (head, "contained"),
        (head | {"hash": "ab" * 32}, "another log"),
        (head | {"position": 10**6}, "cut off"),
        ({"position": 1}, "unreadable"),
    ):
        page.locator("#pasted").fill(json.dumps(kept))
        page.locator("#pasted").press("Enter")
        expect(page.locator("#compared")).to_contain_text(says)
    page.locator("#pasted").fill(json.dumps(head | {"hash": "ab" * 32}))
    page.locator("#pasted").press("Enter")
    expect(page.locator("#compared")).to_contain_text("another log")
    page.reload()
    expect(page.locator("#compared")).to_contain_text("another log")
    page.locator("#verify").click()
    expect(page.locator("#verification")).to_contain_text("broken at event 20")


def test_who_did_what(page: Page, server: Server) -> None:
    """Filters are in the URL, older pages follow by position, and an event opens to its data and to its moment."""
    page.goto("/ui/audit")
    rows = page.locator("#events tbody tr")
    page.locator("select[name=type]").select_option("RunRequested")
    expect(rows).to_have_count(6)
    expect(page).to_have_url(re.compile("type=RunRequested"))
    page.locator("#filter-text").fill("ITEMS3")
    page.locator("#filter-text").press("Enter")
    expect(rows).to_have_count(1)
    rows.locator("summary").click()
    expect(rows.locator("pre")).to_contain_text("items3")
    position = rows.locator("a").first.inner_text()
    rows.locator("a").first.click()
    expect(page).to_have_url(re.compile(f"at={position}"))
    expect(page.locator("#banner")).to_be_visible()
    page.goto("/ui/audit?before=20")
    expect(rows).to_have_count(19)
    expect(rows.first).to_have_attribute("id", "event-19")
    page.goto("/ui/audit?actor=nobody")
    expect(page.locator("#nothing")).to_be_visible()


def test_new_events_appear_and_open_ones_stay_open(page: Page, server: Server) -> None:
    """A run that is solved while somebody reads puts its events on top; what is unfolded stays unfolded."""
    page.goto("/ui/audit?type=RunRequested")
    first = page.locator("#events tbody tr").first
    kept = str(first.get_attribute("id"))
    first.locator("summary").click()
    with httpx.Client(base_url=server.url, timeout=60) as http:
        run = http.post("/solve", json=PROBLEMS[0] | {"time_limit": 5}, headers={"prefer": "wait=60"}).json()["run"]
    expect(page.locator("#events tbody tr").first).to_contain_text(run[:15])
    expect(page.locator(f"#{kept} details")).to_have_attribute("open", "")


def test_a_rebuild_is_shown_beside_the_old_one(browser: Browser, edited: Server) -> None:
    """Where a read model did not say what the log says, both sides are shown; rebuilt again it is the same."""
    page = browser.new_page(base_url=edited.url)
    page.goto("/ui/audit")
    button = page.locator("#projection-throughput button")
    button.click()
    expect(page.locator("#rebuilt-throughput")).to_contain_text("/totals/completed")
    assert page.locator("#rebuilt-throughput td.old, #rebuilt-throughput td.new").all_inner_texts() == ["40", "2"]
    button.click()
    expect(page.locator("#rebuilt-throughput")).to_contain_text("rebuilt the same")
    page.close()


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose totals somebody has edited."""
    db = tmp_path_factory.mktemp("edited") / "edited.db"
    with serving(db) as server, httpx.Client(base_url=server.url, timeout=60) as http:
        for problem in PROBLEMS[:2]:
            http.post("/solve", json=problem | {"time_limit": 5}, headers={"prefer": "wait=60"})
    with closing(sqlite3.connect(db)) as c, c:
        (state,) = c.execute("SELECT state FROM projections WHERE name = 'throughput' AND live").fetchone()
        content = json.loads(state)
        content["totals"]["completed"] = 40
        c.execute("UPDATE projections SET state = ? WHERE name = 'throughput'", (json.dumps(content).encode(),))
    with serving(db) as server:
        yield server


def test_an_empty_log_teaches(page: Page) -> None:
    """Before the first event there is no chain, and the page says how one begins."""
    page.goto("/ui/audit?at=0")
    expect(page.locator("#chain .empty")).to_contain_text("No event yet")


@pytest.mark.parametrize("query", ["before=x", "text=" + "x" * 300, "head=" + "x" * 500, "at=soon"])
def test_bad_parameters_are_told(server: Server, query: str) -> None:
    """A page with the rule, not a broken one."""
    answer = httpx.get(f"{server.url}/ui/audit?{query}")
    assert answer.status_code == 422
    assert "must" in answer.text
