"""The command line through a real process, and databases that it has made."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[1] / "data"
MEZAN = [sys.executable, "-m", "mezan.api.cli.main"]


@dataclass(frozen=True)
class Ran:
    """What one call printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        assert self.code in {0, 1, 130}, self.err
        return json.loads(self.out)

    def refused(self, *words: str) -> None:
        """It ended with 2 and one line that says why, without a traceback."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        lines = [line for line in self.err.splitlines() if not line.startswith("run ")]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: "), self.err
        for word in words:
            assert word in lines[0], lines[0]


@dataclass(frozen=True)
class CLI:
    """Calls `mezan` in a folder of its own, on its ``mezan.db``."""

    folder: Path
    cache: Path

    @property
    def env(self) -> dict[str, str]:
        """An environment in which nothing of the caller's changes what is printed."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MEZAN_", "FORCE_COLOR", "COLUMNS"))}
        return kept | {"NO_COLOR": "1", "XDG_CACHE_HOME": str(self.cache)}

    def __call__(self, *arguments: str, stdin: str | bytes = b"", env: dict[str, str] | None = None) -> Ran:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*MEZAN, *arguments], cwd=self.folder, input=given, capture_output=True, timeout=90, check=False,
            env=self.env | (env or {}),
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a call and go on beside it."""
        return subprocess.Popen(
            [*MEZAN, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.env,
        )  # fmt: skip

    def head(self) -> Any:
        """The log's head as the database has it now; None for an empty log."""
        return self("log", "head").json


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of a session keep what they compile."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def cli(tmp_path: Path, cache: Path) -> CLI:
    """A fresh folder without a database."""
    return CLI(tmp_path, cache)


@pytest.fixture(scope="session")
def solved(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> CLI:
    """A folder whose database holds three runs of three solvers, solved once for all tests that only look."""
    made = CLI(tmp_path_factory.mktemp("solved"), cache)
    for solver in ("knapsack.greedy", "knapsack.dp"):
        assert made("solve", str(DATA / "knapsack/strong60.kp"), "--solver", solver, "--seed", "3").code == 0
    assert (
        made("solve", str(DATA / "qap/nug12.dat"), "--solver", "qap.tabu", "--iterations", "200", "--seed", "3").code
        == 0
    )
    return made
