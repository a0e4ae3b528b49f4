"""What `mezan tokens` and `mezan users password|totp|codes` do."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezan.api.accounts.attempts import Unlimited
from mezan.api.accounts.door import Door
from mezan.api.accounts.errors import NotThere
from mezan.api.accounts.jwks import LARGEST_DOCUMENT
from mezan.api.accounts.oauth import OAuthError
from mezan.api.accounts.passwords import check_password
from mezan.api.accounts.principal import LOCAL
from mezan.api.accounts.rules import scopes_named
from mezan.api.accounts.tokens import LONGEST
from mezan.api.views import accounts as people
from mezan.api.views import tokens as views
from mezan.solvers.errors import BadInput

from .accounts_lists import reading, scopes_line
from .administering import confirm, existing
from .durations import duration
from .errors import DONE
from .handing import check_new, new_password, write_private
from .output import clean, console, emit, notice, table

Json = dict[str, Any]
STYLES = {"signs": "green", "next": "cyan", "verifies": "yellow", "retired": "dim"}


@dataclass(frozen=True, slots=True)
class Terms:
    """On which an issuer is trusted."""

    audience: str
    algorithm: str | None
    role: str
    project: str


@asynccontextmanager
async def _door(db: str) -> AsyncIterator[Door]:
    async with existing(db) as accounts:
        yield Door(accounts, Unlimited())


async def issue(
    db: str, name: str, scopes: tuple[str, ...], expires: str, to: str | None, *, refresh: bool, as_json: bool
) -> int:
    """Tokens, shown once."""
    life = duration(expires, "--expires").total_seconds()
    check_new(to)
    wanted = frozenset[str](scopes_named(scopes)) if scopes else None
    async with _door(db) as door:
        user = door.accounts.user(name)
        try:
            made = await door.grants.for_user(user, scopes=wanted, lifetime=int(life), renewable=refresh, by=LOCAL)
        except OAuthError as error:
            raise BadInput(f"--scope must be what {user.name} may do: {error}") from error
        login = views.login(door.accounts.principals, door.accounts.principals.families[user.families[-1]])
    if to is not None:
        write_private(to, "\n".join(filter(None, (made.access_token, made.refresh_token))))
    shown = made.body()
    if as_json:
        emit(
            shown | {"login": login["id"]}
            if to is None
            else {"login": login["id"], "file": to, "expires_in": made.expires_in, "scope": shown["scope"]}
        )
        return DONE
    if to is None:
        for text in filter(None, (made.access_token, made.refresh_token)):
            console().print(text, soft_wrap=True)
    notice(f"{login['id']} of {user.name}@{user.project}: {scopes_line(login['scopes'])}; good for {made.expires_in} s")
    if refresh:
        notice(f"the second is the refresh token: each is good once; the login ends {login['expires_at']}")
    notice(f"written to {to}" if to is not None else "keep it now: it is shown once, and kept nowhere")
    return DONE


async def list_tokens(db: str, project: str | None, *, as_json: bool) -> int:
    """Logins, keys, issuers."""
    async with reading(db, project) as accounts:
        state, now = accounts.principals, accounts.clock()
        found = {
            "logins": views.logins(state, project, now),
            "keys": views.signing_keys(state, now),
            "issuers": views.issuers(state, project),
        }
    if as_json:
        emit(found)
        return DONE
    from rich.text import Text

    logins = table("login", "user", "project", "may", "refreshed", "expires", right=("refreshed",))
    for row in found["logins"]:
        may, expires = scopes_line(row["scopes"]), row["expires_at"][:16].replace("T", " ")
        logins.add_row(row["id"], clean(row["user"]), row["project"], may, str(row["refreshed"]), expires)
    keys = table("key", "algorithm", "", "made", "verifies until")
    for row in found["keys"]:
        until = "-" if row["until"] is None else row["until"][:16].replace("T", " ")
        status = Text(row["status"], STYLES[row["status"]])
        keys.add_row(row["kid"], row["algorithm"], status, row["made_at"][:16].replace("T", " "), until)
    issuers = table("issuer", "audience", "algorithm", "project", "role")
    for row in found["issuers"]:
        issuers.add_row(clean(row["issuer"]), clean(row["audience"]), row["algorithm"], row["project"], row["role"])
    console().print(logins if found["logins"] else "no logins with tokens")
    console().print(keys if found["keys"] else "no signing keys yet; the first is made with the first token")
    if found["issuers"]:
        console().print(issuers)
    return DONE


async def revoke(db: str, what: str, reason: str, project: str, *, yes: bool, as_json: bool) -> int:
    """The end of a login or a token."""
    async with _door(db) as door:
        if what == "-":
            await door.grants.revoke(sys.stdin.readline(LONGEST + 1).strip())
            shown = "the token"
        elif what.startswith("login_"):
            confirm(f"refuse every token of {clean(what[:60])}", yes=yes)
            if not await door.grants.end(what, by=LOCAL, reason=reason or "revoked"):
                raise NotThere(
                    f"a login must be one that has tokens; there is none {what[:60]!r}: see `mezan tokens list`"
                )
            shown = what
        else:
            await door.grants.revoke_id(what, project=project, reason=reason)
            shown = what
    if as_json:
        emit({"revoked": None if what == "-" else what})
    else:
        console().print(f"{clean(shown)} is refused")
    return DONE


async def rotate_keys(db: str, algorithm: str, *, stolen: bool, yes: bool, as_json: bool) -> int:
    """A new signing key."""
    async with _door(db) as door:
        if stolen:
            confirm("refuse every token that was signed so far", yes=yes)
        made = await door.keys.rotate(algorithm, stolen=stolen)
        found = views.signing_key(door.accounts.principals, made, door.accounts.clock())
    if as_json:
        emit(found)
    else:
        console().print(
            f"key {made.kid} ({made.algorithm}) signs from now on"
            if stolen
            else f"key {made.kid} ({made.algorithm}) signs from in 10 s on; earlier tokens are good until they expire"
        )
    return DONE


async def trust(db: str, issuer: str, jwks: str, terms: Terms, *, as_json: bool) -> int:
    """An issuer."""
    try:
        with Path(jwks).open("rb") as file:
            content = file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        raise BadInput(f"--jwks must be a file that can be read; {jwks[:200]}: {error.strerror}") from error
    async with _door(db) as door:
        made = await door.keys.trust(
            issuer, content, audience=terms.audience, algorithm=terms.algorithm, role=terms.role, project=terms.project
        )
        found = views.issuer(made)
    if as_json:
        emit(found)
    else:
        console().print(
            f"tokens of {clean(issuer)} are accepted: {made.algorithm}, {clean(made.role)} in {made.project}"
        )
    return DONE


async def distrust(db: str, issuer: str, *, yes: bool, as_json: bool) -> int:
    """An issuer no more."""
    async with _door(db) as door:
        confirm(f"refuse the tokens of {clean(issuer[:200])}", yes=yes)
        if not await door.keys.distrust(issuer):
            raise NotThere(f"an issuer must be one that is trusted; got {issuer[:60]!r}: see `mezan tokens list`")
    if as_json:
        emit({"issuer": issuer, "trusted": False})
    else:
        console().print(f"tokens of {clean(issuer)} are refused")
    return DONE


async def password(db: str, name: str, *, from_stdin: bool, as_json: bool) -> int:
    """A password."""
    async with _door(db) as door:
        user = door.accounts.user(name)
        login = f"{user.name}@{user.project}"
        text = new_password(login, from_stdin=from_stdin)
        check_password(text, user.name)
        user = await door.people.set_password(user.id, text)
        found = people.user(door.accounts, user)
    if as_json:
        emit(found)
    else:
        console().print(f"{login} has a new password; sessions and tokens of before are over")
    return DONE


async def enable_totp(db: str, name: str, *, as_json: bool) -> int:
    """A secret for an authenticator."""
    async with _door(db) as door:
        user = door.accounts.user(name)
        made = await door.people.begin_totp(user.id)
    if as_json:
        emit({"user": user.id, "secret": made.secret, "url": made.url})
        return DONE
    console().print(made.url, soft_wrap=True)
    notice(f"or type the secret {made.secret}; then: mezan users totp confirm {name} CODE")
    return DONE


async def confirm_totp(db: str, name: str, code: str, *, as_json: bool) -> int:
    """An authenticator that works."""
    async with _door(db) as door:
        user = door.accounts.user(name)
        _show(await door.people.confirm_totp(user.id, code), user.id, as_json=as_json)
    notice(f"{user.name}@{user.project} needs a code at every login from now on")
    return DONE


async def disable_totp(db: str, name: str, *, yes: bool, as_json: bool) -> int:
    """A password is enough."""
    async with _door(db) as door:
        user = door.accounts.user(name)
        confirm(f"let {user.name}@{user.project} in with a password alone", yes=yes)
        changed = await door.people.disable_totp(user.id)
    if as_json:
        emit({"user": user.id, "second_factor": False, "changed": changed})
    else:
        console().print(f"{user.name}@{user.project} needs no code" if changed else "there was no authenticator")
    return DONE


async def codes(db: str, name: str, *, as_json: bool) -> int:
    """New recovery codes."""
    async with _door(db) as door:
        user = door.accounts.user(name)
        _show(await door.people.make_codes(user.id), user.id, as_json=as_json)
    return DONE


def _show(made: tuple[str, ...], user: str, *, as_json: bool) -> None:
    if as_json:
        emit({"user": user, "recovery_codes": made})
        return
    for code in made:
        console().print(code)
    notice("each lets in once without the authenticator; keep them now: they are shown once")
