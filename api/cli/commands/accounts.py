"""`mezan users`, `keys`, `roles`, `projects`: who may do what. Whoever can write the database's files may use them."""

from typing import Annotated

import typer

from ..options import DEFAULT_DB, Db, Json
from .running import run_async

users = typer.Typer(no_args_is_help=True, help="Who may log in, and as what.")
keys = typer.Typer(no_args_is_help=True, help="API keys, which are OAuth2 clients too.")
roles = typer.Typer(no_args_is_help=True, help="Named sets of scopes.")
projects = typer.Typer(no_args_is_help=True, help="Tenants: each has a log and accounts of its own.")

Of = Annotated[str, typer.Option("--project", metavar="NAME", help="Whose; see `mezan projects list`.")]
OfAny = Annotated[str | None, typer.Option("--project", metavar="NAME", help="Of this project only.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="For the log.")]
User = Annotated[str, typer.Argument(metavar="USER", help="NAME, NAME@PROJECT or id.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="A key's prefix or id; never its secret.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Such as runs:read; may be given several times.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="FILE", help="Write the key into a new file that only you can read.")
]


@users.command("add", epilog="Examples: mezan users add ann --role admin | mezan users add bob --project north")
def add_user(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, operator, admin, or one of the project's own.")] = "viewer",
    project: Of = "default",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Add a user. The first one turns accounts on: the server then asks everybody who they are."""
    from ..administering import add_user as body

    run_async(body, db, name, role, project, as_json=as_json)


@users.command("list", epilog="Example: mezan users list --project north --json")
def list_users(project: OfAny = None, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List users: role, state, how they log in."""
    from ..accounts_lists import list_users as body

    run_async(body, db, project, as_json=as_json)


@users.command("role", epilog="Example: mezan users role bob@north operator")
def set_role(
    user: User,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="See `mezan roles list`.")],
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Give a user another role, at once."""
    from ..administering import set_role as body

    run_async(body, db, user, role, as_json=as_json)


@users.command(epilog='Example: mezan users disable bob@north --reason "left" --yes')
def disable(user: User, reason: Reason = "", yes: Yes = False, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Let a user in no more: its keys are refused, its sessions and refresh tokens are over."""
    from ..administering import disable as body

    run_async(body, db, user, reason, yes=yes, as_json=as_json)


@users.command(epilog="Example: mezan users enable bob@north")
def enable(user: User, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Let a disabled user in again."""
    from ..administering import enable as body

    run_async(body, db, user, as_json=as_json)


@users.command(epilog="Example: mezan users denials --project north --limit 5")
def denials(
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of this project; default: of all, and of strangers.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=200, help="At most so many.")] = 20,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List who was refused, why and how often, the latest first."""
    from ..accounts_lists import list_denials as body

    run_async(body, db, project, limit, as_json=as_json)


@keys.command(
    epilog="Examples: mezan keys issue ci --role operator --expires 90d | mezan keys issue scrape --scope metrics:read --to scrape.key"
)
def issue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[str | None, typer.Option(help="What it may do: this role,")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(metavar="SCOPE", help="or these scopes; may be given several times.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="USER", help="Whose it is: it may never do more than this user.")
    ] = None,
    expires: Annotated[str | None, typer.Option(metavar="DURATION", help="Good for so long: 90d, 12h, 30min.")] = None,
    to: To = None,
    project: Of = "default",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Make an API key and show it, once: it is kept nowhere.

    Send it as `Authorization: Bearer mzn_...`. As an OAuth2 client its prefix is the client_id, and what follows the dot the
    client_secret.
    """
    from ..administering import KeyWanted
    from ..administering import issue as body

    run_async(body, db, KeyWanted(name, role, tuple(scope or ()), owner, expires, project), to, as_json=as_json)


@keys.command("list", epilog="Example: mezan keys list --project north")
def list_keys(
    project: OfAny = None,
    every: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """List API keys: what they may do, and until when."""
    from ..accounts_lists import list_keys as body

    run_async(body, db, project, every=every, as_json=as_json)


@keys.command(epilog="Example: mezan keys rotate yggcxzf34tec --grace 1d")
def rotate(
    key: Key,
    grace: Annotated[
        str, typer.Option(metavar="DURATION", help="So long the present secret still works; or 0.")
    ] = "1d",
    to: To = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Give a key a new secret and show it, once. Id, prefix and rights stay."""
    from ..administering import rotate as body

    run_async(body, db, key, grace, to, as_json=as_json)


@keys.command(epilog='Example: mezan keys revoke yggcxzf34tec --reason "leaked" --yes')
def revoke(key: Key, reason: Reason = "", yes: Yes = False, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Refuse a key for ever; a server that runs refuses it within a quarter of a second."""
    from ..administering import revoke as body

    run_async(body, db, key, reason, yes=yes, as_json=as_json)


@roles.command("list", epilog="Example: mezan roles list --project north")
def list_roles(project: Of = "default", db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List the roles of a project with all that they may."""
    from ..accounts_lists import list_roles as body

    run_async(body, db, project, as_json=as_json)


@roles.command(epilog="Example: mezan roles define runner --scope runs:write --include viewer")
def define(
    name: Name,
    scope: Scopes = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="All that this role may, too; may be given several times.")
    ] = None,
    project: Of = "default",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Make a role, or change it for everybody who has it."""
    from ..administering import define as body

    run_async(body, db, name, tuple(scope or ()), tuple(include or ()), project, as_json=as_json)


@roles.command(epilog="Example: mezan roles drop runner --yes")
def drop(name: Name, project: Of = "default", yes: Yes = False, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Remove a role that nobody has."""
    from ..administering import drop as body

    run_async(body, db, name, project, yes=yes, as_json=as_json)


@projects.command("add", epilog='Example: mezan projects add north --title "Plant North"')
def add_project(
    name: Name,
    title: Annotated[str, typer.Option(metavar="TEXT", help="What people read.")] = "",
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Add a project: its users see nothing of others, nor others of it."""
    from ..administering import add_project as body

    run_async(body, db, name, title, as_json=as_json)


@projects.command("list", epilog="Example: mezan projects list --json")
def list_projects(db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """List the projects."""
    from ..accounts_lists import list_projects as body

    run_async(body, db, as_json=as_json)


@projects.command("disable", epilog="Example: mezan projects disable north --yes")
def disable_project(
    name: Name, reason: Reason = "", yes: Yes = False, db: Db = DEFAULT_DB, as_json: Json = False
) -> None:
    """Let nobody of a project in; nothing of it is deleted."""
    from ..administering import disable_project as body

    run_async(body, db, name, reason, yes=yes, as_json=as_json)


@projects.command("enable", epilog="Example: mezan projects enable north")
def enable_project(name: Name, db: Db = DEFAULT_DB, as_json: Json = False) -> None:
    """Let the users and keys of a project in again."""
    from ..administering import enable_project as body

    run_async(body, db, name, as_json=as_json)
