"""The form: what is typed, dropped, taken from the gallery or from an earlier run becomes exactly that request."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from serving import Server

from mezan.solvers.qap import QAP

RUN = re.compile(r"/ui/runs/(run_\w+)$")
ITEMS = {"values": "6 10 12", "weights": "1, 2, 3", "capacity": "5"}
DROPPED = "([name, text]) => { const held = new DataTransfer(); held.items.add(new File([text], name)); return held; }"
SMALL = QAP(A=[[0, 5, 2], [5, 0, 3], [2, 3, 0]], B=[[0, 8, 15], [8, 0, 13], [15, 13, 0]])


@pytest.fixture
def refused(browser: Browser, server: Server) -> Iterator[Page]:
    """A page on which requests are refused on purpose, which Chromium reports in the console as well."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert not wrong


def asked(page: Page, server: Server) -> dict:
    """Submit, and return the request that was recorded."""
    page.locator("#send").click()
    page.wait_for_url(RUN)
    found = RUN.search(page.url)
    assert found
    answer = httpx.get(f"{server.url}/runs/{found[1]}/request", timeout=60)
    assert answer.status_code == 200
    return answer.json()


def fill(page: Page, family: str, values: dict[str, str]) -> None:
    for name, value in values.items():
        page.locator(f"#{family}-{name}").fill(value)


def position(server: Server) -> int:
    """Of the log, when what was submitted before has ended."""
    for run in httpx.get(f"{server.url}/runs", timeout=60).json()["runs"]:
        ended = httpx.get(f"{server.url}/runs/{run['run']}", headers={"prefer": "wait=60"}, timeout=90)
        assert ended.json()["finished_at"] is not None
    return httpx.get(f"{server.url}/health/ready", timeout=60).json()["position"]


def test_typed(page: Page, server: Server) -> None:
    """Pasted rows, commas and JSON are read; the request that is recorded is what the form said, and nothing else."""
    page.goto("/ui/submit?family=knapsack")
    fill(page, "knapsack", ITEMS | {"values": "[6, 10, 12]", "name": "typed"})
    expect(page.locator("#knapsack-weights-note")).to_have_text("3 numbers, total 6")
    page.locator("#how-seed").fill("9")
    page.locator("#how-time_limit").fill("5")
    page.locator("#knapsack-solver").select_option("knapsack.greedy")
    page.locator("#more summary").click()
    page.locator("#how-fresh").check()
    assert asked(page, server) == {
        "type": "knapsack", "name": "typed", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5,
        "seed": 9, "time_limit": 5.0, "solver": "knapsack.greedy", "fresh": True,
    }  # fmt: skip


def test_matrices_as_text_and_as_a_grid(page: Page) -> None:
    """Text and grid are the same matrix whichever is typed in, and say at once what is wrong with it."""
    page.goto("/ui/submit?family=qap")
    page.locator("#qap-A").fill("0;5;2\n5;0;3\n2;3;0")
    expect(page.locator("#qap-A-note")).to_have_text("3 x 3, symmetric")
    page.locator("#qap-A-cells summary").click()
    page.get_by_label("A, row 1, column 2", exact=True).fill("7")
    expect(page.locator("#qap-A")).to_have_value("0 7 2\n5 0 3\n2 3 0")
    expect(page.locator("#qap-A-note")).to_have_text("3 x 3, not symmetric")
    for text, says in (
        ("0 1\n1 0 2", "row 2 must be as long as the first (2); it has 3"),
        ("0 1\n1 x", 'row 2, column 2 must be a finite number; got "x"'),
        ("0,,1\n1,0,0", 'row 1, column 2 must be a finite number; got ""'),
        ("0 1 2\n1 0 1", "it must be square (n rows of n numbers); got 2 x 3"),
        ("[[0, 1], [1", "text that begins with [ must be JSON"),
        ("9007199254740992 0\n0 0", "row 1, column 1 must stay below 2^53"),
    ):
        page.locator("#qap-A").fill(text)
        expect(page.locator("#qap-A-note")).to_contain_text(f"A: {says}")
        expect(page.locator("#qap-A")).to_have_attribute("aria-invalid", "true")
    page.locator("#qap-A").fill("[[0, 1], [1, 0]]")
    expect(page.locator("#qap-A")).not_to_have_attribute("aria-invalid", "true")


def test_what_is_missing_is_said_before_anything_is_sent(page: Page, server: Server) -> None:
    """An empty or impossible field is named beside itself and gets the focus; no request leaves the page."""
    before = position(server)
    page.goto("/ui/submit?family=knapsack")
    page.locator("#how-time_limit").fill("-1")
    page.locator("#send").click()
    expect(page.locator("#knapsack-values-note")).to_have_text("values: it is needed")
    expect(page.locator("#how-time_limit-note")).to_have_text("time_limit: it must be above 0; got -1")
    expect(page.locator("#knapsack-values")).to_be_focused()
    assert position(server) == before


