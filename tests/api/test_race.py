"""Races on the command line: solved, shown side by side, explained, replayed and rated."""

import pytest

from mezan.solvers.qap import QAP
from mezan.solvers.qap.evaluate import evaluate
from mezan.solvers.qap.family import FAMILY

from .conftest import CLI, DATA

PROBLEM = str(DATA / "qap/nug12.dat")


@pytest.fixture(scope="module")
def pans() -> list[str]:
    """Tabu search and another solver of the portfolio that takes solutions from outside."""
    problem = QAP.from_qaplib(PROBLEM)
    able = [s.name.removeprefix("qap.") for s in FAMILY.solvers if s.seedable and s.refuses(problem) is None]
    rivals = [name for name in able if name != "tabu"]
    if not rivals:
        pytest.skip("wants two solvers of the QAP that take solutions from outside")
    return ["tabu", rivals[0]]


@pytest.mark.slow
def test_a_race_is_solved_shown_explained_replayed_and_rated(cli: CLI, pans: list[str]) -> None:
    """The result is the better pan's; every command knows both."""
    ran = cli("solve", PROBLEM, "--pans", ",".join(pans), "--iterations", "40", "--seed", "3", "--json")
    about = ran.json
    assert about["pans"] == pans
    objectives = {name: task["objective"] for name, task in about["tasks"].items()}
    best = min(objectives.values())
    assert about["objective"] == best
    assert evaluate(QAP.from_qaplib(PROBLEM), about["solution"]).objective == best
    ahead = [name for name in pans if objectives[name] == best]
    assert about["winner"] == (ahead[0] if len(ahead) == 1 else None)
    assert f"{ahead[0]} {best:g}" in ran.err

    shown = cli("show", "last", "--json").json
    assert {found["task"] for found in shown["incumbents"]} == set(pans)
    assert all(share["task"] != share["source_task"] for share in shown["shared"])
    text = cli("show", "last").out
    for name in pans:
        assert f"qap.{name}" in text
        assert f"{objectives[name]:g}" in text
    assert ("drawn" if about["winner"] is None else f"won by {about['winner']}") in text

    for name in pans:
        why = cli("why", "last", "--task", name, "--verify", "--json").json
        assert (why["solver"], why["forced"], why["verification"]["identical"]) == (f"qap.{name}", True, True)
    assert cli("replay", "last", "--json").json["identical"]
    rated = {row["solver"]: row for row in cli("leaderboard", "--json").json}
    assert {(row["games"], row["outcomes"]) for row in rated.values()} == {(1, 0)}
    assert sum(row["rating"] for row in rated.values()) == 3000
    assert cli("runs", "--json").json[0]["objective"] == best


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--pans", "tabu"], "two different"),
        (["--pans", "tabu,tabu"], "two different"),
        (["--pans", "tabu,descent"], "qap.descent does not"),
        (["--pans", "tabu,nothing"], "nothing"),
        (["--pans", "tabu,annealing", "--solver", "qap.tabu"], "--solver"),
    ],
)
def test_pans_that_cannot_race_are_one_line(cli: CLI, given: list[str], says: str) -> None:
    """Before a database is made."""
    cli("solve", PROBLEM, *given).refused(says)
    assert not list(cli.folder.glob("*.db"))
