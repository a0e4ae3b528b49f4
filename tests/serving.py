"""A real server in a process of its own, and a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ADDRESS = re.compile(rb"dashboard (https?://\S+?)/ ")
PATIENCE = 60.0


class Server:
    """`mezan serve` on a free port; ``url`` is where it answers."""

    def __init__(self, db: Path, *options: str) -> None:
        self.db, self._options = db, options
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.log = db.with_suffix(".log")

    def start(self, port: int = 0) -> "Server":
        command = [sys.executable, "-m", "mezan.api.cli", "serve", "--db", str(self.db), "--port", str(port)]
        env = os.environ | {"JAX_PLATFORMS": "cpu"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command, *self._options], stderr=log, stdout=log, env=env)
        until = time.monotonic() + PATIENCE
        while (found := ADDRESS.search(self.log.read_bytes())) is None:
            if self.process.poll() is not None or time.monotonic() > until:
                msg = f"the server did not start: {self.log.read_text()}"
                raise RuntimeError(msg)
            time.sleep(0.05)
        self.url = found[1].decode()
        return self

    def mezan(self, *arguments: str) -> None:
        """Run a command on the database that is served."""
        command = [sys.executable, "-m", "mezan.api.cli", *arguments, "--db", str(self.db)]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(db: Path, *options: str) -> Iterator[Server]:
    server = Server(db, *options).start()
    try:
        yield server
    finally:
        server.stop()
