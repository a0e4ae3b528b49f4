"""The typed client of a Mezan server: the same calls, blocking (`Client`) or awaited (`AsyncClient`). Needs the extra ``serve``."""

try:
    import httpx  # noqa: F401
except ModuleNotFoundError as missing:
    msg = f"mezan.api.client needs the extra `serve` ({missing.name} is missing): pip install 'mezan[serve]'"
    raise ModuleNotFoundError(msg, name=missing.name) from None

from .clients import AsyncClient, Client
from .errors import NotFinished, RequestRefused, ServerFailed, Unreachable
from .requests import Options

__all__ = ["AsyncClient", "Client", "NotFinished", "Options", "RequestRefused", "ServerFailed", "Unreachable"]
