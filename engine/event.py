"""The base of every event type."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Part(BaseModel):
    """A nested value of an event."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Event(Part):
    """Base of every event; ``schema`` is the version of the payload's form, kept beside it in the log."""

    schema_version: ClassVar[int] = 1
