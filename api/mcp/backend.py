"""What the tools need of whoever does the work: an engine in this process, or a server elsewhere."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Ranking = Literal["elo", "bt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: a problem as JSON with its ``type``, or the content of a problem file.

    Attributes:
        problem: None where ``content`` is given.
        content: a file's bytes.
        name: what the file is called; its ending tells the format.
        family: of a file that does not tell it.
        options: as for `Engine.submit`; an ``idempotency_key`` may be among them.
    """

    problem: Mapping[str, Any] | None = None
    content: bytes | None = None
    name: str = ""
    family: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which events of the log, as for ``GET /log``; a negative ``after`` means the last so many positions."""

    after: int = 0
    limit: int = 20
    types: tuple[str, ...] = ()
    stream: str | None = None
    actor: str | None = None
    text: str | None = None


class Happening(Protocol):
    """An event of a run."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Its members."""


class Backend(Protocol):
    """Answers are JSON values of the shapes in `mezan.api.http.schemas`; ``as_of`` is a log position or a time, None is now.

    Every method raises MezanError for what was asked wrongly or cannot be done.
    """

    async def families(self) -> list[Json]:
        """Every `FamilyEntry`."""

    async def schema(self, family: str) -> Json:
        """The JSON schema of a problem of one family, without the options of a run."""

    async def examples(self, family: str | None) -> list[Json]:
        """Every `ExampleProblem` (of one family)."""

    async def policies(self) -> list[Json]:
        """Every `PolicyEntry`."""

    async def submit(self, asked: Asked) -> str:
        """Record a request, and return its run's id."""

    def events(self, run: str) -> AsyncGenerator[Happening, None]:
        """Every event of a run, to its last."""

    async def run(self, run: str, as_of: str | None) -> Json:
        """A `RunReport`; the id may be cut short."""

    async def runs(self, wanted: Mapping[str, str | None], limit: int, as_of: str | None) -> Json:
        """A `RunPage` of the newest runs with some properties: status, family, solver, policy, label, purpose."""

    async def cancel(self, run: str) -> Json:
        """Stop a run, and return its `RunReport`."""

    async def why(self, run: str, task: str | None, verify: bool, as_of: str | None) -> Json:
        """A `Why`."""

    async def replay(self, run: str) -> Json:
        """A `ReplayReport`."""

    async def leaderboard(self, family: str | None, cluster: str | None, by: Ranking, as_of: str | None) -> list[Json]:
        """Every `Rated`."""

    async def search(self, sought: Sought, as_of: str | None) -> Json:
        """A `LogPage`."""
