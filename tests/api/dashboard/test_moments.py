"""Moments of pages without a browser: what a step of the slider asks for, and what is computed for several at once."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser

import anyio
import httpx
import pytest

from mezan.api import open_engine
from mezan.api.dashboard.run_rows import run_row
from mezan.api.http.app import create_app
from mezan.solvers.knapsack import Knapsack
from mezan.solvers.selection.registry import BUILT_IN, Policies
from mezan.solvers.selection.single_best import SingleBest

pytestmark = pytest.mark.anyio
STEP = {"mezan-fragment": "1"}
PAGES = (
    "/ui",
    "/ui/runs",
    "/ui/leaderboard",
    "/ui/clusters",
    "/ui/compare?what=solvers",
    "/ui/diff?from=3",
)


class Counting:
    """Chooses as the single best does, and knows how often it was asked."""

    name, version = "counting", "1"

    def __init__(self) -> None:
        self.asked = 0

    def choose(self, standings, features, candidates, key):
        self.asked += 1
        return SingleBest().choose(standings, features, candidates, key)


@asynccontextmanager
async def served(path, runs: int, **options) -> AsyncIterator[tuple[httpx.AsyncClient, list[str]]]:
    """A client of an application over an engine, and the runs that were made."""
    async with open_engine(f"sqlite:///{path}/shown.db", durability="relaxed", **options) as engine:
        made = []
        for i in range(runs):
            bag = Knapsack(values=[6 + i, 10, 12, 7], weights=[1, 2, 3, 2], capacity=5, name=f"bag{i}")
            run = await engine.submit(bag, seed=i, fresh=True, solver=("knapsack.dp", "knapsack.greedy", None)[i % 3])
            await run.result()
            made.append(run.id)
        app = create_app(engine)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=60) as http,
        ):
            yield http, made


async def page_at(http: httpx.AsyncClient, path: str, position: int, **headers: str) -> str:
    answer = await http.get(path, params={"at": position} | dict(httpx.URL(path).params), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["mezan-position"] == str(position)
    return answer.text


async def test_pages_of_one_moment_after_another_are_those_of_each_alone(tmp_path):
    """Stepping on, back, to and fro between pages, and by several readers at once gives what a fresh server gives."""
    async with served(tmp_path, 9) as (http, _):
        head = int((await http.get("/ui")).headers["mezan-head"])
        positions = [head - 30, head - 29, head - 28, head - 20, head - 28, head - 1, head, 5, 6]
        walked = {(path, at): await page_at(http, path, at, **STEP) for at in positions for path in PAGES}
        together: dict[tuple[str, int], str] = {}

        async def read(path: str, at: int) -> None:
            together[path, at] = await page_at(http, path, at, **STEP)

        async with anyio.create_task_group() as tasks:
            for path in PAGES:
                for at in positions:
                    tasks.start_soon(read, path, at)
        for key, text in walked.items():
            assert together[key] == text, key
    for path in PAGES:
        async with served(tmp_path, 0) as (http, _):
            assert await page_at(http, path, positions[3], **STEP) == walked[path, positions[3]]


async def test_links_of_a_fragment_leave_the_moment_to_the_script(tmp_path):
    """A page as it is opened leads to pages of its moment; from one step to the next, rows that stay are the same text."""
    async with served(tmp_path, 4) as (http, made):
        head = int((await http.get("/ui")).headers["mezan-head"])
        opened = await page_at(http, "/ui/runs", head - 1)
        for run in made:
            assert f'href="/ui/runs/{run}?at={head - 1}"' in opened
        rows = [re.findall(r"<tr id=.*?</tr>", await page_at(http, "/ui/runs", at, **STEP)) for at in (head - 1, head)]
        assert len(rows[0]) == len(rows[1]) == len(made)
        assert rows[0][1:] == rows[1][1:]
        assert rows[0][0] != rows[1][0]  # its run ended with that event
        fragment = await page_at(http, f"/ui/runs/{made[-1]}", head - 1, **STEP)
        assert re.search(rf'data-source="/ui/runs/{made[-1]}/why\?task=main&amp;at={head - 1}"', fragment)
        assert "?at=" not in re.sub(r"<a[^>]*data-moment[^>]*>", "", fragment)


async def test_an_explanation_that_several_wait_for_is_made_once(tmp_path):
    """However often the page was opened meanwhile, each policy is asked once; the answers are the same, and the next one too."""
    counting = Counting()
    async with served(tmp_path, 5, policies=Policies([*BUILT_IN, counting])) as (http, made):
        asked = counting.asked
        texts = []

        async def read() -> None:
            answer = await http.get(f"/ui/runs/{made[2]}/why", headers=STEP)
            assert answer.status_code == 200
            texts.append(answer.text)

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(read)
        await read()
        assert counting.asked == asked + 1
        assert len(set(texts)) == 1
        assert "by policy" in texts[0]


class Cells(HTMLParser):
    """The text of each cell, and the attributes of every element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data


