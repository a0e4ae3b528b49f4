"""`mezan tokens`, and what users prove themselves with: `mezan users password|totp|codes`."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .accounts import Of, OfAny, Reason, To, User, Yes, users
from .running import run_async

tokens = typer.Typer(no_args_is_help=True, help="Access tokens (JWT), the keys that sign them, and trusted issuers.")
totp = typer.Typer(
    no_args_is_help=True,
    help="An authenticator as second factor.",
    epilog="Example: mezan users totp enable ann, then: mezan users totp confirm ann 123456",
)
users.add_typer(totp, name="totp")


@tokens.command(
    epilog="Examples: mezan tokens issue ann --scope runs:read --expires 1h | mezan tokens issue bob@north --refresh --json"
)
def issue(
    user: User,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="At most these; may be given several times.")
    ] = None,
    expires: Annotated[str, typer.Option(metavar="DURATION", help="Good for so long, at most a day.")] = "15min",
    refresh: Annotated[bool, typer.Option("--refresh", help="A refresh token too, good for 30 days.")] = False,
    to: To = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Make an access token for a user and show it, once. For programs that stay, API keys are better: `mezan keys issue`."""
    from ..tokening import issue as body

    run_async(body, db, user, tuple(scope or ()), expires, to, refresh=refresh, as_json=as_json)


@tokens.command("list", epilog="Example: mezan tokens list --project north")
def list_tokens(project: OfAny = None, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List logins that have tokens, the keys that sign them, and the issuers that are trusted."""
    from ..tokening import list_tokens as body

    run_async(body, db, project, as_json=as_json)


@tokens.command(epilog="Examples: mezan tokens revoke login_01k... | mezan tokens revoke token_01k... --reason leaked")
def revoke(
    what: Annotated[
        str,
        typer.Argument(metavar="ID|-", help="A login's id, a token's id (jti), or - for a token on standard input."),
    ],
    reason: Reason = "",
    project: Of = "default",
    yes: Yes = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Refuse a login's tokens, or one token. A server that runs refuses them within a quarter of a second."""
    from ..tokening import revoke as body

    run_async(body, db, what, reason, project, yes=yes, as_json=as_json)


@tokens.command("rotate-keys", epilog="Examples: mezan tokens rotate-keys | mezan tokens rotate-keys --stolen --yes")
def rotate_keys(
    algorithm: Annotated[str, typer.Option(help="EdDSA, RS256 or HS256.")] = "EdDSA",
    stolen: Annotated[
        bool, typer.Option("--stolen", help="Refuse at once every token that the keys so far have signed.")
    ] = False,
    yes: Yes = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Sign with a new key from in 10 s on. Tokens of the one before are good until they expire."""
    from ..tokening import rotate_keys as body

    run_async(body, db, algorithm, stolen=stolen, yes=yes, as_json=as_json)


@tokens.command(
    epilog="Example: mezan tokens trust https://idp.example --jwks keys.json --role operator --project north"
)
def trust(
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="Exactly what its tokens say in iss.")],
    jwks: Annotated[str, typer.Option(metavar="FILE", help="Its JWKS document, as downloaded.")],
    audience: Annotated[str, typer.Option(help="What its tokens must say in aud.")] = "mezan",
    algorithm: Annotated[
        str | None, typer.Option(help="EdDSA, RS256 or HS256, where the document has keys for several.")
    ] = None,
    role: Annotated[str, typer.Option(help="What whoever brings such a token may do.")] = "viewer",
    project: Of = "default",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Accept tokens of another issuer, or on new terms. Its keys are those of the file: nothing is downloaded, now or later."""
    from ..tokening import Terms
    from ..tokening import trust as body

    run_async(body, db, issuer, jwks, Terms(audience, algorithm, role, project), as_json=as_json)


@tokens.command(epilog="Example: mezan tokens distrust https://idp.example --yes")
def distrust(
    issuer: Annotated[str, typer.Argument(metavar="ISSUER")],
    yes: Yes = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Refuse an issuer's tokens again."""
    from ..tokening import distrust as body

    run_async(body, db, issuer, yes=yes, as_json=as_json)


@users.command(epilog="Examples: mezan users password ann | mezan users password ann --password-stdin < secret.txt")
def password(
    user: User,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Take the first line of standard input.")
    ] = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Set a user's password, of at least 12 characters. Sessions and refresh tokens of before are over."""
    from ..tokening import password as body

    run_async(body, db, user, from_stdin=password_stdin, as_json=as_json)


@users.command(epilog="Example: mezan users codes ann")
def codes(user: User, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Make new recovery codes and show them, once. Those of before are refused."""
    from ..tokening import codes as body

    run_async(body, db, user, as_json=as_json)


@totp.command("enable", epilog="Example: mezan users totp enable ann, then: mezan users totp confirm ann 123456")
def enable_totp(user: User, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Show a secret for an authenticator. Nothing changes until a code of it is confirmed."""
    from ..tokening import enable_totp as body

    run_async(body, db, user, as_json=as_json)


@totp.command("confirm", epilog="Example: mezan users totp confirm ann 123456")
def confirm_totp(
    user: User,
    code: Annotated[str, typer.Argument(metavar="CODE", help="What the authenticator shows now.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Turn the authenticator on, and show ten recovery codes, once."""
    from ..tokening import confirm_totp as body

    run_async(body, db, user, code, as_json=as_json)


@totp.command("disable", epilog="Example: mezan users totp disable ann --yes")
def disable_totp(user: User, yes: Yes = False, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Let the password be enough; recovery codes are gone."""
    from ..tokening import disable_totp as body

    run_async(body, db, user, yes=yes, as_json=as_json)
