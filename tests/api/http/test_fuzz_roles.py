"""Requests made up from the OpenAPI document of a server with accounts, sent as each role and as nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from secured import ROLES, secured

from mezan.api.accounts.scopes import BUILT_IN, closure

CONFIG = """\
continue-on-failure = true
[generation]
max-examples = 4
deterministic = true
no-shrink = true
allow-extra-parameters = false
[phases]
stateful.enabled = false
[checks.positive_data_acceptance]
# a schema can say neither what is in the log nor who may do what
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "406", "409", "422", "429"]
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "406", "409", "413", "415", "422", "428", "429", "5xx"]
"""
FREE = tuple(
    word for name in ("requests", "solving", "project", "address", "login") for word in ("--limit", f"{name}=off")
)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("role", [None, *ROLES])
def test_nothing_breaks_it_and_every_answer_is_documented(tmp_path: Path, role: str | None) -> None:
    """No 5xx; every status, media type and body is in the document; the scope that an operation declares decides."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    env = os.environ | {"SCHEMATHESIS_HOOKS": "declared", "PYTHONPATH": str(Path(__file__).parent), "NO_COLOR": "1"}
    held = closure(BUILT_IN.values())[role] if role is not None else frozenset()
    env |= {"MEZAN_TEST_ROLE": role or "", "MEZAN_TEST_SCOPES": " ".join(held)}
    with secured(tmp_path / "fuzzed.db", *FREE) as house:
        command = [
            "-m",
            "schemathesis.cli",
            "--config-file",
            "schemathesis.toml",
            "run",
            f"{house.server.url}/openapi.json",
        ]
        if role is not None:
            command += ["--header", f"Authorization: Bearer {house.keys['default', role]}"]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=380, check=False)  # fmt: skip
        log = house.server.log.read_text()
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "generated" in done.stdout
    assert "Traceback" not in log
