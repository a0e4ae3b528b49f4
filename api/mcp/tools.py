"""The tools: what each is called, takes, answers and does. Their docstrings are the descriptions that assistants read."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from mezan.api.http import schemas
from mezan.engine.errors import RunNotFound
from mezan.solvers.errors import BadInput, UnknownName

from . import arguments as a
from . import results, words
from .backend import Asked, Backend, Json, Sought
from .limits import Limits
from .shapes import schema_of, shaped
from .solving import Tell, ended, submitted

MOST_NUMBERS = 1_000
"""Numbers of a solution that a tool answers; the run's resource has all of them."""
LONGEST_EXAMPLE = 8_000
"""Characters of an example's JSON."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the tools of one connection share."""

    backend: Backend
    limits: Limits


Answer = tuple[Json, str]
"""The structured value and a short text."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool; ``reads`` if it changes nothing, ``destroys`` if it ends something."""

    title: str
    arguments: type[a.Arguments]
    result: type
    run: Callable[[Session, Any, Tell], Awaitable[Answer]]
    reads: bool = True
    destroys: bool = False

    @property
    def name(self) -> str:
        """As it is called."""
        return self.run.__name__

    @property
    def description(self) -> str:
        """For assistants."""
        return getdoc(self.run) or ""

    def input_schema(self, limits: Limits) -> Json:
        """The JSON schema of its arguments, with the bounds of this session."""
        made = self.arguments.model_json_schema()
        fields = made.get("properties", {})
        if "time_limit" in fields:
            fields["time_limit"] |= {"maximum": limits.seconds, "default": _default_time(limits)}
        if "wait" in fields and fields["wait"]["type"] == "number":
            fields["wait"]["maximum"] = limits.wait
        return {name: one for name, one in made.items() if name not in {"title", "description"}} | {
            "properties": fields
        }

    def output_schema(self) -> Json:
        """The JSON schema of its structured value."""
        return schema_of(self.result)


async def solve(session: Session, given: a.Solve, tell: Tell) -> Answer:
    """Solve an optimisation problem: a policy chooses the solver, and every step is recorded in the log.

    Give exactly one of `problem`, `text`, `file` and `example`. The answer has the objective, checked by a reference
    evaluator, the solution, a proved bound, and the run's id for `why`, `replay` and `status`. When the run takes longer than
    a call can wait, or with `wait` false, the answer comes before the end with a status of requested or running: ask `status`
    then. Cancelling the call cancels the run.
    """
    seconds = given.time_limit if "time_limit" in given.model_fields_set else _default_time(session.limits)
    if seconds > session.limits.seconds:
        most = session.limits.seconds
        raise BadInput(f"time_limit must be at most {most:g} seconds here; got {seconds:g}: ask for less")
    names = ("iterations", "target", "gap", "seed", "solver", "policy", "fresh", "idempotency_key")
    options = {name: value for name in names if (value := getattr(given, name)) not in {None, False}}
    asked = await _asked(session, given, options | {"time_limit": seconds})
    wait = session.limits.wait if given.wait else 0.0
    run = await submitted(session.backend, asked, wait=wait, total=seconds, tell=tell)
    return _of_run(await session.backend.run(run, None))


async def _asked(session: Session, given: a.Solve, options: Json) -> Asked:
    ways = [name for name in ("problem", "text", "file", "example") if getattr(given, name) is not None]
    if len(ways) != 1:
        got = " and ".join(ways) or "none"
        raise BadInput(f"exactly one of problem, text, file and example must be given; got {got}: see list_families")
    if given.problem is not None:
        return Asked(problem=given.problem, options=options)
    if given.text is not None:
        return Asked(content=given.text.encode(), name=given.name or "", family=given.family, options=options)
    if given.file is not None:
        content, name = session.limits.read(given.file)
        return Asked(content=content, name=name, family=given.family, options=options)
    found = {one["name"]: one["body"] for one in await session.backend.examples(None)}
    if given.example not in found:
        raise UnknownName(f"an example must be one of {', '.join(found)}; got {str(given.example)[:80]!r}")
    return Asked(problem=found[given.example], options=options)


async def status(session: Session, given: a.Status, tell: Tell) -> Answer:
    """Show a run: its status, objective, solution, bound and gap; with `wait`, once it has ended or the time is up."""
    if given.wait > session.limits.wait:
        raise BadInput(f"wait must be at most {session.limits.wait:g} seconds; got {given.wait:g}: ask again later")
    run = await _run_id(session, given.run)
    if given.wait and given.as_of is None:
        await ended(session.backend, (await session.backend.run(run, None))["run"], given.wait, tell)
    return _of_run(await session.backend.run(run, given.as_of))


async def list_runs(session: Session, given: a.ListRuns, tell: Tell) -> Answer:
    """List runs that users asked for, the newest first, by status, family, solver or the instance's name."""
    wanted = {"status": given.status, "family": given.family, "solver": given.solver, "label": given.label}
    page = await session.backend.runs(wanted, given.limit, given.as_of)
    return page, words.of_runs(page)


async def cancel(session: Session, given: a.Cancel, tell: Tell) -> Answer:
    """Stop a run; what it found so far stays in the log. A run that is over stays as it is."""
    return _of_run(await session.backend.cancel(await _run_id(session, given.run)))


