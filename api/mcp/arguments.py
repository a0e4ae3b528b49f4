"""What each tool takes. The JSON schemas that clients see are made from these models."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mezan.solvers.budget import MAX_ITERATIONS
from mezan.solvers.errors import BadInput

Name = Annotated[str, Field(min_length=1, max_length=200)]
Family = Annotated[Name | None, Field(description="A kind of problem, such as qap; default: all.")]
AsOf = Annotated[
    str | None,
    Field(
        max_length=64,
        description="A log position or an ISO 8601 time: the answer as it was then. Default: now.",
        examples=["1200", "2026-01-31T12:00:00Z"],
    ),
]
RunId = Annotated[
    str,
    Field(min_length=1, max_length=100, description="A run's id, an unambiguous beginning of one, or `last`."),
]


class Arguments(BaseModel):
    """Of a tool; unknown names are refused, so that a misspelt option is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ListFamilies(Arguments):
    """See the tool."""

    family: Annotated[
        Name | None, Field(description="One family: with the JSON schema of its problems, and examples in full.")
    ] = None


class ListSolvers(Arguments):
    """See the tool."""

    family: Family = None


class Solve(Arguments):
    """See the tool. Exactly one of the first four says what is to be solved."""

    problem: Annotated[
        dict[str, Any] | None,
        Field(
            description="The problem as an object whose `type` names its family; `list_families` gives the schemas. "
            'For example {"type": "knapsack", "values": [6, 10, 12], "weights": [1, 2, 3], "capacity": 5}.'
        ),
    ] = None
    text: Annotated[
        str | None,
        Field(
            description="The content of a problem file, such as QAPLIB's; with `name` or `family` to tell the format."
        ),
    ] = None
    file: Annotated[
        str | None,
        Field(min_length=1, max_length=1_000, description="A problem file in the folder that was opened by --files."),
    ] = None
    example: Annotated[Name | None, Field(description="The name of an instance that ships with a family.")] = None
    name: Annotated[
        str | None, Field(min_length=1, max_length=200, description="What `text` would be called as a file: nug12.dat.")
    ] = None
    family: Annotated[Name | None, Field(description="Of `text` or `file`, where neither name nor content tells.")] = (
        None
    )
    time_limit: Annotated[
        float, Field(gt=0, description="Seconds of solving; a proof of optimality or `target` ends it earlier.")
    ] = 10.0
    iterations: Annotated[
        int | None,
        Field(ge=1, le=MAX_ITERATIONS, description="Kernel iterations: a result that does not depend on speed."),
    ] = None
    target: Annotated[float | None, Field(description="Stop at an objective at least this good.")] = None
    gap: Annotated[float | None, Field(ge=0, description="Stop within so many percent of the proved bound.")] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**53, description="All randomness derives from it.")] = None
    solver: Annotated[Name | None, Field(description="Use this solver and no other; default: a policy chooses.")] = None
    policy: Annotated[Name | None, Field(description="The selection policy; default: the family's.")] = None
    fresh: Annotated[
        bool, Field(description="Start from nothing, not from the best result known for this instance.")
    ] = False
    idempotency_key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The same request under the same key is one run.")
    ] = None
    wait: Annotated[
        bool,
        Field(
            description="Wait for the result; false returns the run's id at once. Long runs are given back unfinished."
        ),
    ] = True


class Status(Arguments):
    """See the tool."""

    run: RunId
    wait: Annotated[float, Field(ge=0, description="Seconds to wait for its end.")] = 0.0
    as_of: AsOf = None


class ListRuns(Arguments):
    """See the tool."""

    status: Annotated[
        Literal["requested", "running", "completed", "failed", "cancelled"] | None, Field(description="Only these.")
    ] = None
    family: Family = None
    solver: Annotated[Name | None, Field(description="That one of its tasks was given last.")] = None
    label: Annotated[Name | None, Field(description="What the instance's name contains.")] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    as_of: AsOf = None


class Cancel(Arguments):
    """See the tool."""

    run: RunId


class Why(Arguments):
    """See the tool."""

    run: RunId
    task: Annotated[Name | None, Field(description="Of a run with several tasks.")] = None
    verify: Annotated[bool, Field(description="Choose again from the refolded log, and compare.")] = False
    as_of: AsOf = None


class Replay(Arguments):
    """See the tool."""

    run: RunId


class Leaderboard(Arguments):
    """See the tool."""

    family: Family = None
    cluster: Annotated[Name | None, Field(description="A cluster of instances, such as qap/0; default: overall.")] = (
        None
    )
    by: Annotated[Literal["elo", "bt"], Field(description="Ranked by Elo, or by Bradley-Terry.")] = "elo"
    as_of: AsOf = None


class SearchLog(Arguments):
    """See the tool."""

    text: Annotated[
        Name | None, Field(description="Part of the data as JSON, of the stream, type or actor; case does not matter.")
    ] = None
    types: Annotated[
        list[Name], Field(max_length=40, description="Event types, such as RunCompleted; default: all.")
    ] = []
    run: Annotated[
        str | None, Field(min_length=1, max_length=100, description="Only the events of one run; its id, or `last`.")
    ] = None
    actor: Annotated[Name | None, Field(description="Who caused the event.")] = None
    after: Annotated[
        int,
        Field(ge=-(2**53), le=2**53, description="Only later positions; negative: only the last so many positions."),
    ] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    as_of: AsOf = None


def parsed(kind: type[Arguments], given: dict[str, Any]) -> Any:
    """A tool's arguments; raises BadInput with the first rule that they break."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:80] or "the arguments"
        if first["type"] == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            raise BadInput(f"an argument must be one of {known}; got {where!r}: leave it out") from None
        rule = first["msg"][:1].lower() + first["msg"][1:]
        shown = repr(first["input"])
        raise BadInput(f"{where}: {rule}; got {shown[:60]}{'…' * (len(shown) > 60)}") from None