HOSTILE = "\"><script>alert('&')</script>"
ROW = {
    "run": "run_01abcdefghijklmnop",
    "status": "completed",
    "label": "bag",
    "family": "knapsack",
    "size": 7,
    "solvers": ("knapsack.dp",),
    "solver_count": 1,
    "tasks": 1,
    "race": False,
    "policy": "default",
    "forced": False,
    "objective": 12.0,
    "proved_optimal": True,
    "to_bound": None,
    "gap": None,
    "took": 0.25,
    "requested_at": 1_700_000_000_000_000,
    "message": None,
}


def test_a_row_says_what_is_known_of_its_run() -> None:
    """Figures as everywhere, who decided, and dashes for what is not known."""
    made = Cells(run_row(ROW, 17, "/ui/runs/run_01?at=5"))
    assert made.cells == ["", "completed", "run_01abcdefghij", "bag knapsack", "7", "knapsack.dp", "default", "12", "optimal", "250.0 ms", "2023-11-14 22:13:20"]  # fmt: skip
    assert made.attributes[0] == ("tr", {"id": "r17", "data-position": "17"})
    assert ("a", {"class": "run", "href": "/ui/runs/run_01?at=5"}) in made.attributes
    unknown = ROW | {"solvers": (), "solver_count": 0, "policy": None, "objective": None, "proved_optimal": False, "took": None}  # fmt: skip
    assert Cells(run_row(unknown, 17, "")).cells[5:10] == ["-", "-", "-", "-", "-"]
    assert Cells(run_row(unknown | {"forced": True, "tasks": 3}, 17, "")).cells[6:8] == ["named", "3 tasks"]
    race = unknown | {"race": True, "solvers": ("a", "b"), "solver_count": 3, "to_bound": 4.5}
    assert Cells(run_row(race, 17, "")).cells[5:9] == ["a : b and 1 more", "race", "-", "≤ 4.500 %"]
    assert Cells(run_row(unknown | {"gap": 0.5}, 17, "")).cells[8] == "0.500 %"


def test_nothing_that_a_log_holds_becomes_markup() -> None:
    """Names and messages stay text, whatever they are."""
    spoilt = ROW | dict.fromkeys(("run", "status", "label", "family", "policy", "message"), HOSTILE)
    made = Cells(run_row(spoilt | {"solvers": (HOSTILE,)}, 17, HOSTILE))
    assert [tag for tag, _ in made.attributes] == [tag for tag, _ in Cells(run_row(ROW, 17, "")).attributes]
    assert made.cells[1] == HOSTILE
    assert made.cells[3] == f"{HOSTILE} {HOSTILE}"
    assert made.cells[5:7] == [HOSTILE, HOSTILE]
    assert {"title": HOSTILE, "class": f"status {HOSTILE}"} == made.attributes[4][1]
