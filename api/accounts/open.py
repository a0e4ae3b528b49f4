"""Opening the accounts of a database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread

from mezan.engine.clock import micros
from mezan.engine.follower import Follower
from mezan.engine.stores.sqlite import SQLiteStore
from mezan.projections.denials import Denials
from mezan.projections.principals import Principals
from mezan.solvers.errors import BadInput

from .desk import Accounts
from .files import files_of, make_private
from .refresh import base_of
from .secrets import Secrets

ORPHANED = 86_400.0
"""Seconds after which a hash that nothing in the log is kept under is deleted."""
KINDS = frozenset({"key", "session", "password", "recovery", "refresh"})


@asynccontextmanager
async def open_accounts(
    database_url: str, *, read_only: bool = False, clock: Callable[[], int] = micros
) -> AsyncIterator[Accounts]:
    """The accounts of ``sqlite:///mezan.db``, live: what other processes do to them is seen within a quarter of a second.

    Files that are not there are made, unless ``read_only``, which opens accounts to look at and reads no secret.

    Raises:
        BadInput: read-only, and there are no accounts.
        StoreError: a file is not ours, exposed, at another version, locked, read-only, full or corrupt.
    """
    files = files_of(database_url)
    secrets = Secrets(files.secrets, files.key)
    if read_only:
        if not files.accounts.exists():
            msg = f"{files.database} must have accounts for this; it has none: make the first with `mezan users add NAME --role admin`"
            raise BadInput(msg)
    else:
        files.accounts.parent.mkdir(parents=True, exist_ok=True)
        await anyio.to_thread.run_sync(secrets.check)
        make_private(files.accounts)
    try:
        async with SQLiteStore.open(files.accounts_url, read_only=read_only) as store:
            follower = Follower(store, store, (Principals(), Denials()), read_only=read_only)
            store.observe(follower.observe)
            await follower.start()
            accounts = Accounts(store, follower, secrets, files, clock=clock)
            if not read_only:
                await anyio.to_thread.run_sync(_tidy, accounts)
                await accounts.warm()
            # no task group: it would wrap what the block raises
            following = asyncio.create_task(follower.run(), name="mezan-accounts")
            try:
                yield accounts
            finally:
                following.cancel()
                with anyio.CancelScope(shield=True):
                    await asyncio.wait([following])
                    if not read_only:
                        await accounts.close()
                        await follower.close()
    finally:
        secrets.close()


def accounts_exist(database_url: str) -> bool:
    """Whether a database has a log of accounts; it may be empty."""
    return files_of(database_url).accounts.exists()


def _tidy(accounts: Accounts) -> None:
    """Delete hashes that prove nothing: of what has ended, or whose process died before it could record it."""
    state = accounts.principals
    used = {name for key in state.keys.values() for name in (key.kept_as, key.previous)}
    used |= {session.kept_as for session in state.sessions.values()}
    used |= {name for user in state.users.values() for name in (user.password, user.recovery)}
    used |= {base_of(family.kept_as)[0] for family in state.families.values()}
    # a recovery code, and a refresh token, is under a name and its number
    orphans = [
        name
        for name in accounts.secrets.names(older_than=ORPHANED)
        if name.partition("_")[0] in KINDS and name not in used and name.partition(".")[0] not in used
    ]
    if orphans:
        accounts.secrets.forget(*orphans)
