"""A server with accounts: two projects, and in each a user and a key of every role."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
from serving import Server, serving

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.api.limits.logins import Logins

ROLES = ("viewer", "operator", "admin")
PROJECTS = ("default", "north")
PASSWORD = "correct horse battery 7"
KNAPSACK = {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5, "time_limit": 5}


@dataclass
class Secured:
    """The server; ``keys`` are texts by project and role, ``ids`` those of keys and users by their name."""

    server: Server
    keys: dict[tuple[str, str], str]
    ids: dict[str, str] = field(default_factory=dict)

    def client(self, role: str | None = None, project: str = "default") -> httpx.Client:
        """A client with the key of a role, or with none."""
        headers = {} if role is None else {"authorization": f"Bearer {self.keys[project, role]}"}
        return httpx.Client(base_url=self.server.url, timeout=20, headers=headers)

    @contextmanager
    def login(self, user: str, password: str = PASSWORD, **more: str) -> Iterator[httpx.Client]:
        """A browser that has logged in, with its CSRF token in a header."""
        with httpx.Client(base_url=self.server.url, timeout=20) as client:
            answer = client.post("/login", data={"login": user, "password": password, **more})
            assert answer.status_code == 303, answer.text
            client.headers["mezan-csrf"] = client.cookies["mezan_csrf"]
            yield client


@contextmanager
def secured(db: Path, *options: str) -> Iterator[Secured]:
    keys: dict[tuple[str, str], str] = {}
    ids: dict[str, str] = {}

    async def make() -> None:
        async with open_accounts(f"sqlite:///{db}") as accounts:
            door = Door(accounts, Logins())
            for project in PROJECTS:
                if project != "default":
                    await accounts.add_project(project)
                for role in ROLES:
                    user = await accounts.add_user(f"{role}-user", role=role, project=project)
                    await door.people.set_password(user.id, PASSWORD)
                    issued = await accounts.issue_key(f"{role}-key", role=role, project=project)
                    keys[project, role] = issued.text
                    ids[f"{role}-user@{project}"], ids[f"{role}-key@{project}"] = user.id, issued.key.id

    with ThreadPoolExecutor(1) as beside:  # where Playwright is at work this thread has an event loop
        beside.submit(anyio.run, make).result()
    with serving(db, *options) as server:
        yield Secured(server, keys, ids)
