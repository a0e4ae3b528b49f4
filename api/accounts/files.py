"""The files that belong to a database, and how a private one is made."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mezan.engine.stores.schema import path_of
from mezan.projections.principals import DEFAULT_PROJECT
from mezan.solvers.errors import BadInput

from .errors import Exposed

PROJECT_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Files:
    """Beside ``mezan.db``: ``mezan.accounts.db``, ``mezan.secrets.db``, ``mezan.key``, ``mezan.limits.db``, ``mezan.projects/NAME.db``."""

    database: Path
    accounts: Path
    secrets: Path
    key: Path
    limits: Path
    projects: Path

    @property
    def accounts_url(self) -> str:
        """The URL of the log of accounts."""
        return f"sqlite:///{self.accounts}"

    def project(self, name: str) -> Path:
        """The database of a project; raises BadInput for what is no project's name, so no path is ever made from it."""
        check_project_name(name)
        return self.database if name == DEFAULT_PROJECT else self.projects / f"{name}.db"

    def project_url(self, name: str) -> str:
        """The URL of a project's database."""
        return f"sqlite:///{self.project(name)}"


def files_of(database_url: str) -> Files:
    """The files of a database given as ``sqlite:///mezan.db``; raises NotOurs for another URL."""
    database = Path(path_of(database_url))
    stem = database.name.removesuffix(".db")

    def beside(end: str) -> Path:
        return database.with_name(stem + end)

    return Files(
        database,
        accounts=beside(".accounts.db"),
        secrets=beside(".secrets.db"),
        key=beside(".key"),
        limits=beside(".limits.db"),
        projects=beside(".projects"),
    )


def check_project_name(name: str) -> str:
    """The name itself; raises BadInput unless it is a project's."""
    if PROJECT_NAME.fullmatch(name) is None:
        msg = f"a project's name must be 1 to 32 of a-z, 0-9 and inner hyphens; got {name[:60]!r}"
        raise BadInput(msg)
    return name


def make_private(path: Path) -> None:
    """Create an empty file that only its owner can read, unless there is one; raises Exposed if others can read that."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        check_private(path)


def check_private(path: Path) -> None:
    """Raise Exposed if anybody but its owner can read or write a file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        msg = f"{path} must be readable by its owner only (mode 0600); it has mode {mode:04o}: run `chmod 600 {path}`, and replace what others may have read"
        raise Exposed(msg)