def test_a_rule_of_the_family_stands_beside_its_field(refused: Page, server: Server) -> None:
    """What only the server knows is refused with its rule next to the field that the rule names; nothing is recorded."""
    before = position(server)
    refused.goto("/ui/submit?family=qap")
    fill(refused, "qap", {"A": "0 1\n1 0", "B": "0 1 2\n1 0 1\n2 1 0"})
    refused.locator("#send").click()
    expect(refused.locator("#qap-A-note")).to_have_text("A and B must have the same size; got 2 and 3")
    expect(refused.locator("#qap-A")).to_be_focused()
    refused.locator("[data-tab=knapsack]").click()
    fill(refused, "knapsack", ITEMS | {"weights": "1 2"})
    refused.locator("#dry").click()
    expect(refused.locator("#knapsack-values-note")).to_contain_text("values and weights must be equally long")
    assert position(server) == before


def test_an_example_and_its_dry_run(page: Page, server: Server) -> None:
    """One click fills the form and shows what would be chosen; that is chosen, and solved to the optimum."""
    before = position(server)
    page.goto("/ui/submit?family=knapsack")
    page.locator("[data-example=camping12]").click()
    expect(page.locator("#forecast .chosen")).to_have_count(1)
    expect(page.locator("#forecast tbody tr")).to_have_count(3)
    expect(page.locator("#forecast")).to_contain_text(f"the fold of the log up to event {before:,}")
    assert position(server) == before
    page.locator("#how-seed").fill("4")
    expect(page.locator("#forecast")).to_have_class(re.compile("old"))
    page.locator("#dry").click()
    expect(page.locator("#forecast")).not_to_have_class(re.compile("old"))
    chosen = page.locator("#forecast .chosen .solver").inner_text()
    asked(page, server)
    run = RUN.search(page.url)[1]
    events = httpx.get(f"{server.url}/runs/{run}/events", timeout=60).json()["events"]
    assert next(e["data"]["solver"] for e in events if e["type"] == "SolverChosen") == chosen


def test_the_dry_run_follows_the_slider(page: Page) -> None:
    """At the beginning of the log nothing is known; the same form says so there, and keeps what was typed."""
    page.goto("/ui/submit?family=knapsack")
    page.locator("[data-example=camping12]").click()
    expect(page.locator("#forecast tbody tr")).to_have_count(3)
    expect(page.locator("#forecast")).not_to_contain_text("Nothing has been solved in this family yet")
    page.locator("#position").fill("0")
    page.locator("#position").press("Enter")
    expect(page.locator("#forecast")).to_contain_text("Nothing has been solved in this family yet")
    expect(page.locator("#forecast")).to_contain_text("up to event 0.")
    for _ in range(7):
        page.locator("[data-step='1']").click()
    expect(page.locator("#forecast")).to_contain_text("up to event 7.")
    expect(page.locator("#knapsack-capacity")).to_have_value("90")


def test_live_updates_leave_the_form_alone(page: Page, server: Server) -> None:
    """Runs of others change the page around the form, not what is typed in it."""
    page.goto("/ui/submit?family=knapsack")
    fill(page, "knapsack", ITEMS)
    page.locator("#more summary").click()
    asked_elsewhere = {"type": "knapsack", "values": [1], "weights": [1], "capacity": 1, "time_limit": 5}
    httpx.post(f"{server.url}/solve", json=asked_elsewhere, headers={"prefer": "wait=60"}, timeout=60)
    page.wait_for_function("at => Number(document.getElementById('page').dataset.position) >= at", arg=position(server))
    expect(page.locator("#knapsack-values")).to_have_value("6 10 12")
    expect(page.locator("#knapsack-capacity")).to_have_value("5")
    expect(page.locator("#more")).to_have_attribute("open", "")


