"""Everything that lets somebody in: what the HTTP gate, the command line and MCP ask."""

from .attempts import Attempts
from .bearer import Bearers
from .desk import Accounts
from .grants import Grants
from .logins import Logins
from .oauth import TokenAnswer
from .passwords import Hashing
from .people import People
from .principal import Principal
from .sessions import Opened, Sessions
from .signing import SigningKeys


class Door:
    """The ways in to the accounts of a database.

    Attributes:
        keys: signing keys and trusted issuers.
        grants: access and refresh tokens.
        sessions: of browsers.
        people: passwords, authenticators, recovery codes.
        logins: checks what people type.
    """

    def __init__(self, accounts: Accounts, attempts: Attempts, *, hashing: Hashing | None = None) -> None:
        hashing = hashing or Hashing()
        self.accounts = accounts
        self.keys = SigningKeys(accounts)
        self._bearers = Bearers(accounts, self.keys)
        self.grants = Grants(accounts, self.keys, self._bearers)
        self.sessions = Sessions(accounts)
        self.people = People(accounts, hashing, attempts)
        self.logins = Logins(accounts, hashing, attempts)

    async def warm(self) -> None:
        """Make the first signing key where there is none, and load keys: a server calls it once, before it serves.

        A key made by the first token instead would not be known yet in other processes for a quarter of a second.
        """
        await self.keys.signer()
        await self.keys.trusted()

    async def authenticate(self, text: str) -> Principal:
        """Who shows a bearer text: an API key or a token; see :meth:`Bearers.authenticate`."""
        return await self._bearers.authenticate(text)

    async def enter(self, login: str, password: str, *, code: str | None = None, address: str = "") -> Opened:
        """Log in and open a session; raises as :meth:`Logins.login`. A session that the browser had before must be closed."""
        user = await self.logins.login(login, password, code=code, address=address)
        return await self.sessions.open(user, address=address)

    async def tokens(
        self,
        login: str,
        password: str,
        *,
        code: str | None = None,
        address: str = "",
        scopes: frozenset[str] | None = None,
    ) -> TokenAnswer:
        """Log in for an access and a refresh token; raises as :meth:`Logins.login`, and OAuthError for scopes that one has not."""
        user = await self.logins.login(login, password, code=code, address=address)
        return await self.grants.for_user(user, scopes=scopes)
