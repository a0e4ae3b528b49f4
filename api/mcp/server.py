"""The protocol's side: tools and resources as the SDK's server serves them, and errors as one line each."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from mezan.api.cli.errors import leaf, one_line
from mezan.engine.environment import version_of
from mezan.solvers.errors import BadInput, MezanError

from . import resources
from .arguments import parsed
from .tools import TOOLS, Session, Tool

logger = structlog.get_logger(__name__)
Context = ServerRequestContext[Any, Any]
INSTRUCTIONS = """\
Mezan solves optimisation problems: it chooses a solver, runs it, and records every step in an event log.

Call list_families first, then list_families with the family that fits for the schema of its problems; then solve. Objectives
are recomputed by a reference evaluator, and bounds are proved: a result that meets its bound is optimal. A run's id leads on:
why explains which solver was chosen, replay executes the run again and compares, status shows it, cancel stops it.
leaderboard ranks the solvers, search_log finds events. Results and choices can be asked for as of an earlier moment (as_of).
"""


def server_for(session: Session) -> Server[Any]:
    """The SDK's server over a session's backend."""
    tools = {tool.name: tool for tool in TOOLS}

    async def list_tools(_ctx: Context, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[described(tool, session) for tool in TOOLS])

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            msg = f"a tool must be one of {', '.join(tools)}; got {params.name[:80]!r}"
            raise MCPError(types.INVALID_PARAMS, msg)
        try:
            given = parsed(tool.arguments, params.arguments or {})
            value, text = await tool.run(session, given, ctx.session.report_progress)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller reads one line
            return types.CallToolResult(content=[_text(told(error, tool.name))], is_error=True)
        return types.CallToolResult(content=[_text(text)], structured_content=value)

    async def list_resources(_ctx: Context, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=await _answered(resources.listed, session))

    async def list_templates(_ctx: Context, _params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=list(resources.TEMPLATES))

    async def read_resource(_ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        text = await _answered(resources.read, session, str(params.uri))
        content = types.TextResourceContents(uri=params.uri, text=text, mime_type=resources.JSON)
        return types.ReadResourceResult(contents=[content])

    return Server(
        "mezan",
        version=version_of("mezan") or "0",
        title="Mezan",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


def described(tool: Tool, session: Session) -> types.Tool:
    """A tool as clients see it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema(session.limits),
        output_schema=tool.output_schema(),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=tool.destroys,
            idempotent_hint=tool.reads or tool.destroys,
            open_world_hint=False,
        ),
    )


def told(error: BaseException, what: str) -> str:
    """The line that the caller reads; what nobody foresaw is told in full to the log only."""
    error = leaf(error)
    if isinstance(error, MezanError):
        return one_line(error)
    logger.error("an answer failed", what=what, kind=type(error).__name__, why=one_line(error)[:500], exc_info=error)
    return f"mezan itself failed ({type(error).__name__}); its log on standard error says more"


async def _answered(answer: Callable[..., Awaitable[Any]], *given: Any) -> Any:
    """An answer, or the protocol's error for what went wrong."""
    try:
        return await answer(*given)
    except Exception as error:  # noqa: BLE001 - likewise
        foreseen = isinstance(leaf(error), (BadInput, ValidationError))
        code = types.INVALID_PARAMS if foreseen else types.INTERNAL_ERROR
        raise MCPError(code, told(error, answer.__name__)) from None


def _text(text: str) -> types.TextContent:
    return types.TextContent(type="text", text=text)
