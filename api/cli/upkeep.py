"""`solvers`, `doctor`, `projections`, `db`: what is installed, whether it is well, and keeping it so."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

from mezan.engine.environment import version_of
from mezan.engine.errors import NotOurs
from mezan.engine.stores import schema
from mezan.solvers.errors import MezanError

from .errors import CHECK_FAILED, DONE, one_line
from .options import database
from .output import clean, console, emit, seconds, size, table
from .progress import bar
from .reading import opened

Json = dict[str, Any]
PACKAGES = ("mezan", "jax", "jaxlib", "numpy", "scipy", "pydantic", "sqlmodel", "alembic", "anyio", "aiosqlite", "orjson", "typer", "rich")  # fmt: skip


def solvers(family: str | None, *, as_json: bool) -> int:
    """The portfolio and the policies."""
    from mezan.api.views import catalogue
    from mezan.solvers.catalog import Catalog
    from mezan.solvers.selection.registry import DEFAULT_POLICY, Policies

    catalog = Catalog.default()
    families = [catalog.family(family)] if family is not None else list(catalog)
    policies = catalogue.policies(Policies.default(), DEFAULT_POLICY)
    listed = catalogue.families(families)
    if as_json:
        emit({"families": listed, "policies": policies})
        return DONE
    from rich.text import Text

    for f in families:
        files = f"  files: {' '.join(f.suffixes)}" if f.suffixes else ""
        console().print(Text.assemble((f.name, "bold"), (f"  {f.sense}imise{files}", "dim")))
        for s in f.solvers:
            console().print(
                Text.assemble("  ", (f"{s.name:<18}", "cyan"), (f"v{s.version}  ", "dim"), clean(s.summary))
            )
    console().print(Text.assemble(("policies", "bold"), "  ", ", ".join(p["policy"] + (" (default)" if p["default"] else "") for p in policies)))  # fmt: skip
    return DONE


async def doctor(db: str, *, as_json: bool) -> int:
    """Hardware, installation, database."""
    from .process import keep_programs

    keep_programs()
    found = {"machine": _machine(), "packages": _packages(), "jax": _jax(), "database": await _database(db)}
    broken = [found[part]["problem"] for part in ("jax", "database") if found[part].get("problem")]
    if as_json:
        emit(found | {"ok": not broken})
        return CHECK_FAILED if broken else DONE
    machine, jax = found["machine"], found["jax"]
    packages = ", ".join(f"{name} {at}" for name, at in found["packages"].items())
    rows = [
        (
            "machine",
            f"{machine['system']} {machine['machine']}, {machine['cores']} cores, {size(machine['memory'] or 0)} memory",
        ),
        ("python", f"{machine['python']} at {machine['executable']}"),
        ("packages", packages),
        ("jax", jax.get("problem") or f"{jax['backend']}: {', '.join(jax['devices'])}"),
        ("cache", os.environ.get("JAX_COMPILATION_CACHE_DIR", "none")),
        *_database_lines(found["database"]),
    ]
    from rich.text import Text

    for name, text in rows:
        console().print(Text.assemble((f"{name:<12}", "dim"), clean(text)))
    for problem in broken:
        console().print(Text.assemble(("broken      ", "bold red"), clean(problem)))
    if not broken:
        console().print(Text("all is well", "green"))
    return CHECK_FAILED if broken else DONE


def _machine() -> Json:
    try:
        memory: int | None = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = None
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "memory": memory,
        "python": platform.python_version(),
        "executable": sys.executable,
    }


def _packages() -> Json:
    return {name: version_of(name) for name in PACKAGES}


def _jax() -> Json:
    try:
        import jax

        return {"backend": jax.default_backend(), "devices": [str(device.device_kind) for device in jax.devices()]}
    except Exception as error:  # noqa: BLE001 - a broken driver is what a doctor is for
        return {"backend": None, "devices": [], "problem": f"JAX finds no device: {one_line(error)}"}


async def _database(db: str) -> Json:
    from mezan.engine.stores import transfer

    url = database(db)
    try:
        if not Path(schema.path_of(url)).exists():
            return {"url": url, "exists": False}
        async with opened(db) as store:
            head = await store.head()
            health = await store.fetch(transfer.health)
            saved = await store.saved()
            counted = await store.fetch(transfer.statistics)
        end = head.position if head else 0
        problem = "; ".join(health["sqlite_problems"]) or None
        return {
            "url": url,
            "exists": True,
            **health,
            "writable": os.access(store.path, os.W_OK) and os.access(Path(store.path).absolute().parent, os.W_OK),
            "events": end,
            "runs": counted["runs"],
            "file_bytes": counted["file_bytes"],
            "projections": {name: {"position": s.position, "behind": end - s.position} for name, s in saved.items()},
            "problem": None if problem is None else f"SQLite finds the file damaged: {problem}; restore it from a copy",
        }
    except MezanError as error:
        return {"url": url, "exists": True, "problem": one_line(error)}


def _database_lines(found: Json) -> list[tuple[str, str]]:
    if not found["exists"]:
        return [("database", f"{found['url']} is not there yet; the first solve makes it")]
    if "events" not in found:
        return [("database", found["url"])]
    behind = max((p["behind"] for p in found["projections"].values()), default=0)
    return [
        (
            "database",
            f"{found['url']}, migration {found['migration']}, {found['journal_mode']}, {size(found['file_bytes'])}",
        ),
        ("log", f"{found['events']} events, {found['runs']} runs; read models up to {behind} events behind"),
        ("workers", ", ".join(f"{w['worker']} (pid {w['pid']} on {w['host']})" for w in found["workers"]) or "none"),
    ]


async def list_projections(db: str, *, as_json: bool) -> int:
    """The read models and how far they are saved."""
    from mezan.projections import DEFAULT

    async with opened(db) as store:
        saved = await store.saved()
        head = await store.head()
    end = head.position if head else 0
    rows: list[Json] = []
    for projection in DEFAULT:
        kept = saved.get(projection.name)
        rows.append(
            {
                "name": projection.name,
                "version": projection.version,
                "stored_version": None if kept is None else kept.version,
                "generation": None if kept is None else kept.generation,
                "position": 0 if kept is None else kept.position,
                "behind": end - (0 if kept is None else kept.position),
                "rebuild_needed": kept is not None and kept.version != projection.version,
            }
        )
    if as_json:
        emit(rows)
        return DONE
    shown = table("projection", "version", "generation", "saved up to", "behind", "", right=("version", "generation", "saved up to", "behind"))  # fmt: skip
    for row in rows:
        note = "rebuilt at the next opening" if row["rebuild_needed"] else ""
        shown.add_row(
            row["name"], str(row["version"]), str(row["generation"]), str(row["position"]), str(row["behind"]), note
        )
    console().print(shown)
    return DONE


async def rebuild(db: str, name: str | None, *, as_json: bool) -> int:
    """Fold again beside the live ones and swap."""
    import time

    from mezan.api.process import tune_gc
    from mezan.engine.follower import Follower
    from mezan.engine.stores.sqlite import SQLiteStore
    from mezan.projections import DEFAULT
    from mezan.solvers.catalog import unknown

    tune_gc()
    names = [projection.name for projection in DEFAULT]
    if name is not None and name not in names:
        raise unknown("projection", name, names)
    url = database(db)
    schema.check(schema.path_of(url))  # a rebuild makes no new database
    async with SQLiteStore.open(url) as store:
        follower = Follower(store, store, DEFAULT)
        store.observe(follower.observe)
        await follower.start()
        start = time.perf_counter()
        with bar(f"rebuilding {name or 'all'}") as progress:
            await (follower.rebuild_all(progress) if name is None else follower.rebuild(name, progress))
        took = time.perf_counter() - start
        position = follower.position
        await follower.close()
    rebuilt = names if name is None else [name]
    if as_json:
        emit({"rebuilt": rebuilt, "position": position, "seconds": took})
    else:
        console().print(f"rebuilt {', '.join(rebuilt)} from {position} events in {seconds(took)}")
    return DONE


def upgrade(db: str, *, as_json: bool) -> int:
    """Migrate a database of ours to this version."""
    path = schema.path_of(database(db))
    if not Path(path).exists():
        raise NotOurs(f"database {path}: it must exist to be upgraded; a new one is made by the first solve")
    connection = schema.connect(path)
    try:
        before = schema.revision(connection, path)
    finally:
        connection.close()
    if before is not None and before > schema.HEAD:
        schema.refuse(path, before)
    if before != schema.HEAD:
        schema.migrate(path)
    if as_json:
        emit({"database": path, "from": before, "to": schema.HEAD})
    else:
        console().print(
            f"{path} is at migration {schema.HEAD}" + ("" if before == schema.HEAD else f" (was at {before})")
        )
    return DONE
