"""Requests made up from the OpenAPI document, right and wrong, against the real server by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import serving

CONFIG = """\
continue-on-failure = true
[generation]
max-examples = 12
deterministic = true
no-shrink = true
allow-extra-parameters = false
[phases]
stateful.enabled = false
[checks.positive_data_acceptance]
# a schema cannot say that a matrix is square or that a position is one of the log
expected-statuses = ["2xx", "3xx", "404", "406", "409", "422"]
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_breaks_it_and_every_answer_is_documented(tmp_path: Path) -> None:
    """No 5xx; every status, media type and body is in the document; what breaks a schema is refused; other methods are 405."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    env = os.environ | {"SCHEMATHESIS_HOOKS": "bounded", "PYTHONPATH": str(Path(__file__).parent), "NO_COLOR": "1"}
    with serving(tmp_path / "fuzzed.db") as server:
        command = ["-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", f"{server.url}/openapi.json"]
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=380, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "generated" in done.stdout
    assert "Traceback" not in server.log.read_text()
