"""How a command runs its body."""

from collections.abc import Callable, Coroutine
from typing import Any

import typer


def run_async(body: Callable[..., Coroutine[Any, Any, int]], *arguments: Any, **options: Any) -> None:
    """Run an async body and leave with its exit code."""
    import anyio

    from ..process import listen

    listen()

    async def call() -> int:
        return await body(*arguments, **options)

    raise typer.Exit(anyio.run(call))
