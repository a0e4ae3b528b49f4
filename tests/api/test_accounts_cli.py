"""`mezan users|keys|roles|projects` as people and scripts meet them: on real files, where it matters in real processes."""

import hashlib
import os
import stat
import subprocess

import pytest
import structlog
import typer.main

from mezan.api.cli.app import app
from mezan.api.cli.main import main

from .conftest import MEZAN, Ran


@pytest.fixture
def here(cli, monkeypatch, capfd):
    """The command in this process: what is printed and how it ends are the same, and a process takes half a second to start."""
    monkeypatch.chdir(cli.folder)
    for name in ("MEZAN_DB", "MEZAN_KEY", "MEZAN_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments):
        capfd.readouterr()
        code = main(arguments)
        return Ran(code, *capfd.readouterr())

    yield call
    structlog.reset_defaults()


def everything(cli):
    """The names and contents of all files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in cli.folder.iterdir()}


def test_the_first_user_turns_accounts_on(cli, here):
    """Said once; tables and --json say the same; another project has its own names."""
    first = cli("users", "add", "ann", "--role", "admin")
    assert (first.code, "accounts are on" in first.err, "ann@default is admin" in first.out) == (0, True, True)
    assert here("projects", "add", "north", "--title", "Plant North").code == 0
    second = here("users", "add", "ann", "--project", "north", "--json")
    assert (second.json["role"], second.json["scopes"], second.err) == (
        "viewer", ["log:read", "metrics:read", "runs:read"], "",
    )  # fmt: skip
    rows = here("users", "list", "--json").json
    assert [(row["name"], row["project"], row["status"], row["password"]) for row in rows] == [
        ("ann", "default", "enabled", False), ("ann", "north", "enabled", False),
    ]  # fmt: skip
    assert here("users", "list", "--project", "north", "--json").json == rows[1:]
    shown = here("users", "list").out
    assert all(word in shown for word in ("ann", "north", "viewer", "admin", "nothing yet"))
    projects = here("projects", "list", "--json").json
    assert [(row["name"], row["title"], row["users"]) for row in projects] == [("default", "", 1), ("north", "Plant North", 1)]  # fmt: skip
    assert "Plant North" in here("projects", "list").out
    disabled = here("users", "disable", "ann@north", "--reason", "left", "--yes", "--json").json
    assert (disabled["status"], disabled["scopes"]) == ("disabled", [])
    assert here("users", "enable", rows[1]["id"], "--json").json["status"] == "enabled"
    assert here("users", "role", "ann@north", "operator", "--json").json["role"] == "operator"
    assert here("projects", "disable", "north", "--yes", "--json").json["status"] == "disabled"
    assert here("projects", "enable", "north", "--json").json["status"] == "enabled"
    tail = here("log", "tail", "--db", "mezan.accounts.db", "--json").json
    assert [event["type"] for event in tail] == [
        "UserAdded", "ProjectAdded", "UserAdded", "UserDisabled", "UserEnabled", "UserRoleSet", "ProjectDisabled", "ProjectEnabled",
    ]  # fmt: skip
    assert here("log", "verify", "--db", "mezan.accounts.db").code == 0


def test_a_key_is_shown_once(cli, here):
    """On standard output alone, or in a new private file; no list, table or error says it again."""
    plain = cli("keys", "issue", "ci", "--role", "operator", "--expires", "90d")
    text = plain.out.strip()
    assert (plain.out, "shown once" in plain.err, text in plain.err) == (f"{text}\n", True, False)
    made = cli("keys", "issue", "scrape", "--scope", "metrics:read", "--to", "scrape.key")
    file = cli.folder / "scrape.key"
    assert (made.code, made.out, stat.S_IMODE(file.stat().st_mode)) == (0, "", 0o600)
    as_json = here("keys", "issue", "two", "--scope", "runs:read", "--scope", "log:read", "--json").json
    rotated = here("keys", "rotate", text, "--grace", "12h", "--json").json
    texts = [text, file.read_text().strip(), as_json["key"], rotated["key"]]
    assert len({one.partition(".")[2] for one in texts}) == 4
    assert rotated["prefix"] == text.partition(".")[0].removeprefix("mzn_")
    assert rotated["previous_until"] is not None
    listed = here("keys", "list", "--json").json
    assert [(row["name"], row["role"], row["scopes"]) for row in listed[1:]] == [
        ("scrape", None, ["metrics:read"]), ("two", None, ["log:read", "runs:read"]),
    ]  # fmt: skip
    revoked = here("keys", "revoke", listed[1]["prefix"], "--reason", "leaked", "--yes", "--json").json
    assert revoked["status"] == "revoked"
    assert [row["name"] for row in here("keys", "list", "--json").json] == ["ci", "two"]
    assert "and 1 that are revoked" in here("keys", "list").out
    everywhere = "".join(
        here(*call).out for call in (["keys", "list", "--all"], ["keys", "list", "--all", "--json"], ["users", "list"])
    )
    wrong = here("keys", "revoke", "mzn_aaaaaaaaaaaa." + texts[0].partition(".")[2], "--yes")
    wrong.refused("there is none")
    assert not any(one.partition(".")[2] in everywhere + wrong.err for one in texts)


def test_roles_include_roles(cli, here):
    """Defined, listed with all they may, in use, dropped."""
    assert here("users", "add", "ann", "--role", "admin").code == 0
    made = here("roles", "define", "runner", "--scope", "runs:write", "--include", "viewer", "--json").json
    assert (made["own_scopes"], made["includes"]) == (["runs:write"], ["viewer"])
    assert set(made["scopes"]) == {"runs:read", "runs:write", "log:read", "metrics:read"}
    here("roles", "define", "viewer", "--scope", "runs:write").refused("a role's name must be")
    here("roles", "define", "loop", "--include", "loop").refused("must not include itself")
    here("roles", "define", "none").refused("must have a scope")
    assert here("users", "role", "ann", "runner").code == 0
    here("roles", "drop", "runner", "--yes").refused("in use", "ann")
    assert "runner" in here("roles", "list").out
    assert [row["name"] for row in here("roles", "list", "--json").json] == ["viewer", "operator", "admin", "runner"]
    assert here("users", "role", "ann", "admin").code == 0
    assert here("roles", "drop", "runner", "--yes", "--json").json["dropped"]
    here("roles", "drop", "runner", "--yes").refused("that default has defined")


FIRST = {
    "unknown role": (["users", "add", "ann", "--role", "root"], "viewer, operator, admin"),
    "capital": (["users", "add", "Ann"], "a user's name must be"),
    "path": (["users", "add", "../ann"], "a user's name must be"),
    "empty": (["users", "add", ""], "a user's name must be"),
    "unknown project": (["users", "add", "ann", "--project", "north"], "a project must be one of default"),
    "escape": (["keys", "issue", "\x1b[2J", "--role", "viewer"], "a key's name"),
    "role and scope": (["keys", "issue", "ci", "--role", "viewer", "--scope", "runs:read"], "either --role or --scope"),
    "neither": (["keys", "issue", "ci"], "either --role or --scope"),
    "unknown scope": (["keys", "issue", "ci", "--scope", "runs:fly"], "a scope must be one of"),
    "no duration": (["keys", "issue", "ci", "--role", "viewer", "--expires", "soon"], "--expires must be"),
    "no time": (["keys", "issue", "ci", "--role", "viewer", "--expires", "0"], "must be above zero"),
    "too long": (["keys", "issue", "ci", "--role", "viewer", "--expires", "999999w"], "3660 days"),
    "no folder": (["keys", "issue", "ci", "--role", "viewer", "--to", "no/such/file"], "--to must be a new file"),
    "unknown owner": (["keys", "issue", "ci", "--role", "viewer", "--owner", "zoe"], "zoe"),
    "project path": (["projects", "add", "a/b"], "a project's name must be"),
    "default again": (["projects", "add", "default"], "must be new"),
    "no accounts to list": (["users", "list"], "make the first with"),
    "no accounts to change": (["keys", "revoke", "abc", "--yes"], "make the first with"),
    "no accounts of roles": (["roles", "define", "r", "--scope", "runs:read"], "make the first with"),
    "other URL": (["users", "add", "ann", "--db", "postgres://x"], "sqlite:///"),
}


@pytest.mark.parametrize(("arguments", "words"), FIRST.values(), ids=FIRST)
def test_mistakes_are_one_line_and_make_no_files(cli, here, arguments, words):
    """Also where the command would have made the first accounts."""
    here(*arguments).refused(words)
    assert everything(cli) == {}


def test_mistakes_change_nothing(cli, here):
    """On accounts that are there: no event, no secret."""
    assert here("users", "add", "ann", "--role", "admin").code == 0
    key = here("keys", "issue", "ci", "--role", "viewer", "--json").json
    before = here("log", "head", "--db", "mezan.accounts.db").json
    secrets = everything(cli)["mezan.secrets.db"]
    (cli.folder / "there").touch()
    for arguments, words in (
        (["users", "add", "ann"], "must be new"),
        (["users", "role", "zoe", "viewer"], "there is none 'zoe'"),
        (["users", "role", "ann", "root"], "a role must be one of"),
        (["users", "disable", "ann"], "--yes"),
        (["users", "list", "--project", "north"], "a project must be one of"),
        (["users", "denials", "--project", "north"], "a project must be one of"),
        (["keys", "revoke", key["prefix"]], "--yes"),
        (["keys", "rotate", "aaaaaaaaaaaa"], "there is none"),
        (["keys", "rotate", key["prefix"], "--grace", "-1d"], "--grace must be"),
        (["keys", "rotate", key["prefix"], "--to", "there"], "--to must be a new file"),
        (["keys", "issue", "x", "--role", "viewer", "--owner", "ann@north"], "there is none 'ann@north'"),
        (["projects", "disable", "default", "--yes"], "must stay enabled"),
        (["projects", "enable", "north"], "a project must be one of"),
        (["roles", "list", "--project", "north"], "a project must be one of"),
    ):
        here(*arguments).refused(words)
    assert here("log", "head", "--db", "mezan.accounts.db").json == before
    assert everything(cli)["mezan.secrets.db"] == secrets
    assert here("users", "denials", "--json").json == {"project": None, "times": {}, "latest": []}
    assert "nobody was refused" in here("users", "denials").out


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_secrets_that_others_may_read_are_refused(cli, here):
    """With what to do about it."""
    assert here("keys", "issue", "ci", "--role", "viewer").code == 0
    (cli.folder / "mezan.secrets.db").chmod(0o644)
    here("keys", "issue", "two", "--role", "viewer").refused("chmod 600")
    (cli.folder / "mezan.secrets.db").chmod(0o600)
    assert here("keys", "issue", "two", "--role", "viewer").code == 0


@pytest.mark.parametrize("group", ["users", "keys", "tokens", "roles", "projects"])
def test_help_has_an_example_of_every_command(here, group):
    """And the group's own help names them all."""
    command = typer.main.get_command(app).commands[group]
    for name, one in command.commands.items():
        assert one.epilog.startswith(("Example", "Examples")), name
        assert f"mezan {group} {name}" in one.epilog
    shown = here(group, "--help").out
    assert all(name in shown for name in command.commands)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize(("answer", "status"), [("y\n", "revoked"), ("n\n", "good"), ("\x04", "good")])
def test_who_sits_at_a_terminal_is_asked(cli, here, answer, status):
    """Only a yes is one, and Ctrl-D is none; what was asked is on standard error."""
    prefix = here("keys", "issue", "ci", "--role", "viewer", "--json").json["prefix"]
    ours, theirs = os.openpty()
    os.write(ours, answer.encode())
    done = subprocess.run([*MEZAN, "keys", "revoke", prefix], cwd=cli.folder, stdin=theirs, capture_output=True, timeout=60, check=False, env=cli.env)  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == (0 if status == "revoked" else 2), done.stderr
    assert b"for ever? [y/N]" in done.stderr
    (key,) = here("keys", "list", "--all", "--json").json
    assert key["status"] == status
