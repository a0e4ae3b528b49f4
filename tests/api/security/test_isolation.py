"""Two projects of one server, each beside a server of its own without the other: nothing tells them apart.

Every request goes to a server where both projects work and to one where only its own does. The answers must be alike to the byte,
but for random ids, one for one, and for what a clock has measured. So whatever the other project does, has, or is refused
shows in no row, event, position, metric, entity tag, count, limit or error; and another's id is as unknown as one that never was,
which is what it is on the server without the other.
"""

import base64
import re
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

import anyio
import pytest
import structlog.testing
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from in_process import PROJECTS, ROLES, Answer, House, open_house

from mezan.engine.clock import micros

from .alike import Twins, tokens
from .operations import OPERATIONS, Operation

STEPS, EXAMPLES, REQUESTS = 200, 40, 10_000
NAMES = ("oslo", "lulu", "louis", "north")
"""With letters that no random id has: what searches for them does not find ids by chance."""
IDEMPOTENCY = ("one", "two", "three")
FREE = {"login": "off", "address": "off"}
"""These count strangers by address, whatever project they knock at."""
INDEX = st.integers(0, 2**16)
taken: Counter[str] = Counter()


@dataclass
class Known:
    """What a project has: pairs of its texts, with the other project there and without it."""

    runs: list[tuple[str, str]] = field(default_factory=list)
    users: list[tuple[str, str]] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    digests: list[tuple[str, str]] = field(default_factory=list)
    bearers: list[tuple[str, str]] = field(default_factory=list)
    heads: list[tuple[Any, Any]] = field(default_factory=list)
    etags: list[tuple[str, str]] = field(default_factory=lambda: [('W/"0"', 'W/"0"')])
    position: int = 0
    ours: set[str] = field(default_factory=set)
    """Every random text that it was told or had sent."""


KINDS = {"run": "runs", "user": "users", "key": "keys", "digest": "digests", "etag": "etags", "head": "heads"}
UNKNOWN = {
    "run": "run_" + "z" * 26, "user": "user_" + "z" * 26, "key": "key_" + "z" * 26, "digest": "0" * 64, "etag": 'W/"1000"',
    "head": {"position": 3, "hash": "0" * 64, "recorded_at": "2026-01-01T00:00:00Z"},
}  # fmt: skip


class Houses:
    """A server with both projects at work, and for each project one where the other sleeps."""

    def __init__(self, portal: BlockingPortal, stack: ExitStack) -> None:
        self.portal = portal
        self.moment = micros()
        """When events happen: for all servers at once, or a minute that ends between two of them shows in a page's table."""
        stack.enter_context(patch("mezan.engine.stores.writer.micros", lambda: self.moment))
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        self.both, *others = [self._open(folder / name, stack) for name in ("both", *PROJECTS)]
        self.alone = dict(zip(PROJECTS, others, strict=True))

    def _open(self, folder: Path, stack: ExitStack) -> House:
        folder.mkdir()
        return stack.enter_context(self.portal.wrap_async_context_manager(open_house(folder, rates=FREE)))

    def tick(self) -> None:
        self.moment = micros()
        for house in (self.both, *self.alone.values()):
            house.ahead += 700_000