async def why(session: Session, given: a.Why, tell: Tell) -> Answer:
    """Explain why a solver was chosen for a run: every candidate with its score, rating, trials and chance, the outcomes that
    spoke, and what would have changed the choice. With `verify` the choice is made again from the log, and must come out the same.
    """
    run = await _run_id(session, given.run)
    card = await session.backend.why(run, given.task, given.verify, given.as_of)
    return card, words.of_why(card)


async def replay(session: Session, given: a.Replay, tell: Tell) -> Answer:
    """Execute a run that has ended again, and name the first event that comes out differently; nothing is recorded.

    It takes about as long as the run did.
    """
    report = await session.backend.replay(await _run_id(session, given.run))
    return report, words.of_replay(report)


async def leaderboard(session: Session, given: a.Leaderboard, tell: Tell) -> Answer:
    """Rank solvers by Elo or Bradley-Terry rating with 95 % intervals, overall or inside one cluster of similar instances.

    `rank` is null where there are not enough matches.
    """
    rows = await session.backend.leaderboard(given.family, given.cluster, given.by, given.as_of)
    return {"solvers": rows}, words.of_ladder(rows)


async def search_log(session: Session, given: a.SearchLog, tell: Tell) -> Answer:
    """Search the event log, oldest first: every request, choice, incumbent and result, with its data.

    When `more` is true, go on with `after` set to `reached`. A negative `after` looks at the last so many positions only.
    """
    stream = None if given.run is None else (await session.backend.run(await _run_id(session, given.run), None))["run"]
    sought = Sought(
        after=given.after,
        limit=given.limit,
        types=tuple(given.types),
        stream=stream,
        actor=given.actor,
        text=given.text,
    )
    page = await session.backend.search(sought, given.as_of)
    return page, words.of_log(page)


async def list_families(session: Session, given: a.ListFamilies, tell: Tell) -> Answer:
    """List the kinds of problems that can be solved; with `family`, the JSON schema of its `problem` and examples in full."""
    entries = await session.backend.families()
    if given.family is not None:
        entries = [one for one in entries if one["family"] == given.family] or _unknown(entries, given.family)
    examples = await session.backend.examples(given.family)
    schema = None if given.family is None else await session.backend.schema(given.family)
    notes = [_note(entry, examples, schema) for entry in entries]
    found = shaped(results.FamilyNotes, {"families": notes})
    text = words.of_families(found["families"])
    return found, text if schema is None else words.of_family(found["families"][0])


async def list_solvers(session: Session, given: a.ListSolvers, tell: Tell) -> Answer:
    """List the solvers of a family (of all) with what they are and guarantee, and the policies that choose among them."""
    entries = await session.backend.families()
    if given.family is not None:
        entries = [one for one in entries if one["family"] == given.family] or _unknown(entries, given.family)
    policies = await session.backend.policies()
    found = shaped(results.Catalogue, {"families": entries, "policies": policies})
    return found, words.of_catalogue(found)


TOOLS = (
    Tool("Kinds of problems", a.ListFamilies, results.FamilyNotes, list_families),
    Tool("Solvers and policies", a.ListSolvers, results.Catalogue, list_solvers),
    Tool("Solve a problem", a.Solve, schemas.RunReport, solve, reads=False),
    Tool("Show a run", a.Status, schemas.RunReport, status),
    Tool("List runs", a.ListRuns, schemas.RunPage, list_runs),
    Tool("Stop a run", a.Cancel, schemas.RunReport, cancel, reads=False, destroys=True),
    Tool("Explain a choice", a.Why, schemas.Why, why),
    Tool("Execute a run again", a.Replay, schemas.ReplayReport, replay),
    Tool("Rank solvers", a.Leaderboard, results.Ladder, leaderboard),
    Tool("Search the log", a.SearchLog, schemas.LogPage, search_log),
)


def _default_time(limits: Limits) -> float:
    return min(10.0, limits.seconds)


async def _run_id(session: Session, given: str) -> str:
    if given != "last":
        return given
    newest = (await session.backend.runs({}, 1, None))["runs"]
    if not newest:
        raise RunNotFound("`last` must name the latest run; there is none: solve something first")
    return str(newest[0]["run"])


def _of_run(report: Json) -> Answer:
    """A run without the solutions that are too long for a conversation."""
    cut = [report, *report["tasks"].values()]
    long = any(_numbers(one["solution"]) > MOST_NUMBERS for one in cut)
    for one in cut:
        if long:
            one["solution"] = None
    text = words.of_run(report)
    if long:
        text += f"\nThe solution is long: read the resource mezan://runs/{report['run']}."
    return report, text


def _numbers(value: Any) -> int:
    return sum(map(_numbers, value)) if isinstance(value, list) else 1


def _unknown(entries: list[Json], family: str) -> list[Json]:
    known = ", ".join(one["family"] for one in entries)
    raise UnknownName(f"a family must be one of {known}; got {family[:80]!r}: see list_families")


def _note(entry: Json, examples: list[Json], schema: Json | None) -> Json:
    own = [one for one in examples if one["family"] == entry["family"]]
    return {
        "family": entry["family"],
        "sense": entry["sense"],
        "files": entry["files"],
        "solvers": [one["solver"] for one in entry["solvers"]],
        "examples": [
            {**one, "problem": one["body"] if schema is not None and len(str(one["body"])) <= LONGEST_EXAMPLE else None}
            for one in own
        ],
        "schema": schema,
    }
