"""`mezan serve`: the HTTP API and the dashboard."""

from mezan.solvers.errors import BadInput

from .errors import DONE
from .options import database
from .output import notice


def run(db: str, *, host: str, port: int, max_body: int, shadow: float, browser: bool) -> int:
    """Serve until a signal, and return the exit code."""
    try:
        from mezan.api.http.serve import check_host, lift_file_limit, loop_options, serve
    except ModuleNotFoundError as error:
        msg = f"`mezan serve` needs the extra `serve` ({error.name} is missing): pip install 'mezan[serve]'"
        raise BadInput(msg) from None
    check_host(host)

    import anyio

    from mezan.api.process import cache_kernels, tune_gc
    from mezan.engine.shadow import Shadow

    lift_file_limit()
    cache_kernels()
    tune_gc()

    def started(address: str) -> None:
        notice(f"dashboard {address}/  API {address}/docs  (Ctrl-C ends)")
        notice("open to every program on this machine: there are no accounts yet")
        if browser:
            import webbrowser

            webbrowser.open(address)

    async def body() -> None:
        await serve(
            database(db),
            host=host,
            port=port,
            max_body=max_body,
            started=started,
            shadow=Shadow(share=shadow) if shadow else None,
        )

    anyio.run(body, backend_options=loop_options())
    return DONE
