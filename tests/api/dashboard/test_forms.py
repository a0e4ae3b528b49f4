"""Forms from JSON schemas: the right control for every kind of member."""

from typing import Literal

from pydantic import BaseModel, Field

from mezan.api.dashboard.forms import fields
from mezan.api.dashboard.pages.submit import options_asked
from mezan.solvers.catalog import Catalog


class Shift(BaseModel):
    """A problem of some family to come."""

    note: str = ""
    costs: list[list[float]] = Field(description="What it costs.")
    demand: list[int]
    days: int = Field(ge=1, le=28)
    share: float | None = Field(None, gt=0)
    kind: Literal["soft", "hard"] = "soft"
    open: bool = False
    arcs: dict[str, list[str]] = {}
    labels: list[str] = []


def test_each_kind_has_its_control() -> None:
    """Matrices, lists, bounded numbers and choices have theirs; whatever else there is is asked for as JSON."""
    found = {one.name: one for one in fields(Shift.model_json_schema())}
    assert {name: one.kind for name, one in found.items()} == {
        "costs": "matrix", "demand": "list", "days": "integer", "note": "text", "share": "number", "kind": "choice",
        "open": "flag", "arcs": "json", "labels": "json",
    }  # fmt: skip
    assert [one.name for one in found.values() if one.required] == list(found)[:3]
    assert (found["days"].least, found["days"].most, found["share"].above) == (1, 28, 0)
    assert (found["costs"].help, found["kind"].choices, found["kind"].default) == (
        "What it costs.",
        ("soft", "hard"),
        "soft",
    )


def test_the_families_and_options_that_there_are() -> None:
    """No member of a request is left to raw JSON, and each has a sentence of help."""
    shown = [one for family in Catalog.default() for one in fields(family.problem.model_json_schema())]
    for one in [*shown, *options_asked()]:
        assert one.kind != "json"
        assert one.help
