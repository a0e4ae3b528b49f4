"""Why somebody is refused, and what administration does not accept. Codes are those of the problems that HTTP answers."""

from mezan.engine.errors import StoreError
from mezan.solvers.errors import BadInput, MezanError


class Refused(MezanError):
    """Base of every refusal. ``who`` is what is known of the asker for the audit: an id, a key's prefix, or nothing; ``project`` its project."""

    code = "unauthenticated"

    def __init__(self, message: str, *, who: str = "", project: str = "") -> None:
        self.who, self.project = who, project
        super().__init__(message)


class Unauthenticated(Refused):
    """Raised when no credential was shown where one is needed, or a login failed."""

    code = "unauthenticated"


class InvalidToken(Refused):
    """Raised when a key or token is malformed, unknown, or does not prove what it says."""

    code = "token-invalid"


class ExpiredToken(Refused):
    """Raised when a key, token or session was good, and its time is over."""

    code = "token-expired"


class NotYetValidToken(Refused):
    """Raised when a token's time has not come."""

    code = "token-not-yet-valid"


class RevokedToken(Refused):
    """Raised when a key, token or session was good and has been revoked, or its user or project is disabled."""

    code = "token-revoked"


class Reused(RevokedToken):
    """Raised when a refresh token that was spent comes again: one of two who have it is a thief. Its family is over."""


class CodeNeeded(Unauthenticated):
    """Raised when the password was right, and a one-time or recovery code is needed as well."""

    code = "code-needed"


class TooManyAttempts(Refused):
    """Raised when logins of an account or from an address come too fast; ``retry_after`` is seconds, None for never."""

    code = "rate-limited"

    def __init__(self, message: str, *, retry_after: float | None, who: str = "", project: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(message, who=who, project=project)


class Csrf(Refused):
    """Raised when a session comes without the token that only its own pages know."""

    code = "csrf"


class Forbidden(Refused):
    """Raised when a principal is known and may not do this."""

    code = "forbidden"


class NotThere(BadInput):
    """Raised when a project has no such user, key, role or session. Those of other projects are not there either."""

    code = "account-not-found"


class Taken(BadInput):
    """Raised when a name is in use."""

    code = "name-taken"


class WrongKey(StoreError):
    """Raised when secrets are not sealed with the key at hand, or that key is missing or malformed."""

    code = "wrong-key"


class Exposed(StoreError):
    """Raised when others can read a file that holds secrets."""

    code = "exposed-secrets"
