"""`mezan ab` and `mezan lab`: as people and scripts meet them."""

import importlib.util
import json

import pytest

from .conftest import CLI, DATA

STRONG = str(DATA / "knapsack/strong60.kp")
ARMS = ("--arms", "solver:knapsack.greedy,solver:knapsack.dp")


def solve(cli: CLI, seed: int) -> str:
    """One run that names nothing."""
    done = cli("solve", STRONG, "--seed", str(seed), "--fresh", "--json", "-q")
    assert done.code == 0
    return str(done.json["run"])


def test_a_test_begins_takes_runs_and_is_stopped_by_hand(cli: CLI) -> None:
    """Every step is another process on the same file; `runs`, `last` and `log verify` know runs only."""
    begun = cli("ab", "start", "spring", *ARMS, "--shares", ".6,.4", "--max", "50", "--seed", "5", "--json").json
    assert (begun["family"], begun["maximum"], begun["seed"]) == ("knapsack", 50, 5)
    assert begun["shares"] == {"solver:knapsack.greedy": 0.6, "solver:knapsack.dp": 0.4}
    cli("show", "last").refused("none")
    runs = [solve(cli, seed) for seed in (1, 2)]
    cards = [cli("why", run, "--verify", "--json").json for run in runs]
    assert all(card["verification"]["identical"] and card["experiment"] == "spring" for card in cards)
    assert "arm solver:knapsack" in cli("why", "last").out
    (status,) = cli("ab", "status", "--json").json
    assert status["status"] == "running"
    assert sum(arm["outcomes"] for arm in status["arms"]) == sum(arm["assigned"] for arm in status["arms"]) == 2
    assert "spring" in cli("ab", "status").out
    stopped = cli("ab", "stop", "spring", "--json").json
    assert (stopped["status"], stopped["winner"]) == ("stopped", None)
    assert stopped["arms"] == status["arms"]
    assert cli("why", solve(cli, 3), "--json").json["experiment"] is None
    assert [row["run"] for row in cli("runs", "--json").json][1:] == runs[::-1]
    assert cli("log", "verify").code == 0
    cli("ab", "stop", "spring").refused("over")
    cli("ab", "start", "spring", *ARMS).refused("used once")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start", "x", "--arms", "thompson,thomson"], ["did you mean 'thompson'"]),
        (["start", "x", "--arms", "thompson,solver:qap.odd"], ["solver must be one of"]),
        (["start", "x", "--arms", "thompson,ucb1", "--shares", "a,b"], ["--shares"]),
        (["start", "x/y", "--arms", "thompson,ucb1"], ["letters"]),
        (["stop", "x"], ["database"]),
    ],
)
def test_mistakes_are_one_line_and_make_no_database(cli: CLI, arguments: list[str], words: list[str]) -> None:
    """Refused before anything is recorded."""
    cli("ab", *arguments).refused(*words)
    assert list(cli.folder.iterdir()) == []


def test_an_unknown_test_is_refused(solved: CLI) -> None:
    """With the usual words; a log without tests has an empty list."""
    solved("ab", "status", "spring").refused("experiment must be one of")
    solved("ab", "stop", "spring").refused("experiment must be one of")
    assert solved("ab", "status", "--json").json == []


def test_a_comparison_prints_a_table_and_is_the_same_each_time(cli: CLI) -> None:
    """One row per policy with its interval and its warnings; --json holds the whole of it."""
    for seed in (1, 2, 3):
        solve(cli, seed)
    first = cli("lab", "compare", "default", "thompson", "--json")
    assert first.out == cli("lab", "compare", "default", "thompson", "--json").out
    document = first.json
    assert document["decisions"] == 3
    assert [row["policy"] for row in document["policies"]] == ["default", "thompson"]
    for row in document["policies"]:
        assert row["dr"]["lower"] <= row["dr"]["mean_loss"] <= row["dr"]["upper"]
        assert "only 3 decisions" in row["warnings"]
        assert len(row["curve"]) == 3
    assert document["policies"][0]["agreement"] == 1.0
    assert document["policies"][0]["dr"]["mean_loss"] == pytest.approx(document["mean_loss_logged"])
    table = cli("lab", "compare", "default", "thompson").out
    assert all(word in table for word in ("default", "thompson", "95 % interval", "single best in hindsight"))
    upto = json.loads(first.out)["as_of"]
    solve(cli, 4)
    assert cli("lab", "compare", "default", "thompson", "--as-of", str(upto), "--json").out == first.out
    assert cli("lab", "compare", "default", "--since", str(upto), "--json").json["decisions"] == 1
    if importlib.util.find_spec("matplotlib") is None:
        cli("lab", "compare", "elo_ucb", "--plot", "regret.svg").refused("mezan[plot]")
    else:
        assert cli("lab", "compare", "elo_ucb", "--plot", "regret.svg").code == 0
        assert "<svg" in (cli.folder / "regret.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nope"], ["policy must be one of"]),
        (["elo_ucb", "--since", "yesterday"], ["--since must be"]),
        (["elo_ucb", "--plot", "x.pdf"], [".svg or .png"]),
        (["elo_ucb"], ["it has none"]),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused(solved: CLI, arguments: list[str], words: list[str]) -> None:
    """The last one: a log whose runs all named their solver has no decision to learn from."""
    solved("lab", "compare", *arguments).refused(*words)
