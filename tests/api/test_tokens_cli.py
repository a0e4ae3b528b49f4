"""`mezan tokens` and `mezan users password|totp|codes`, on real files."""

import io
import json
import stat

import pyotp
import pytest
import structlog

from mezan.api.accounts.jwks import make_key, public
from mezan.api.cli.main import main

from .conftest import Ran

PASSWORD = "correct horse battery"


@pytest.fixture
def here(cli, monkeypatch, capfd):
    """The command in this process, with standard input as given, in a folder with the users ann and bob@north."""
    monkeypatch.chdir(cli.folder)
    for name in ("MEZAN_DB", "MEZAN_KEY", "MEZAN_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments, stdin=""):
        capfd.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main(arguments)
        return Ran(code, *capfd.readouterr())

    assert call("users", "add", "ann", "--role", "operator").code == 0
    yield call
    structlog.reset_defaults()


def test_tokens_are_issued_listed_and_revoked(here, cli):
    """A token is shown once, its login is listed, and ends; --to writes a file that only its owner can read."""
    made = here("tokens", "issue", "ann", "--scope", "runs:read", "--expires", "1h", "--refresh", "--json").json
    assert (made["scope"], made["expires_in"], made["token_type"]) == ("runs:read", 3600, "Bearer")
    assert made["access_token"].count(".") == 2
    assert made["refresh_token"].startswith(f"mzr_{made['login']}-0.")
    listed = here("tokens", "list", "--json").json
    assert [(row["id"], row["user"], row["refreshed"]) for row in listed["logins"]] == [(made["login"], "ann", 0)]
    assert [(row["algorithm"], row["status"]) for row in listed["keys"]] == [("EdDSA", "signs")]
    assert "runs:read" in here("tokens", "list").out
    asked = here("tokens", "revoke", made["login"])
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert here("tokens", "revoke", made["login"], "--yes").code == 0
    assert here("tokens", "list", "--json").json["logins"] == []
    assert here("tokens", "issue", "ann", "--to", "t.jwt").code == 0
    assert stat.S_IMODE((cli.folder / "t.jwt").stat().st_mode) == 0o600
    text = (cli.folder / "t.jwt").read_text()
    assert here("tokens", "revoke", "-", stdin=text).out == "the token is refused\n"
    jti = here("tokens", "issue", "ann").out.strip()
    assert jti.count(".") == 2


def test_keys_are_rotated(here):
    """The new key is published first and signs in seconds; a stolen one is out at once."""
    here("tokens", "issue", "ann")
    assert here("tokens", "rotate-keys", "--algorithm", "HS256", "--json").json["status"] == "next"
    assert [row["status"] for row in here("tokens", "list", "--json").json["keys"]] == ["next", "signs"]
    assert here("tokens", "rotate-keys", "--stolen").code == 2
    assert here("tokens", "rotate-keys", "--stolen", "--yes", "--json").json["status"] == "signs"
    assert [row["status"] for row in here("tokens", "list", "--json").json["keys"]] == ["signs", "retired", "retired"]
    assert "retired" in here("tokens", "list").out


def test_issuers_are_trusted_from_a_file(here, cli):
    """A document of public keys is taken; the issuer is listed, and dropped."""
    jwk = public(make_key("EdDSA"))
    (cli.folder / "keys.json").write_text(json.dumps({"keys": [jwk]}))
    made = here("tokens", "trust", "https://idp", "--jwks", "keys.json", "--role", "operator", "--json").json
    assert (made["algorithm"], made["keys"], made["role"], made["audience"]) == (
        "EdDSA",
        [jwk["kid"]],
        "operator",
        "mezan",
    )
    assert here("tokens", "list", "--json").json["issuers"] == [made]
    assert "https://idp" in here("tokens", "list").out
    assert here("tokens", "distrust", "https://idp", "--yes").code == 0
    assert here("tokens", "list", "--json").json["issuers"] == []


def test_passwords_codes_and_authenticators(here):
    """A password from standard input; an authenticator is enabled, confirmed, given new codes and disabled."""
    assert here("users", "password", "ann", "--password-stdin", stdin=PASSWORD + "\n").code == 0
    made = here("users", "totp", "enable", "ann", "--json").json
    assert pyotp.parse_uri(made["url"]).secret == made["secret"]
    confirmed = here("users", "totp", "confirm", "ann", pyotp.TOTP(made["secret"]).now(), "--json")
    assert len(set(confirmed.json["recovery_codes"])) == 10
    row = here("users", "list", "--json").json[0]
    assert (row["password"], row["second_factor"], row["recovery_codes"]) == (True, True, 10)
    fresh = here("users", "codes", "ann").out.split()
    assert len(fresh) == 10
    assert not set(fresh) & set(confirmed.json["recovery_codes"])
    assert here("users", "totp", "disable", "ann", "--yes", "--json").json["changed"]
    assert "no authenticator" in here("users", "totp", "disable", "ann", "--yes").out


def test_bad_input_is_one_line(here, cli):
    """Each mistake is one line that says the rule, with exit code 2, and shows no secret."""
    private = make_key("EdDSA")
    (cli.folder / "private.json").write_text(json.dumps({"keys": [private]}))
    (cli.folder / "big.json").write_bytes(b" " * 300_000)
    (cli.folder / "there").write_text("")
    for arguments, stdin in (
        (["tokens", "issue", "nobody"], ""),
        (["tokens", "issue", "ann", "--scope", "accounts:write"], ""),
        (["tokens", "issue", "ann", "--scope", "everything"], ""),
        (["tokens", "issue", "ann", "--expires", "2d"], ""),
        (["tokens", "issue", "ann", "--expires", "0"], ""),
        (["tokens", "issue", "ann", "--expires", "soon"], ""),
        (["tokens", "issue", "ann", "--to", "there"], ""),
        (["tokens", "issue", "ann", "--to", "no/such/folder"], ""),
        (["tokens", "list", "--project", "north"], ""),
        (["tokens", "revoke", "login_nothing", "--yes"], ""),
        (["tokens", "revoke", "x"], ""),
        (["tokens", "rotate-keys", "--algorithm", "none"], ""),
        (["tokens", "trust", "https://idp", "--jwks", "absent.json"], ""),
        (["tokens", "trust", "https://idp", "--jwks", "private.json"], ""),
        (["tokens", "trust", "https://idp", "--jwks", "big.json"], ""),
        (["tokens", "trust", "mezan", "--jwks", "private.json"], ""),
        (["tokens", "distrust", "https://idp", "--yes"], ""),
        (["users", "password", "ann"], ""),
        (["users", "password", "ann", "--password-stdin"], "short\n"),
        (["users", "password", "ann", "--password-stdin"], "x" * 100_000),
        (["users", "totp", "confirm", "ann", "123456"], ""),
        (["users", "codes", "ann"], ""),
    ):
        ran = here(*arguments, stdin=stdin)
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), (arguments, ran)
        assert private["d"] not in ran.err
    assert not list(cli.folder.glob("elsewhere*"))
    assert here("tokens", "rotate-keys", "--db", "elsewhere.db").code == 2
    assert not list(cli.folder.glob("elsewhere*"))
