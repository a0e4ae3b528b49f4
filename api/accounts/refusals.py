"""Why a credential is refused. The code is the problem's; the message never repeats what was shown."""

from mezan.solvers.errors import MezanError


class Refused(MezanError):
    """Base of what a credential is refused with: nobody is known by it."""

    code = "unauthenticated"


class TokenInvalid(Refused):
    """Raised when a token is not one of ours or of a trusted issuer, or is not for this server."""

    code = "token-invalid"


class TokenExpired(Refused):
    """Raised when a token was valid, and is not any more."""

    code = "token-expired"


class TokenNotYetValid(Refused):
    """Raised when a token is to be used later."""

    code = "token-not-yet-valid"


class TokenRevoked(Refused):
    """Raised when a token, its family or its owner has been revoked."""

    code = "token-revoked"


class Reused(TokenRevoked):
    """Raised when a refresh token that was spent comes again: one of two who have it is a thief."""


class TooManyAttempts(Refused):
    """Raised when a login has been tried too often; ``retry_after`` is seconds."""

    code = "rate-limited"

    def __init__(self, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(
            f"logins of one account or address must not be tried so often; try again in {retry_after:.0f} s"
        )


class CsrfRefused(Refused):
    """Raised when a session comes without the token that only its own pages know."""

    code = "csrf"
