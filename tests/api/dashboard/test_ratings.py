"""Leaderboard, clusters and comparisons in a browser: figures, links in place, filters in the URL, earlier moments."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect
from serving import Server, serving
from traps import SOLVERS, solve_traps, trap


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Seven instances solved by two solvers, and two choices of a policy."""
    with serving(tmp_path_factory.mktemp("ratings") / "rated.db") as running:
        solve_traps(running.url)
        with httpx.Client(base_url=running.url, timeout=60) as http:
            for i in range(2):
                asked = trap(i) | {"policy": "elo_ucb", "seed": i, "fresh": True, "time_limit": 5}
                assert http.post("/solve", json=asked, headers={"prefer": "wait=60"}).status_code == 200
        yield running


@pytest.fixture(scope="module")
def runs(server: Server) -> list[str]:
    """Every run, the newest first."""
    with httpx.Client(base_url=server.url) as http:
        return [run["run"] for run in http.get("/runs").json()["runs"]]


def test_the_leaderboard_ranks_with_intervals(page: Page) -> None:
    """The misled solver is below the exact one; both have intervals and a course."""
    page.goto("/ui/leaderboard")
    rows = page.locator("#leaderboard tbody tr")
    expect(rows.nth(0)).to_have_id("rated-knapsack.dp")
    expect(rows.nth(1).locator("td").first).to_have_text("2")
    expect(rows.nth(0).locator("svg.interval")).to_have_count(2)
    expect(rows.nth(0).locator("svg.spark")).to_have_count(1)


def test_not_enough_matches(page: Page, server: Server) -> None:
    """Before the fifth game there is no rank but the reason, and filters keep the moment."""
    early = httpx.get(f"{server.url}/ui/jump?from=30&to=next&types=AttemptSucceeded").json()["position"]
    page.goto(f"/ui/leaderboard?at={early}")
    expect(page.locator("#leaderboard .few").first).to_have_text("not enough matches")
    page.locator("#f-by").select_option("bt")
    expect(page).to_have_url(re.compile(rf"at={early}.*by=bt"))


def test_a_point_of_a_course_leads_to_its_matches(page: Page) -> None:
    """Solver, then point, in place and in the URL; the match names the run, which is a link; a reload shows the same."""
    page.goto("/ui/leaderboard")
    page.locator("#rated-knapsack\\.greedy a.plain").click()
    expect(page.locator("svg.course")).to_be_visible()
    page.locator("svg.course a").nth(1).click()
    expect(page).to_have_url(re.compile(r"solver=knapsack.greedy.*point=\d+"))
    point = re.search(r"point=(\d+)", page.url)
    assert point is not None
    row = page.locator(f"#match-{point[1]}")
    expect(row).to_contain_text("lost")
    expect(row).to_contain_text("knapsack.dp")
    expect(row.locator("a.run")).to_have_attribute("href", re.compile(r"^/ui/runs/run_"))
    shown = page.locator("#course").inner_text()
    page.reload()
    assert page.locator("#course").inner_text() == shown
    page.locator("#course .close").click()
    expect(page.locator("#course")).to_have_count(0)
    page.go_back()
    expect(page.locator("#course")).to_have_count(1)


def test_what_is_left_over_from_another_family_is_ignored(page: Page) -> None:
    """A cluster or a solver of another family in the URL leaves this one's tables whole."""
    page.goto("/ui/leaderboard?family=knapsack&cluster=qap/40.1&solver=qap.tabu")
    expect(page.locator("#leaderboard tbody tr")).not_to_have_count(0)
    page.goto("/ui/compare?kind=solvers&family=knapsack&solvers=qap.tabu")
    expect(page.locator("#solvers tbody tr")).to_have_count(len(SOLVERS))
    expect(page.locator("#page")).not_to_contain_text("Without outcomes")


def test_the_course_is_that_of_the_slider(page: Page, server: Server) -> None:
    """At an earlier position the course ends there."""
    at = httpx.get(f"{server.url}/ui/jump?from=60&to=next&types=AttemptSucceeded").json()["position"]
    page.goto(f"/ui/leaderboard?solver=knapsack.dp&at={at}")
    last = page.locator("#course details tbody tr").first
    expect(last).to_have_attribute("id", f"row-{at}")


def test_an_instance_among_its_like(page: Page, server: Server) -> None:
    """A point of the map opens features, neighbours and outcomes, in the URL; the neighbour leads on."""
    page.goto("/ui/clusters")
    expect(page.locator("svg.map a")).to_have_count(7)
    expect(page.locator("#legend")).to_contain_text("knapsack.dp 7")
    page.locator("svg.map a").nth(2).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("instance=[0-9a-f]{64}"))
    expect(page.locator("#outcomes tbody tr")).to_have_count(len(SOLVERS))
    expect(page.locator("#outcomes tbody tr").first).to_contain_text("knapsack.dp")
    expect(page.locator("#nearest tbody tr")).to_have_count(6)
    expect(page.locator("#instance")).to_contain_text("found by run_")
    before = page.url
    page.locator("#nearest a").first.click()
    expect(page).not_to_have_url(before)
    expect(page.locator("svg.map a[aria-current]")).to_have_count(1)
    page.locator("#f-by").select_option("cluster")
    expect(page.locator("#legend")).to_contain_text("knapsack/0 7")
    expect(page.locator("#instance")).to_be_visible()


