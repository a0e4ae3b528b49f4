"""One-time passwords from an authenticator: TOTP (RFC 6238), six digits, 30 seconds, SHA-1 as every app has it."""

import hmac
import re
from typing import Final

STEP: Final = 30
WINDOW: Final = 1
"""Steps before and after the present one that are still taken: clocks differ, and people type slowly."""
_CODE = re.compile(r"[0-9]{6}")


def make_secret() -> str:
    """A new secret of 160 bits in base32, as RFC 4226 asks."""
    import pyotp

    return pyotp.random_base32(32)


def otpauth(secret: str, login: str) -> str:
    """The URL that an authenticator reads, also as a QR code."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Mezan")


def step_of(now: float) -> int:
    """Which step of 30 seconds a time is in."""
    return int(now // STEP)


def accepted_step(secret: str, code: str, now: float, last_step: int = -1) -> int | None:
    """The step that a code is of, within the window and later than the last one used; None when it is refused.

    The caller must record the step before it lets anybody in, and atomically: a code is good for once.
    """
    import pyotp

    if not _CODE.fullmatch(code):
        return None
    made, here, found = pyotp.TOTP(secret), step_of(now), None
    for step in range(max(0, here - WINDOW), here + WINDOW + 1):
        if hmac.compare_digest(made.generate_otp(step), code) and step > last_step:
            found = step
    return found
