"""Plain JSON values of the dataclasses that tools answer, and their JSON schemas."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from mezan.api.views.plain import encoded

Json = dict[str, Any]


def shaped(kind: Any, document: Any) -> Any:
    """A document, or a value of the dataclass, as the JSON value that :func:`schema_of` describes; raises ValidationError."""
    adapter = adapter_of(kind)
    if not isinstance(kind, type) or not isinstance(document, kind):
        document = adapter.validate_json(encoded(document))
    return adapter.dump_python(document, mode="json")


def schema_of(kind: Any) -> Json:
    """The JSON schema of what :func:`shaped` makes."""
    return adapter_of(kind).json_schema(mode="serialization")


@cache
def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """Making one takes milliseconds."""
    return TypeAdapter(kind)
