"""Lab: what other policies would have lost on this log, and A/B tests."""

from collections.abc import Mapping
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.api.http.lab_desk import Job, LabDesk
from mezan.api.http.routes.lab import documents, question_of
from mezan.api.views.experiments import ENDINGS
from mezan.solvers.errors import MezanError
from mezan.solvers.selection.policy import learns

from ..colours import PALETTE
from ..view import View
from ..whisker import scale_of

PATH, TITLE, TEMPLATE = "/ui/lab", "Lab", "lab.html"
NEEDS = Scope.LAB_RUN
USUAL = ("elo_ucb", "thompson", "single_best")


async def context(view: View) -> Mapping[str, Any]:
    """The comparison that the URL asks for, as far as it is made, and every A/B test."""
    moment, engine = view.moment, view.engine
    known = list(engine.policies)
    chosen = [name for name in view.request.query_params.getlist("policies") if name][:40]
    names = [part.strip() for name in chosen for part in name[:1_000].split(",")]
    names = names or [policy.name for policy in known if policy.name in USUAL]
    family = view.text("family")
    since = view.number("since", 0)
    question = question_of(moment, ",".join(names), family, since)
    desk: LabDesk = view.request.app.state.lab
    job, later = await desk.glance(question, moment.position, live=moment.live)
    tests = await documents(moment)
    return {
        "known": [{"name": p.name, "learns": learns(p), "chosen": p.name in question.policies} for p in known],
        "families": [kind.name for kind in engine.catalog],
        "family": family,
        "since": since,
        "pending": not job.over,
        "later": later,
        "progress": (job.done, job.of),
        "problem": str(job.error)
        if isinstance(job.error, MezanError)
        else "it broke; see the server's log"
        if job.error
        else None,
        "made_at": job.upto if later else moment.position,
        **_report(job),
        "tests": [{**test, "says": _says(test), "plot": _course(test)} for test in reversed(tests)],
    }


def _report(job: Job) -> dict[str, Any]:
    report = job.result
    if report is None:
        return {"report": None, "rows": [], "scale": (0.0, 1.0), "plot": None, "steps": []}
    rows = [{**row, "paint": f"c{i % PALETTE}"} for i, row in enumerate(report["policies"])]
    scale = scale_of([(row["dr"]["lower"], row["dr"]["upper"]) for row in rows], report["mean_loss_logged"])
    points = len(rows[0]["curve"])
    last = report["decisions"] - 1
    x = [1 + round(i * last / max(1, points - 1)) for i in range(points)]
    plot = {
        "x": x,
        "x_label": "decisions",
        "y_label": "regret (loss)",
        "series": [{"label": row["policy"], "values": row["curve"], "paint": row["paint"]} for row in rows],
    }
    every = max(1, points // 12)
    steps = sorted({*range(0, points, every), points - 1})
    return {
        "report": report,
        "rows": rows,
        "scale": scale,
        "plot": plot,
        "steps": [(x[i], [row["curve"][i] for row in rows]) for i in steps],
    }


def _says(test: Mapping[str, Any]) -> str:
    if test["winner"] is not None:
        return f"decided: {test['winner']} loses less"
    return ENDINGS.get(test["status"], "running")


def _course(test: Mapping[str, Any]) -> dict[str, Any] | None:
    course = test["course"]
    if len(course["blocks"]) < 2:
        return None
    return {
        "x": course["blocks"],
        "x_label": "matched blocks",
        "y_label": "p-value",
        "y_log": True,
        "series": [{"label": "p-value", "values": course["p_value"], "paint": "c0", "steps": True}],
        "marks": [{"y": test["alpha"], "label": "decided below", "paint": "c5"}],
    }
