"""Logins with tokens, signing keys and trusted issuers as plain JSON values; nothing of them is secret."""

from typing import Any

from mezan.api.accounts.rotation import OwnKey, signer
from mezan.projections.principals import Family, Issuer, SigningKey, State

from .times import when

Json = dict[str, Any]


def login(state: State, one: Family) -> Json:
    """One login that has given tokens; ``refreshed`` counts how often they were renewed."""
    return {
        "id": one.id,
        "user": state.users[one.user].name,
        "project": one.project,
        "scopes": sorted(one.scopes),
        "refreshed": int(one.kept_as.rpartition(".")[2]),
        "issued_at": when(one.issued_at),
        "expires_at": when(one.expires_at),
    }


def logins(state: State, project: str | None, now: int) -> list[Json]:
    """The logins of a project, or of all, that are not over; the latest first."""
    chosen = [one for one in state.families.values() if project in {None, one.project} and one.expires_at > now]
    return [login(state, one) for one in sorted(chosen, key=lambda one: -one.issued_at)]


def signing_key(state: State, one: SigningKey, now: int) -> Json:
    """One key of our tokens: ``signs``, ``next`` (published, signs in seconds), ``verifies`` or ``retired``."""
    keys = [OwnKey(k.kid, k.made_at / 1e6, None if k.until is None else k.until / 1e6) for k in state.signing.values()]
    if one.until is not None and one.until <= now:
        status = "retired"
    elif one.kid == signer(keys, now / 1e6):
        status = "signs"
    else:
        status = "next" if one.until is None else "verifies"
    return {
        "kid": one.kid,
        "algorithm": one.algorithm,
        "status": status,
        "made_at": when(one.made_at),
        "until": when(one.until),
    }


def signing_keys(state: State, now: int) -> list[Json]:
    """The keys of our tokens, the newest first."""
    return [signing_key(state, one, now) for one in sorted(state.signing.values(), key=lambda one: -one.made_at)]


def issuer(one: Issuer) -> Json:
    """One issuer whose tokens are accepted; ``keys`` are ids, and none are told of shared ones."""
    return {
        "issuer": one.issuer,
        "audience": one.audience,
        "algorithm": one.algorithm,
        "keys": [jwk["kid"] for jwk in one.keys],
        "project": one.project,
        "role": one.role,
    }


def issuers(state: State, project: str | None) -> list[Json]:
    """The issuers that a project trusts, or all."""
    return [issuer(one) for one in state.issuers.values() if project in {None, one.project}]
