"""A server with a short history, and Chromium."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from serving import CHROMIUM, Server, serving

PROBLEMS = [
    {"type": "knapsack", "name": f"items{i}", "values": [6 + i, 10, 12, 7], "weights": [1, 2, 3, 2], "capacity": 5 + i}
    for i in range(6)
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: while Playwright is at work its event loop runs, and no asynchronous test can."""
    if CHROMIUM is None:
        pytest.skip("pages are tested in Chromium, which is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("dashboard") / "shown.db") as running:
        with httpx.Client(base_url=running.url, timeout=60) as http:
            for i, problem in enumerate(PROBLEMS):
                asked = problem | {"time_limit": 5, "seed": i, "solver": ("knapsack.dp", "knapsack.greedy")[i % 2]}
                assert http.post("/solve", json=asked, headers={"prefer": "wait=60"}).status_code == 200
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page that fails its test on any error in the console and on any request to elsewhere."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda r: None if r.url.startswith((server.url, "data:")) else wrong.append(r.url))
    yield opened
    context.close()
    assert not wrong
