"""The doors. Importing this package is light: everything loads on first use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mezan.engine.engine import Engine
    from mezan.engine.handle import Result, Run, TaskResult
    from mezan.engine.predicting import Forecast, Prediction
    from mezan.engine.shadow import Shadow

    from .client import AsyncClient, Client
    from .explaining import Explanation, explain
    from .open import open_engine
    from .process import cache_kernels, tune_gc

__all__ = [
    "AsyncClient",
    "Client",
    "Engine",
    "Explanation",
    "Forecast",
    "Prediction",
    "Result",
    "Run",
    "Shadow",
    "TaskResult",
    "cache_kernels",
    "explain",
    "open_engine",
    "tune_gc",
]

_HOMES = {
    "AsyncClient": "mezan.api.client",
    "Client": "mezan.api.client",
    "Engine": "mezan.engine.engine",
    "Explanation": "mezan.api.explaining",
    "Forecast": "mezan.engine.predicting",
    "Prediction": "mezan.engine.predicting",
    "Result": "mezan.engine.handle",
    "Run": "mezan.engine.handle",
    "Shadow": "mezan.engine.shadow",
    "TaskResult": "mezan.engine.handle",
    "explain": "mezan.api.explaining",
    "open_engine": "mezan.api.open",
    "tune_gc": "mezan.api.process",
    "cache_kernels": "mezan.api.process",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