class Isolation(RuleBasedStateMachine):
    """Requests by anybody of either project, with what either has."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal("asyncio"))
        self.houses = Houses(self.portal, self.stack)
        self.known = {project: Known() for project in PROJECTS}
        self.twins = {project: Twins() for project in PROJECTS}
        self.lasting: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        """Learn the accounts that there are; tests live on them."""
        for project in PROJECTS:
            for target in ("/accounts/users", "/accounts/keys"):
                self._ask(project, Operation("GET", target), ("key", "admin"), (0, 0, 0))
            known = self.known[project]
            self.lasting |= {one for one, _ in known.users + known.keys}
            both, alone = self.houses.both, self.houses.alone[project]
            for role in ROLES:
                known.bearers.append((both.keys[project, role], alone.keys[project, role]))
                known.ours.update(known.bearers[-1])

    def teardown(self) -> None:
        self.stack.close()

    @rule(
        project=st.sampled_from(PROJECTS),
        operation=st.sampled_from(OPERATIONS),
        who=st.sampled_from([*(("key", role) for role in (*ROLES, "admin", "admin")), *(("session", role) for role in ROLES), ("made", ""), ("nobody", "")]),
        chosen=st.tuples(INDEX, INDEX, INDEX),
    )  # fmt: skip
    def one(self, project: str, operation: Operation, who: tuple[str, str], chosen: tuple[int, int, int]) -> None:
        """A request by somebody of one project."""
        self._ask(project, operation, who, chosen)
        taken["steps"] += 1

    @rule(
        first=st.sampled_from(OPERATIONS),
        second=st.sampled_from(OPERATIONS),
        chosen=st.tuples(INDEX, INDEX, INDEX),
    )
    def at_once(self, first: Operation, second: Operation, chosen: tuple[int, int, int]) -> None:
        """A request of each project at the same time."""
        asked = [self._built(project, operation, ("key", "admin"), chosen) for project, operation in zip(PROJECTS, (first, second), strict=True)]  # fmt: skip
        if None in asked:
            return
        pairs = [one for one in asked if one is not None]
        with structlog.testing.capture_logs() as lines:
            answers = self.portal.call(self._together, [(self.houses.both, one) for one, _ in pairs])
            alone = self.portal.call(
                self._together, [(self.houses.alone[p], other) for p, (_, other) in zip(PROJECTS, pairs, strict=True)]
            )
        for project, operation, one, other in zip(PROJECTS, (first, second), answers, alone, strict=True):
            self._compare(project, operation, one, other)
        self._check_log(lines)
        self.houses.tick()
        taken["steps"] += 2

    def _ask(self, project: str, operation: Operation, who: tuple[str, str], chosen: tuple[int, int, int]) -> None:
        built = self._built(project, operation, who, chosen)
        if built is None:
            return
        with structlog.testing.capture_logs() as lines:
            one, other = self.portal.call(
                self._together, [(self.houses.both, built[0]), (self.houses.alone[project], built[1])]
            )
        self._compare(project, operation, one, other)
        self._check_log(lines)
        self.houses.tick()

    async def _together(self, asked: list[tuple[House, dict[str, Any]]]) -> list[Answer]:
        answers: list[Answer] = [Answer(0, [], b"")] * len(asked)

        async def ask(place: int, house: House, request: dict[str, Any]) -> None:
            answer = await house.ask(**request)
            if answer.status == 202:
                run = answer.json["run"]
                await house.ask(
                    "GET", f"/runs/{run}", token=request["token"], headers={"prefer": "wait=30", **request["headers"]}
                )
            answers[place] = answer

        async with anyio.create_task_group() as tasks:
            for place, (house, request) in enumerate(asked):
                tasks.start_soon(ask, place, house, request)
        for house in {id(house): house for house, _ in asked}.values():
            await house.settle()
        return answers

    # making requests

    def _built(
        self, project: str, operation: Operation, who: tuple[str, str], chosen: tuple[int, int, int]
    ) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The request to both servers; None where there is nothing to do it with."""
        holes = self._holes(project, chosen, ends=operation.ends)
        made = []
        for place in (0, 1):
            filled = {name: pair[place] for name, pair in holes.items()}
            headers, token = self._credential(project, who, chosen[2], place)
            headers |= {name: _filled(value, filled) for name, value in operation.headers.items()}
            target = _filled(operation.target, {n: quote(v) if isinstance(v, str) else v for n, v in filled.items()})
            method, body = operation.method, _filled(operation.body, filled)
            if method in {"GRANT", "REVOKE"}:
                body, headers, token = self._form(project, method, chosen, place)
                method = "POST"
            made.append({"method": method, "target": target, "token": token, "body": body, "headers": headers})
        self.known[project].ours.update(tokens(str(made[0])))
        return made[0], made[1]

    def _credential(
        self, project: str, who: tuple[str, str], index: int, place: int
    ) -> tuple[dict[str, str], str | None]:
        kind, role = who
        house = (self.houses.both, self.houses.alone[project])[place]
        if kind == "key":
            return {}, house.keys[project, role]
        if kind == "session":
            cookie, csrf = house.cookies[project, role]
            return {"cookie": f"mezan_session={cookie}", "mezan-csrf": csrf}, None
        if kind == "made":
            bearers = self.known[project].bearers
            return {}, bearers[index % len(bearers)][place] if bearers else None
        return {}, None

    def _form(
        self, project: str, method: str, chosen: tuple[int, int, int], place: int
    ) -> tuple[bytes, dict[str, str], None]:
        """A request to the token endpoints with a credential of one's own; ending only what may end."""
        bearers = self.known[project].bearers
        if method == "REVOKE":
            able = [pair for pair in bearers if pair[0].startswith("eyJ")] or [("nothing", "nothing")]
            return urlencode({"token": able[chosen[0] % len(able)][place]}).encode(), {"content-type": FORM}, None
        able = [pair for pair in bearers if pair[0].startswith("mzn_")]
        text = able[chosen[0] % len(able)][place].removeprefix("mzn_").replace(".", ":", 1)
        basic = base64.b64encode(text.encode()).decode()
        form = urlencode({"grant_type": "client_credentials"}).encode()
        return form, {"authorization": f"Basic {basic}", "content-type": FORM}, None

    def _holes(self, project: str, chosen: tuple[int, int, int], *, ends: bool) -> dict[str, tuple[Any, Any]]:
        """For each hole what to send to the two servers: the other project's is sent to both as it is."""
        theirs = PROJECTS[1 - PROJECTS.index(project)]
        first, second, third = chosen
        holes: dict[str, tuple[Any, Any]] = {}
        for hole, kind in KINDS.items():
            mine = [pair for pair in getattr(self.known[project], kind) if not (ends and str(pair[0]) in self.lasting)]
            other = [(one, one) for one, _ in getattr(self.known[theirs], kind)]
            pool = (mine, mine, other, other, [])[first % 5]
            pair = pool[-1 - second % min(len(pool), 12)] if pool else (UNKNOWN[hole], UNKNOWN[hole])
            holes[hole] = pair if third % 7 or not isinstance(pair[0], str) else (pair[0][:20], pair[1][:20])
        positions = [self.known[one].position for one in PROJECTS]
        at = max(0, positions[second % 2] + third % 7 - 3)
        return holes | {
            "pos": (at, at),
            "name": (NAMES[second % 4],) * 2,
            "idem": (IDEMPOTENCY[third % 3],) * 2,
            "project": (PROJECTS[second % 2],) * 2,
        }

    # looking at answers

    def _compare(self, project: str, operation: Operation, one: Answer, other: Answer) -> None:
        difference = self.twins[project].difference(one, other)
        assert not difference, f"{operation.method} {operation.target} of {project}\n{difference}"
        assert one.status < 500, one
        theirs = self.known[PROJECTS[1 - PROJECTS.index(project)]]
        known = self.known[project]
        found = set(tokens(one.body.decode(errors="replace")))
        told = {text for text in (found - known.ours) & theirs.ours if OPENING.match(text)}
        assert not told, f"{operation.method} {operation.target} tells {project} of {told}"
        taken[f"{one.status}"] += 1
        self._learn(known, PROJECTS[1 - PROJECTS.index(project)], operation, one, other)
        known.ours |= found

    def _learn(self, known: Known, theirs: str, operation: Operation, one: Answer, other: Answer) -> None:
        """Keep what an answer names, to be used by either project."""
        pairs = zip(tokens(one.text), tokens(other.text), strict=True) if one.status < 400 else ()
        for pair in pairs:
            kind = pair[0].partition("_")[0]
            pool = {"run": known.runs, "user": known.users, "key": known.keys}.get(kind)
            pool = (
                known.digests
                if len(pair[0]) == 64
                else known.bearers
                if pair[0][:4] in {"mzn_", "eyJh", "eyJ0"}
                else pool
            )
            echo = pair[0] == pair[1] and self.twins[theirs].there(pair[0]) != pair[0]
            if pool is not None and pair not in pool and not echo:
                pool.append(pair)
        if (tag := one.header("etag")) is not None and (tag, other.header("etag")) not in known.etags:
            known.etags.append((tag, other.header("etag") or ""))
        if (at := one.header("mezan-position")) is not None:
            known.position = max(known.position, int(at))
        if b'"hash"' in one.body and operation.target.startswith("/log/head"):
            known.heads.append((one.json, other.json))

    def _check_log(self, lines: list[Any]) -> None:
        """Nothing that opens a door is in the server's own log."""
        said = str(lines)
        assert not any(text in said for known in self.known.values() for pair in known.bearers for text in pair)


OPENING = re.compile("[a-z]+_01|mz._|eyJ")
"""Ids and credentials. Digests are not among them: both have the same ones of the same problem."""
FORM = "application/x-www-form-urlencoded"


def _filled(value: Any, holes: dict[str, Any]) -> Any:
    """The same with its holes filled; a value that is a hole becomes what it stands for."""
    if isinstance(value, dict):
        return {name: _filled(part, holes) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, holes) for part in value]
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value[1:-1] in holes:
        return holes[value[1:-1]]
    for name, text in holes.items():
        value = value.replace(f"{{{name}}}", str(text))
    return value


@pytest.mark.parametrize("examples", [3, pytest.param(EXAMPLES, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_neither_project_sees_the_other(examples: int) -> None:
    """10,000 requests in the long form, by every role, with ids, positions, tags, keys and names of both: nothing tells of the other."""
    taken.clear()
    run_state_machine_as_test(
        Isolation,
        settings=settings(
            max_examples=examples, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        ),
    )  # fmt: skip
    assert taken["steps"] >= (REQUESTS if examples == EXAMPLES else STEPS * examples)
    assert {"200", "201", "304", "401", "403", "404", "409", "422", "101"} <= set(taken), taken
