"""Logging in with a browser, and the pages of accounts."""

from collections.abc import Iterator

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect
from secured import KNAPSACK, PASSWORD, Secured, secured


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("accounts") / "house.db", "--limit", "login=off") as running:
        with running.client("operator") as http:
            assert http.post("/solve", json=KNAPSACK, headers={"prefer": "wait=20"}).status_code == 200
        yield running


@pytest.fixture
def page(browser: Browser, house: Secured) -> Iterator[Page]:
    """A page that fails its test on errors in the console, but for refusals that a test provokes, and on foreign requests."""
    context = browser.new_context(base_url=house.server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" and "status of 4" not in m.text else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda r: None if r.url.startswith((house.server.url, "data:")) else wrong.append(r.url))
    yield opened
    context.close()
    assert not wrong


def log_in(page: Page, user: str, password: str = PASSWORD, code: str = "") -> None:
    page.get_by_label("name, or name@project").fill(user)
    page.get_by_label("password").fill(password)
    if code:
        page.get_by_label("code, if you have").fill(code)
    page.get_by_role("button", name="Log in").click()


def test_a_page_leads_to_the_login_and_back(page: Page) -> None:
    """Whoever opens a page logs in and is where it wanted to be; a wrong password says so and keeps the name."""
    page.goto("/ui/runs?status=completed")
    expect(page).to_have_url(page.url)
    log_in(page, "operator-user", "wrong wrong wrong")
    expect(page.get_by_role("alert")).to_contain_text("must be right")
    expect(page.get_by_label("name, or name@project")).to_have_value("operator-user")
    log_in(page, "operator-user")
    page.wait_for_url("**/ui/runs?status=completed")
    expect(page.get_by_role("link", name="operator-user")).to_be_visible()
    expect(page.get_by_role("link", name="Accounts")).to_have_count(0)
    expect(page.locator("#trouble")).to_be_hidden()  # the stream of events takes the cookie


def test_a_session_submits_and_follows(page: Page) -> None:
    """The form's request brings the CSRF token; the run's page is drawn live over the same session."""
    page.goto("/login?next=/ui/submit")
    log_in(page, "operator-user")
    page.wait_for_url("**/ui/submit")
    page.get_by_label("problem", exact=False).first.wait_for()
    page.locator("button[data-example]:visible").first.click()
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url("**/ui/runs/run_*")
    expect(page.locator("#page")).to_contain_text("completed", timeout=20_000)


def test_a_viewer_sees_what_it_may(page: Page) -> None:
    """The menu has no page that would be refused, and an address that is typed says which scope is missing."""
    page.goto("/login")
    log_in(page, "viewer-user")
    page.wait_for_url("**/ui")
    names = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
    assert names == ["Overview", "Runs", "Leaderboard", "Clusters", "Compare", "Audit", "viewer-user"]
    page.goto("/ui/submit")
    expect(page.locator("main")).to_contain_text("runs:write")


def test_a_session_that_is_over_leads_to_the_login(page: Page, house: Secured) -> None:
    """An open page whose user is disabled goes to the login by itself, and says where it was."""
    with house.client("admin") as admin:
        user = admin.post("/accounts/users", json={"name": "leaver", "role": "viewer"}).json()["id"]
        admin.post(f"/accounts/users/{user}/password", json={"password": PASSWORD})
        page.goto("/login?next=/ui/runs")
        log_in(page, "leaver")
        page.wait_for_url("**/ui/runs")
        assert admin.post(f"/accounts/users/{user}/disable", json={}).status_code == 200
        with house.client("operator") as http:
            http.post("/solve", json=KNAPSACK | {"capacity": 4})
        page.wait_for_url("**/login?next=%2Fui%2Fruns", timeout=15_000)


def test_an_administrator_administers(page: Page, house: Secured) -> None:
    """A user, a key that is shown once and works, a role, and who was refused: all on one page, of the own project only."""
    with house.client("viewer") as viewer:
        viewer.post("/solve", json=KNAPSACK)
    page.goto("/login?next=/ui/accounts")
    log_in(page, "admin-user")
    page.wait_for_url("**/ui/accounts")
    expect(page.locator("#users")).not_to_contain_text(house.ids["viewer-user@north"])
    form = page.get_by_role("form", name="Add a user")
    form.get_by_label("name").fill("newcomer")
    form.get_by_role("button", name="Add").click()
    expect(page.locator("#users")).to_contain_text("newcomer")
    form = page.get_by_role("form", name="Add a user")
    form.get_by_label("name").fill("newcomer")
    form.get_by_role("button", name="Add").click()
    expect(form.get_by_role("status")).to_contain_text("must be new")
    form = page.get_by_role("form", name="Issue a key")
    form.get_by_label("what it is for").fill("ci")
    form.get_by_role("button", name="Issue").click()
    key = form.locator(".told code").inner_text()
    assert httpx.get(f"{house.server.url}/runs", headers={"authorization": f"Bearer {key}"}).status_code == 200
    form = page.get_by_role("form", name="Define a role")
    form.get_by_label("name").fill("scraper")
    form.get_by_label("and may").select_option(["metrics:read"])
    form.get_by_role("button", name="Define").click()
    expect(page.locator("#roles")).to_contain_text("scraper")
    expect(page.locator("#denials")).to_contain_text("forbidden")
    expect(page.locator("#denials")).to_contain_text("viewer-key")


def test_an_authenticator_is_set_up_and_asked_for(page: Page, house: Secured) -> None:
    """Secret and recovery codes are shown once; then a login without a code is told so, and one with a recovery code is let in."""
    with house.client("admin") as admin:
        user = admin.post("/accounts/users", json={"name": "careful", "role": "viewer"}).json()["id"]
        admin.post(f"/accounts/users/{user}/password", json={"password": PASSWORD})
    page.goto("/login?next=/ui/me")
    log_in(page, "careful")
    page.wait_for_url("**/ui/me")
    page.get_by_role("button", name="Set one up").click()
    secret = page.locator(".told code").first.inner_text()
    page.get_by_label("code", exact=True).fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    told = page.locator("form[data-send$=confirm] .told code")
    expect(told).to_have_count(10)
    recovery = told.first.inner_text()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    log_in(page, "careful")
    expect(page.get_by_role("alert")).to_contain_text("code")
    log_in(page, "careful", code=recovery)
    page.wait_for_url("**/ui")
    page.goto("/ui/me")
    expect(page.locator("main")).to_contain_text("9 recovery codes are left")
