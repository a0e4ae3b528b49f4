"""The API's reference as a page: complete, linked within itself, and usable by keyboard."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from serving import Server


def test_every_route_is_on_it(page: Page, server: Server) -> None:
    """Each operation and schema of the document has its place, and every link within the page leads to one."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    page.goto("/docs")
    wanted = {op["operationId"] for methods in document["paths"].values() for op in methods.values()}
    wanted |= {f"schema-{name}" for name in document["components"]["schemas"]}
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert wanted <= set(ids)
    assert len(ids) == len(set(ids))
    targets = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.getAttribute('href').slice(1))"
    )
    assert set(targets) <= set(ids)


def test_is_read_by_keyboard(page: Page) -> None:
    """A route opens by Enter and shows what it takes, with an example that can be sent as it is."""
    page.goto("/docs")
    route = page.locator("#post_solve > summary")
    route.focus()
    page.keyboard.press("Enter")
    opened = page.locator("#post_solve")
    expect(opened.get_by_text("Idempotency-Key").first).to_be_visible()
    expect(opened.locator("pre").first).to_contain_text('"type": "qap"')
    opened.locator("a", has_text="RunReport").click()
    assert page.url.endswith("#schema-RunReport")
    expect(page.locator("#schema-RunReport")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_is_accessible(page: Page, scheme: str) -> None:
    """No violation of WCAG 2 A or AA that axe can see, in both themes, with a route open."""
    page.emulate_media(color_scheme=scheme)
    page.goto("/docs")
    page.locator("#post_solve > summary").click()
    options = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}}
    found = Axe().run(page, options=options).response["violations"]
    assert not found, [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
