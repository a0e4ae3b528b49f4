"""Somebody who attacks a real server with accounts, and keeps count of what the log of accounts must say of it afterwards."""

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
from secured import PASSWORD, Secured, secured

from mezan.api.accounts.door import Door
from mezan.api.accounts.files import files_of
from mezan.api.accounts.open import open_accounts
from mezan.api.http.denials import AUDITED
from mezan.api.limits.logins import Logins
from mezan.engine.stores.sqlite import SQLiteStore

OPEN = ("address=off", "login=off", "requests=off", "project=off", "solving=off")
"""Limits have tests of their own; here they would stop the attacks before they begin."""


@dataclass
class Answer:
    """What came back over a socket; ``status`` 0 is a connection that was closed without a word."""

    status: int
    head: str
    body: bytes

    @property
    def code(self) -> str:
        """The problem's code, or nothing."""
        try:
            return str(json.loads(self.body)["type"]).removeprefix("/problems/")
        except (ValueError, KeyError, TypeError):
            return ""


@dataclass
class Attacker:
    """The server, who may be there, and what was refused so far by problem."""

    house: Secured
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return self.house.server.url

    def key(self, role: str = "admin", project: str = "default") -> str:
        """The Authorization of a key that is good."""
        return f"Bearer {self.house.keys[project, role]}"

    def expect(self, answer: "httpx.Response | Answer", status: int, code: str, what: object = "") -> None:
        """The answer is this refusal, as a problem that says nothing else; it is counted."""
        told = answer.code if isinstance(answer, Answer) else problem_of(answer)
        assert (answer.status_code if isinstance(answer, httpx.Response) else answer.status, told) == (status, code), (
            what
        )
        self.count(code)

    def count(self, code: str, times: int = 1) -> None:
        """Count refusals that were seen elsewhere."""
        if code in AUDITED:
            self.refused[code] += times

    def send(self, *lines: str, body: bytes = b"", patience: float = 10.0) -> Answer:
        """Send a request exactly as it is written, and read until the server has closed the connection or answered."""
        text = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        return self.send_bytes(text, patience=patience)

    def send_bytes(self, content: bytes, *, patience: float = 10.0) -> Answer:
        """The same with every byte given."""
        with socket.create_connection(("127.0.0.1", self.house.server.port), patience) as connection:
            connection.sendall(content)
            return read_answer(connection)

    @property
    def host(self) -> str:
        return f"Host: 127.0.0.1:{self.house.server.port}"


def problem_of(answer: httpx.Response) -> str:
    """The code of a problem."""
    if answer.headers.get("content-type") != "application/problem+json":
        return f"no problem but {answer.status_code}: {answer.text[:200]}"
    return str(answer.json()["type"]).removeprefix("/problems/")


def read_answer(connection: socket.socket) -> Answer:
    """One answer, by its length or until the end."""
    content = b""
    try:
        while b"\r\n\r\n" not in content and (chunk := connection.recv(65_536)):
            content += chunk
        head, _, body = content.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        length = next((int(line[15:]) for line in text.lower().split("\r\n") if line.startswith("content-length:")), 0)
        while len(body) < length and (chunk := connection.recv(65_536)):
            body += chunk
    except ConnectionError:
        return Answer(0, "", b"")
    return Answer(int(text.split(" ", 2)[1]) if text else 0, text, body)


@contextmanager
def attacking(db: Path) -> Iterator[Attacker]:
    """A server to attack. When it has ended, its log of accounts must have every refusal, and each as often as it was answered."""
    options = [word for limit in OPEN for word in ("--limit", limit)]
    with secured(db, *options) as house:
        attacker = Attacker(house)
        yield attacker
        assert house.server.process is not None
        assert house.server.process.poll() is None, house.server.log.read_text()[-2_000:]
    written = denials(db)
    missing = {code: (n, written[code]) for code, n in attacker.refused.items() if written[code] != n}
    assert not missing, f"refused and recorded differ: {missing}"
    log = house.server.log.read_text()
    assert "Traceback" not in log, log[-4_000:]


def denials(db: Path) -> Counter[str]:
    """How often each reason is in the log of accounts."""
    counted: Counter[str] = Counter()

    async def read() -> None:
        async with SQLiteStore.open(files_of(f"sqlite:///{db}").accounts_url, read_only=True) as store:
            for recorded in await store.read(types=["AccessDenied"]):
                counted[recorded.data["reason"]] += recorded.data["times"]

    anyio.run(read)
    return counted


def until(found: Any, patience: float = 10.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + patience
    while not found():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


__all__ = ["PASSWORD", "Answer", "Attacker", "Door", "Logins", "attacking", "open_accounts", "until"]
