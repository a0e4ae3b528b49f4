"""Who appends, in whose name, and because of what: ambient values that every append picks up."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

tenant: ContextVar[str] = ContextVar("mezan_tenant", default="default")
actor: ContextVar[str] = ContextVar("mezan_actor", default="local")
correlation: ContextVar[str | None] = ContextVar("mezan_correlation", default=None)
causation: ContextVar[str | None] = ContextVar("mezan_causation", default=None)


@contextmanager
def acting(
    *,
    as_actor: str | None = None,
    correlated: str | None = None,
    caused_by: str | None = None,
    in_tenant: str | None = None,
) -> Iterator[None]:
    """Set actor, correlation, causation or tenant for the appends made inside the block."""
    given = ((actor, as_actor), (correlation, correlated), (causation, caused_by), (tenant, in_tenant))
    tokens = [(variable, variable.set(value)) for variable, value in given if value is not None]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)  # type: ignore[arg-type]
