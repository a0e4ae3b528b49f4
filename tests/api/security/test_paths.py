"""What is another's is refused on the path of what never was: the same functions of ours, as often, and the same statements.

A clock would only see large differences through the noise; the calls themselves are counted.
"""

import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from in_process import House, open_house

pytestmark = pytest.mark.anyio
OURS = ("/mezan/", "/api/", "/engine/", "/projections/")
WITHIN = 12
"""Tries: what runs in the background, and what is warmed at first, is in some counts and not in others."""
KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "solver": "knapsack.greedy"}


async def calls(house: House, **request: Any) -> tuple[int, frozenset[tuple[tuple[str, str], int]]]:
    """The status of an answer, and how often each function of ours was entered on the event loop meanwhile."""
    counted: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and "/tests/" not in file and any(part in file for part in OURS):
            counted[file.rpartition("/")[2], frame.f_code.co_qualname] += 1

    await house.settle()
    assert threading.current_thread() is threading.main_thread()
    sys.setprofile(count)
    try:
        answer = await house.ask(**request)
    finally:
        sys.setprofile(None)
    return answer.status, frozenset(counted.items())


async def alike(house: House, known: dict[str, Any], unknown: dict[str, Any]) -> None:
    """Some try of the one is, call for call, some try of the other."""
    one, other = set(), set()
    for _ in range(WITHIN):
        one.add(await calls(house, **known))
        other.add(await calls(house, **unknown))
        if one & other:
            return
    first, second = dict(min(one)[1]), dict(min(other)[1])
    differing = {name: (first.get(name), second.get(name)) for name in first | second if first.get(name) != second.get(name)}  # fmt: skip
    pytest.fail(f"{known['method']} {known['target']}: {differing}")


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/runs/RUN", None), ("GET", "/runs/RUN/events", None), ("GET", "/runs/RUN/why", None), ("POST", "/runs/RUN/cancel", None),
        ("POST", "/runs/RUN/replay", None), ("GET", "/artifacts/DIGEST", None), ("GET", "/log?stream=RUN", None),
        ("POST", "/accounts/users/USER/role", {"role": "viewer"}), ("POST", "/accounts/users/USER/disable", {}),
        ("POST", "/accounts/users/USER/enable", {}), ("POST", "/accounts/users/USER/authenticator/disable", {}),
        ("POST", "/accounts/users/USER/password", {"password": "correct horse battery"}),
        ("POST", "/accounts/keys/KEY/rotate", {}), ("POST", "/accounts/keys/KEY/revoke", {}),
        ("POST", "/accounts/keys", {"name": "x", "role": "viewer", "owner": "USER"}),
    ],
)  # fmt: skip
async def test_anothers_is_refused_where_the_unknown_is(tmp_path: Path, method: str, target: str, body: Any) -> None:
    """Runs, artifacts, users and keys of the other project, against ids of the same form that never were."""
    async with open_house(tmp_path, rates=dict.fromkeys(("requests", "project", "solving"), "off")) as house:
        ours, theirs = house.keys["default", "admin"], house.keys["north", "admin"]
        run = (await house.ask("POST", "/solve", token=theirs, body=KNAPSACK, headers={"prefer": "wait=20"})).json[
            "run"
        ]
        digest = (await house.ask("GET", f"/runs/{run}/artifacts", token=theirs)).json["artifacts"][0]["digest"]
        state = house.door.accounts.principals
        user = next(one.id for one in state.users.values() if one.project == "north")
        key = next(one.id for one in state.keys.values() if one.project == "north")
        known = {"RUN": run, "DIGEST": digest, "USER": user, "KEY": key}
        unknown = {"RUN": "run_" + "z" * 26, "DIGEST": "0" * 64, "USER": "user_" + "z" * 26, "KEY": "key_" + "z" * 26}
        asked = []
        for ids in (known, unknown):
            path, sent = target, dict(body) if body is not None else None
            for name, text in ids.items():
                path = path.replace(name, text)
                sent = {k: v.replace(name, text) for k, v in sent.items()} if sent else sent
            asked.append({"method": method, "target": path, "token": ours, "body": sent})
        await alike(house, *asked)


async def test_a_login_that_there_is_is_counted_as_one_that_there_is_not(tmp_path: Path) -> None:
    """`ann` and `ann@default` share their failures whether or not there is an ann: the limit must not tell."""
    async with open_house(tmp_path, rates={"login": "off", "address": "off"}) as house:
        told = []
        for name in ("admin-user", "nobody-at-all"):
            statuses = []
            for login in (*[name] * 5, f"{name}@default", f"{name.upper()}@default"):
                body = {"login": login, "password": "wrong horse battery"}
                statuses.append((await house.ask("POST", "/login", body=body)).status)
            told.append(statuses)
        assert told[0] == told[1] == [401] * 5 + [429] * 2


async def test_what_others_are_refused_neither_hurries_nor_crowds_out(tmp_path: Path) -> None:
    """Refusals of one project are held back, counted and told as if no other were refused anything."""
    async with open_house(tmp_path) as house:
        accounts = house.door.accounts
        for number in range(500):
            accounts.deny(f"reason-{number}", project="north", principal=f"key_{number}", address="127.0.0.1")
        for _ in range(3):
            accounts.deny("forbidden", project="default", principal="user_ours", address="127.0.0.1")
        house.ahead += 11_000_000
        accounts.deny("forbidden", project="north", principal="key_1", address="127.0.0.1")
        await house.settle()
        mine = accounts.denials["default"]
        assert [(one["principal"], one["times"]) for one in mine.latest] == [("user_ours", 1)]


async def test_a_socket_past_the_end_of_a_run_is_closed(tmp_path: Path) -> None:
    """Nothing more will come, so it does not wait; one for another's run is refused, and that is recorded."""
    async with open_house(tmp_path) as house:
        ours, theirs = house.keys["default", "admin"], house.keys["north", "admin"]
        run = (await house.ask("POST", "/solve", token=ours, body=KNAPSACK, headers={"prefer": "wait=20"})).json["run"]
        answer = await house.ask("WS", f"/runs/{run}/events?after=1000", token=ours)
        assert (answer.status, answer.text) == (101, "close 1000 \n")
        assert (await house.ask("WS", f"/runs/{run}/events", token=theirs)).text == "close 1008 run-not-found\n"
        await house.settle()
        assert house.door.accounts.denials["north"].times["run-not-found"] == 1