def test_the_map_grows_with_the_log(page: Page) -> None:
    """At an early position there is one instance, and one that came later is not known yet."""
    page.goto("/ui/clusters")
    page.locator("svg.map a").nth(6).click()
    expect(page.locator("#features")).to_be_visible()
    page.locator("#position").fill("16")
    page.locator("#position").press("Enter")
    expect(page.locator("#instance")).to_contain_text("was not known at this event")
    expect(page.locator("svg.map a")).to_have_count(1)


def test_runs_over_each_other(page: Page, runs: list[str]) -> None:
    """Parameters may be repeated and shortened; runs of one instance name the first event in which they differ."""
    newest, other, elsewhere = runs[0], runs[3], runs[5]  # trap1 by the policy; trap6 by dp; trap5 by dp
    page.goto(f"/ui/compare?runs={newest}&runs={other},{elsewhere[:24]}")
    expect(page.locator("#compared tbody tr")).to_have_count(3)
    expect(page.locator("mezan-plot canvas")).to_have_count(1)
    expect(page.locator("#page")).to_contain_text("different instances")
    same = [run for run in runs if run in {runs[2], runs[3]}]
    page.goto(f"/ui/compare?runs={','.join(same)}")
    search = page.locator("#differences tbody tr td").nth(3)
    expect(search).to_contain_text("solver")
    expect(search).to_contain_text("knapsack.greedy")
    expect(page.locator("#compared tr.chosen")).to_contain_text("knapsack.dp")
    link = search.locator("a").first
    assert re.search(r"/ui/runs/run_\w+\?at=\d+$", link.get_attribute("href") or "")
    page.locator("#f-scale").select_option("gap")
    expect(page.locator("#overlay")).to_contain_text("gap")
    expect(page).to_have_url(re.compile("scale=gap"))


def test_a_run_that_was_not_there_yet(page: Page, runs: list[str]) -> None:
    """At an earlier position it is named as still to come."""
    page.goto(f"/ui/compare?runs={runs[0]},{runs[-1]}&at=20")
    expect(page.locator("#compared tbody tr")).to_have_count(1)
    expect(page.locator("#page")).to_contain_text("Not there yet at this event")


def test_solvers_side_by_side(page: Page) -> None:
    """The test tells the exact solver from the misled one; taking a mark away changes the URL and the tables."""
    page.goto("/ui/compare?kind=solvers")
    expect(page.locator("#figures")).to_contain_text("7 instances")
    pair = page.locator("#tests tbody tr")
    expect(pair).to_contain_text("knapsack.dp is better")
    expect(page.locator("mezan-plot canvas")).to_have_count(3)
    page.locator("#s-knapsack\\.greedy").uncheck()
    expect(page).to_have_url(re.compile(r"solvers=knapsack.dp$"))
    expect(page.locator("#solvers tbody tr")).to_have_count(1)


def test_policies_side_by_side(page: Page) -> None:
    """What came of the two runs that the policy decided; runs whose solver was named are not its own."""
    page.goto("/ui/compare?kind=policies")
    row = page.locator("#policies tbody tr")
    expect(row).to_have_count(1)
    expect(row.locator("td").nth(1)).to_have_text("2")


@pytest.mark.parametrize("path", ["/ui/leaderboard", "/ui/clusters", "/ui/compare?kind=solvers", "/ui/compare"])
def test_an_empty_log_teaches(page: Page, path: str) -> None:
    """At position 0 each page says what it will show and how to get there."""
    page.goto(f"{path}{'&' if '?' in path else '?'}at=0")
    expect(page.locator(".empty")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/ui/leaderboard?family=tsp", 422, "tsp"),
        ("/ui/leaderboard?by=luck", 422, "elo, bt"),
        ("/ui/leaderboard?solver=knapsack.dp&point=x", 422, "point"),
        ("/ui/leaderboard?cluster=knapsack/7", 422, "cluster must name"),
        ("/ui/clusters?family=tsp", 422, "tsp"),
        ("/ui/clusters?by=taste", 422, "solver, cluster"),
        ("/ui/compare?kind=wines", 422, "runs, solvers, policies"),
        ("/ui/compare?runs=nobody", 404, "nobody"),
        ("/ui/compare?runs=" + ",".join(map(str, range(9))), 422, "at most 8"),
    ],
)
def test_bad_parameters(server: Server, path: str, status: int, says: str) -> None:
    """Each is a page with the rule."""
    answer = httpx.get(server.url + path)
    assert answer.status_code == status
    assert says in answer.text
