"""The dashboard over a log of a million events, in Chromium: a page from its opening to drawn, and the slider.

usage: python benchmarks/dashboard.py [EVENTS]
"""

import asyncio
import random
import shutil
import sys
from pathlib import Path

from common import folder, percentile, report
from playwright.sync_api import Page, sync_playwright
from served import fill, mezan

PAGES = ("/ui", "/ui/runs", "/ui/runs/{run}", "/ui/leaderboard", "/ui/clusters", "/ui/audit", "/ui/lab")
OPENINGS = 7
JUMPS = 60
STEPS = 60
DRAWN = (
    """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""
)
MOVE = """position => new Promise(done => {
  const start = performance.now();
  addEventListener("mezan:drawn", () => requestAnimationFrame(() => done(performance.now() - start)), { once: true });
  const field = document.getElementById("position");
  field.value = position;
  field.dispatchEvent(new Event("change"));
})"""


def opened(page: Page, url: str) -> float:
    """Milliseconds from the navigation's start to the second frame after everything is loaded."""
    page.goto(url, wait_until="load")
    return float(page.evaluate(DRAWN))


def measure(path: Path, events: int) -> list[dict[str, object]]:
    """Every page."""
    db = path / "shown.db"
    head = asyncio.run(fill(f"sqlite:///{db}", events // 7))
    draw = random.Random(1)
    rows: list[dict[str, object]] = []
    with mezan(db) as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(base_url=f"http://127.0.0.1:{port}", viewport={"width": 1280, "height": 900})
        for name in PAGES:
            url = name.format(run=f"run_{events // 14:026d}")
            opening = [opened(page, url) for _ in range(OPENINGS)]
            jumps = [float(page.evaluate(MOVE, draw.randrange(head // 2, head))) for _ in range(JUMPS)]
            at = head // 2
            page.evaluate(MOVE, at)
            steps = [float(page.evaluate(MOVE, at + 1 + i)) for i in range(STEPS)]
            rows.append(
                {
                    "page": name,
                    "events": head,
                    "open_p50_ms": percentile(opening, 0.5),
                    "open_max_ms": max(opening),
                    "step_p50_ms": percentile(steps, 0.5),
                    "step_p95_ms": percentile(steps, 0.95),
                    "jump_p50_ms": percentile(jumps, 0.5),
                    "jump_p95_ms": percentile(jumps, 0.95),
                }
            )
        browser.close()
    return rows


def main() -> None:
    """Measure, print, keep."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with folder() as path:
        report("dashboard", measure(path, events))


if __name__ == "__main__":
    main()
