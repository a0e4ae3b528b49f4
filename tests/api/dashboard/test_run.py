"""A run's page in a browser: as it is, as it was, while it goes, and what its buttons find."""

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from forging import better, forge, timed_out
from playwright.sync_api import Browser, Page, expect
from serving import Server, serving

from mezan.solvers.knapsack import Knapsack

BETTER, FAILED = "run_forgedbetter000000000000000", "run_forgedfailed000000000000000"
WAIT = {"prefer": "wait=120"}
ITEMS = {"type": "knapsack", "name": "bag", "values": [6, 10, 12, 1], "weights": [1, 2, 3, 1], "capacity": 5, "time_limit": 20}  # fmt: skip
QAP = {
    "type": "qap",
    "name": "four",
    "best_known": 200,
    "A": [[0, 5, 2, 1], [5, 0, 3, 1], [2, 3, 0, 4], [1, 1, 4, 0]],
    "B": [[0, 8, 15, 2], [8, 0, 13, 3], [15, 13, 0, 1], [2, 3, 1, 0]],
    "time_limit": 60,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server whose log has two forged runs too."""
    db = tmp_path_factory.mktemp("run") / "shown.db"
    problem = Knapsack(values=[3, 4], weights=[1, 2], capacity=2)
    forge(db, problem, {BETTER: better, FAILED: timed_out}, solver="knapsack.greedy", fresh=True)
    with serving(db) as running:
        yield running


def solve(server: Server, problem: dict, **options: object) -> str:
    answer = httpx.post(f"{server.url}/solve", json=problem | options, headers=WAIT, timeout=120)
    run: str = answer.json()["run"]
    return run


def events(server: Server, run: str) -> list[dict]:
    found: list[dict] = httpx.get(f"{server.url}/runs/{run}/events").json()["events"]
    return found


@pytest.fixture(scope="module")
def bag(server: Server) -> str:
    return solve(server, ITEMS, policy="elo_ucb", fresh=True)


@pytest.fixture(scope="module")
def race(server: Server) -> str:
    return solve(server, QAP, pans=["tabu", "enhanced"], iterations=200)


def test_a_finished_run(page: Page, server: Server, bag: str) -> None:
    """Head, solution, attempt and events are those of the log: the items that are worth most, by whom, in how many events."""
    page.goto(f"/ui/runs/{bag}")
    expect(page.locator("h1")).to_contain_text("bag")
    expect(page.locator("h1 .status")).to_have_text("completed")
    expect(page.locator("#figures")).to_contain_text("proved optimal")
    taken = page.locator("details", has_text="Taken").locator("tbody tr")
    assert [row.split("\t")[0] for row in taken.all_inner_texts()] == ["1", "2"]
    expect(page.locator(".facts")).to_contain_text("100.0% of the capacity of 5")
    expect(page.locator("#events tbody tr")).to_have_count(len(events(server, bag)))
    expect(page.locator("#candidates tr.chosen")).to_contain_text("chosen")
    expect(page.locator("#timeline svg .bar")).to_have_count(1)


def test_why(page: Page, bag: str) -> None:
    """What would have changed the choice comes with the page; verifying folds the log again and finds the same card."""
    page.goto(f"/ui/runs/{bag}")
    expect(page.locator("#explanation")).to_contain_text("What would have changed it")
    expect(page.locator("#explanation")).to_contain_text("thompson")
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("#verified")).to_contain_text("identical every choice made again from the log, 1 comparison")
    page.goto(f"/ui/runs/{bag}/why")
    expect(page.locator("#reasons")).to_contain_text("without knapsack")


def test_replay(page: Page, server: Server, bag: str) -> None:
    """The button executes the run again; what it found stays while the page goes on."""
    page.goto(f"/ui/runs/{bag}")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("#replayed")).to_contain_text("identical", timeout=60_000)
    before = page.locator("#page").get_attribute("data-position")
    solve(server, ITEMS)
    expect(page.locator("#page")).not_to_have_attribute("data-position", before or "")
    expect(page.locator("#replayed")).to_contain_text("identical")


def test_a_forged_run_is_found_out(page: Page, server: Server) -> None:
    """The first difference is named: the event, its field, what was recorded and what comes out."""
    end = events(server, BETTER)[-2]
    page.goto(f"/ui/runs/{BETTER}")
    page.get_by_role("button", name="Replay").click()
    verdict = page.locator("#replayed")
    expect(verdict).to_contain_text(f"The first difference: event {end['position']}, AttemptSucceeded, field objective", timeout=60_000)  # fmt: skip
    assert verdict.locator("td").all_inner_texts() == ["5", "4"]
    verdict.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"at={end['position']}$"))


def test_arrows_step_through_the_runs_own_events(page: Page, server: Server, bag: str) -> None:
    """However many others there are between them; each panel is as it was then."""
    positions = {event["type"]: event["position"] for event in events(server, bag)}
    solve(server, ITEMS | {"values": [1, 1, 1, 2]})
    page.goto(f"/ui/runs/{bag}?at={positions['RunRequested']}")
    expect(page.locator("h1 .status")).to_have_text("requested")
    expect(page.locator("main")).to_contain_text("No solver has been chosen yet")
    for event in events(server, bag)[1:]:
        page.keyboard.press("ArrowRight")
        expect(page.locator("#events tbody tr").first).to_have_attribute("id", f"e{event['position']}")
    expect(page.locator("h1 .status")).to_have_text("completed")
    page.goto(f"/ui/runs/{bag}?at={positions['AttemptStarted']}")
    expect(page.locator("h1 .status")).to_have_text("running")
    expect(page.locator("#solution-title + .note")).to_have_text("None has been found yet.")
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_before_it_was_asked_for(server: Server, bag: str) -> None:
    """At an earlier position there is no such run, and the page says so."""
    first = events(server, bag)[0]["position"]
    answer = httpx.get(f"{server.url}/ui/runs/{bag}?at={first - 1}")
    assert answer.status_code == 404
    assert "did not exist at position" in answer.text


def test_a_race(page: Page, server: Server, race: str) -> None:
    """Both pans are shown with what they found themselves, one leads, and its assignment is drawn."""
    found = httpx.get(f"{server.url}/runs/{race}").json()
    page.goto(f"/ui/runs/{race}")
    for name, task in found["tasks"].items():
        expect(page.locator(f"#task-{name}")).to_contain_text(f"{task['objective']:.0f}")
    expect(page.locator("#timeline .bar")).to_have_count(2)
    page.wait_for_function("document.querySelector('figure img')?.naturalWidth > 100")
    rows = page.locator("details", has_text="Assignment").locator("tbody tr")
    placed = [row.text_content() or "" for row in rows.all()]
    assert len(placed) == 4
    places = sorted(
        (page.locator("details", has_text="Assignment").locator(f"tbody tr:nth-child({i}) td").all_text_contents()[:2])
        for i in range(1, 5)
    )
    assert [int(location) for _, location in places] == found["solution"]
    other = next(name for name in found["tasks"] if not page.locator(f"#task-{name}.chosen").count())
    page.locator(f"#task-{other} a").first.click()
    expect(page.locator("#solution-title")).to_have_text(f"Solution of {other}")


def test_the_course(page: Page, server: Server, race: str) -> None:
    """The table behind the curve has every incumbent; axes are in the URL, and a gap is to the best known value."""
    incumbents = [e["data"] for e in events(server, race) if e["type"] == "IncumbentFound"]
    page.goto(f"/ui/runs/{race}")
    page.locator("#course-table summary").click()
    shown = page.locator("#course-table tbody td:last-child").all_inner_texts()
    assert {f"{one['objective']:.0f}" for one in incumbents} <= set(shown)
    page.locator("select[name=x]").select_option("iterations")
    page.locator("select[name=y]").select_option("gap")
    page.get_by_label("log value").check()
    expect(page).to_have_url(re.compile("log_y=1"))
    page.reload()
    expect(page.locator("mezan-plot#course canvas")).to_be_visible()
    spec = page.evaluate("JSON.parse(document.querySelector('#course script').textContent)")
    assert spec["y_log"]
    assert spec["x_label"] == "iterations"
    best = min(one["objective"] for one in incumbents)
    least = min(value for line in spec["series"] for value in line["values"] if value is not None)
    assert least == pytest.approx(100 * abs(best - 200) / 200)


def test_an_events_json(page: Page, server: Server, bag: str) -> None:
    """An opened event is the API's, and stays open while the page changes."""
    event = events(server, bag)[3]
    page.goto(f"/ui/runs/{bag}")
    row = page.locator(f"#e{event['position']}")
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text(event["hash"])
    position = page.locator("#page").get_attribute("data-position")
    solve(server, ITEMS)
    expect(page.locator("#page")).not_to_have_attribute("data-position", position or "")
    expect(row.locator("pre")).to_contain_text(event["hash"])


def test_a_failed_run_opens_where_it_broke(page: Page, server: Server) -> None:
    """The failing event, its JSON and the state just before it come first."""
    broke = next(e for e in events(server, FAILED) if e["type"] == "AttemptTimedOut")
    page.goto(f"/ui/runs/{FAILED}")
    panel = page.locator(".failing")
    expect(panel.locator("h2")).to_contain_text(broke["type"])
    expect(panel.locator("pre")).to_contain_text(broke["hash"])
    expect(panel.locator("tr", has_text="status")).to_contain_text("running")
    panel.get_by_role("link", name=f"event {broke['position'] - 1}").click()
    expect(page.locator("h1 .status")).to_have_text("running")
    expect(page.locator(".failing")).to_have_count(0)


def test_lineage(page: Page, server: Server, race: str) -> None:
    """A run that started from another's result names it, and is named by it."""
    child = solve(server, QAP, solver="qap.enhanced", iterations=50)
    start = next(e for e in events(server, child) if e["type"] == "AttemptStarted")
    assert start["data"]["seeded_from"]["run"] == race
    page.goto(f"/ui/runs/{child}")
    expect(page.locator("#causes")).to_contain_text("started from the result of")
    page.locator("#causes a.run").click()
    expect(page).to_have_url(re.compile(race))
    expect(page.locator(f"#effect-{start['position']}")).to_contain_text("started from its result")
    page.goto(f"/ui/runs/{race}?at={start['position'] - 1}")
    expect(page.locator(f"#effect-{start['position']}")).to_have_count(0)


def test_a_run_under_way(page: Page, server: Server) -> None:
    """Its page follows it, and the button ends it: the status changes without a reload."""
    slow = QAP | {"name": "slow", "iterations": 10**9, "solver": "qap.tabu", "fresh": True}
    run = httpx.post(f"{server.url}/solve", json=slow).json()["run"]
    page.goto(f"/ui/runs/{run}")
    expect(page.locator("h1 .status")).to_have_text("running", timeout=60_000)
    expect(page.locator("#figures .figure dd").first).to_contain_text(re.compile(r"\d"), timeout=60_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .status")).to_have_text("cancelled", timeout=60_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("cancelled over HTTP")


@pytest.mark.parametrize("query", ["task=nobody", "x=years", "y=none", "events=x"])
def test_bad_parameters(server: Server, bag: str, query: str) -> None:
    """What is no task, axis or position is a page that says the rule."""
    answer = httpx.get(f"{server.url}/ui/runs/{bag}?{query}")
    assert answer.status_code == 422
    assert "must be" in answer.text


def test_pictures_are_of_the_runs_own_solutions(server: Server, race: str, bag: str) -> None:
    """A picture is an image of a solution that the run names; of anything else there is none."""
    kept = httpx.get(f"{server.url}/runs/{race}/artifacts").json()["artifacts"]
    digest = next(one["digest"] for one in kept if one["kind"] == "solution" and one["size"] is not None)
    drawn = httpx.get(f"{server.url}/ui/runs/{race}/pictures/{digest}/1.svg")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg")
    for path in (
        f"{race}/pictures/{digest}/0.svg",
        f"{race}/pictures/{digest}/99.svg",
        f"{bag}/pictures/{digest}/1.svg",
    ):
        assert httpx.get(f"{server.url}/ui/runs/{path}").status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["race", "failed", "why", "list"])
def test_axe_finds_nothing(browser: Browser, server: Server, race: str, bag: str, scheme: str, path: str) -> None:
    """Whoever reads with a keyboard, a screen reader or weak eyes gets the pages of runs too."""
    paths = {"race": f"/{race}", "failed": f"/{FAILED}", "why": f"/{bag}/why", "list": ""}
    context = browser.new_context(base_url=server.url, color_scheme=scheme, bypass_csp=True)  # axe is put into the page
    opened = context.new_page()
    opened.goto(f"/ui/runs{paths[path]}")
    if path == "race":
        opened.locator("#course-table summary").click()
        opened.locator("#events details summary").first.click()
        expect(opened.locator("#events pre")).to_be_visible()
    found = Axe().run(opened).response["violations"]
    context.close()
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


def test_is_usable_in_the_dark_and_when_narrow(browser: Browser, server: Server, race: str) -> None:
    """On a narrow dark screen nothing but tables and pictures is wider than the page."""
    context = browser.new_context(base_url=server.url, viewport={"width": 420, "height": 800}, color_scheme="dark")
    opened = context.new_page()
    opened.goto(f"/ui/runs/{race}")
    expect(opened.locator("#figures")).to_be_visible()
    assert opened.evaluate("document.documentElement.scrollWidth") <= 420
    context.close()