@pytest.mark.parametrize("name", ["three.dat", "three.json"])
def test_a_file(page: Page, server: Server, tmp_path: Path, name: str) -> None:
    """A file that is dropped or chosen finds its family, is checked at once, and is what is submitted."""
    file = tmp_path / name
    as_json = '{"type": "qap", "A": [[0, 5, 2], [5, 0, 3], [2, 3, 0]], "B": [[0, 8, 15], [8, 0, 13], [15, 13, 0]]}'
    file.write_text(SMALL.to_qaplib() if name == "three.dat" else as_json)
    page.goto("/ui/submit?family=knapsack")
    if name == "three.dat":
        files = page.evaluate_handle(DROPPED, [name, file.read_text()])
        page.dispatch_event("#drop", "drop", {"dataTransfer": files})
    else:
        page.locator("#file").set_input_files(file)
    expect(page.locator("[data-tab=qap]")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#forecast")).to_contain_text("qap, size 3")
    expect(page.locator("#held")).to_be_visible(visible=name == "three.dat")
    page.locator("#qap-best_known").fill("218")
    page.locator("#how-seed").fill("3")
    page.locator("#qap-solver").select_option("qap.tabu")
    request = asked(page, server)
    assert (request["A"], request["B"]) == (SMALL.A.tolist(), SMALL.B.tolist())
    assert (request["name"], request["best_known"], request["seed"], request["solver"]) == (
        "three",
        218.0,
        3,
        "qap.tabu",
    )


def test_a_bad_file(refused: Page, server: Server, tmp_path: Path) -> None:
    """A file that breaks its format is refused with the line's rule, and can be put away again."""
    before = position(server)
    file = tmp_path / "bad.kp"
    file.write_text("3\n10\n1 2\n")
    refused.goto("/ui/submit?family=knapsack")
    refused.locator("#file").set_input_files(file)
    expect(refused.locator("#wrong")).to_contain_text("it says 3, and 1 follow")
    refused.locator("#let-go").click()
    expect(refused.locator("#knapsack-values")).to_be_visible()
    assert position(server) == before


def test_once_more_with_one_change(page: Page, server: Server) -> None:
    """A run's request fills the form, the page says what differs, and only that differs in what is recorded."""
    body = {
        "type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "name": "first", "seed": 8,
        "time_limit": 5.0, "policy": "ucb1", "gap": 0.5,
    }  # fmt: skip
    run = httpx.post(f"{server.url}/solve", json=body, headers={"prefer": "wait=60"}, timeout=60).json()["run"]
    page.goto(f"/ui/submit?run={run}")
    expect(page.locator("#changes")).to_contain_text("Nothing is changed yet")
    page.locator("#knapsack-capacity").fill("4")
    expect(page.locator("#changes")).to_have_text("Changed: capacity 5 → 4.")
    assert asked(page, server) == body | {"capacity": 4}


def test_a_large_request_once_more(page: Page, server: Server) -> None:
    """A problem that is too large for the fields is kept as it is, and its options can be changed."""
    values = list(range(100_000_000, 100_030_000))
    body = {
        "type": "knapsack", "values": values, "weights": values, "capacity": 10**9, "name": "large", "seed": 8,
        "time_limit": 5.0, "solver": "knapsack.greedy",
    }  # fmt: skip
    run = httpx.post(f"{server.url}/solve", json=body, headers={"prefer": "wait=60"}, timeout=60).json()["run"]
    page.goto(f"/ui/submit?run={run}")
    expect(page.locator("#held")).to_contain_text("too large for the fields")
    page.locator("#how-seed").fill("9")
    expect(page.locator("#changes")).to_have_text("Changed: seed 8 → 9.")
    assert asked(page, server) == body | {"seed": 9}


def test_by_keyboard(page: Page, server: Server) -> None:
    """Arrows change the family; from there tabs and Enter fill in and submit."""
    page.goto("/ui/submit?family=qap")
    page.locator("[data-tab=qap]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#knapsack-values")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?family=knapsack$"))
    page.locator("#knapsack-values").focus()
    for value in ITEMS.values():
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    page.wait_for_url(RUN)
    run = RUN.search(page.url)[1]
    assert httpx.get(f"{server.url}/runs/{run}/request", timeout=60).json()["name"] == "by keys"


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("family=tsp", 422, "family must be one of qap, knapsack"),
        ("run=run_none", 404, "must name one run"),
    ],
)
def test_bad_parameters(server: Server, query: str, status: int, says: str) -> None:
    """A family or a run that there is not is a page with the rule."""
    answer = httpx.get(f"{server.url}/ui/submit?{query}", timeout=60)
    assert answer.status_code == status
    assert says in answer.text


def test_a_run_of_later(server: Server) -> None:
    """A run cannot be asked for again before it was asked for."""
    run = httpx.get(f"{server.url}/runs?limit=1", timeout=60).json()["runs"][0]["run"]
    assert httpx.get(f"{server.url}/ui/submit?run={run}", timeout=60).status_code == 200
    assert httpx.get(f"{server.url}/ui/submit?run={run}&at=1", timeout=60).status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_use_it(browser: Browser, server: Server, scheme: str) -> None:
    """Axe finds nothing to mend in the whole form with its messages and a dry run, in both themes."""
    context = browser.new_context(base_url=server.url, color_scheme=scheme, bypass_csp=True)  # axe is put into the page
    page = context.new_page()
    page.goto("/ui/submit?family=knapsack")
    page.locator("[data-example=camping12]").click()
    expect(page.locator("#forecast .chosen")).to_have_count(1)
    page.locator("#more summary").click()
    page.locator("#how-seed").fill("-1")
    expect(page.locator("#how-seed-note")).to_contain_text("at least 0")
    found = Axe().run(page).response["violations"]
    context.close()
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
