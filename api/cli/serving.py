"""`mezan serve`: the HTTP API and the dashboard."""

from functools import partial
from typing import TYPE_CHECKING

from mezan.solvers.errors import BadInput

from .errors import DONE
from .options import database
from .output import notice

if TYPE_CHECKING:
    from mezan.api.http.serve import Started


def _named(given: list[str], option: str, allowed: tuple[str, ...] = ()) -> dict[str, str]:
    """Texts by name; raises BadInput for what is not ``NAME=TEXT`` or another name than those allowed."""
    found = {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign or (allowed and name not in allowed):
            names = f", NAME being {' or '.join(allowed)}" if allowed else ""
            msg = f"{option} must be NAME=TEXT{names}; got {one[:80]!r}"
            raise BadInput(msg)
        found[name] = text
    return found


def run(
    db: str,
    *,
    host: str,
    port: int,
    host_names: list[str],
    accounts: bool | None,
    tls_cert: str | None,
    tls_key: str | None,
    limits: list[str],
    shared_limits: bool,
    quotas: list[str],
    max_body: int,
    shadow: float,
    browser: bool,
) -> int:
    """Serve until a signal, and return the exit code."""
    if (tls_cert is None) != (tls_key is None):
        msg = "--tls-cert and --tls-key must be given together"
        raise BadInput(msg)
    try:
        from mezan.api.http.serve import TLS, lift_file_limit, loop_options, serve
    except ModuleNotFoundError as error:
        msg = f"`mezan serve` needs the extra `serve` ({error.name} is missing): pip install 'mezan[serve]'"
        raise BadInput(msg) from None

    import anyio

    from mezan.api.limits.quotas import Quota
    from mezan.api.process import cache_kernels, take_turns, tune_gc
    from mezan.engine.shadow import Shadow

    lift_file_limit()
    cache_kernels()
    tune_gc()
    take_turns()

    body = partial(
        serve,
        database(db),
        host=host,
        port=port,
        host_names=host_names,
        accounts=accounts,
        tls=None if tls_cert is None or tls_key is None else TLS(tls_cert, tls_key),
        rates=_named(limits, "--limit"),
        shared_limits=shared_limits,
        quotas={name: Quota.parse(text) for name, text in _named(quotas, "--quota", ("actor", "project")).items()},
        max_body=max_body,
        started=partial(_tell, browser=browser),
        shadow=Shadow(share=shadow) if shadow else None,
    )
    anyio.run(body, backend_options=loop_options())
    return DONE


def _tell(server: "Started", *, browser: bool) -> None:
    """Say where the server is and who may come in, and show it."""
    notice(f"dashboard {server.address}/  API {server.address}/docs  (Ctrl-C ends)")
    if not server.accounts:
        notice("open to every program on this machine: there are no accounts; `mezan users add` makes the first")
    elif not server.anybody:
        notice("nobody can log in yet: `mezan users add NAME --role admin` makes the first account")
    if browser:
        import webbrowser

        webbrowser.open(server.address)
