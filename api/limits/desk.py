"""The one object that a server asks before it answers."""

from collections.abc import Callable, Iterable

from mezan.api.accounts.principal import Principal
from mezan.api.addresses import network
from mezan.engine.clock import micros

from .memory import Memory
from .policy import Per, Policy, RouteClass, Who, policies
from .shelf import Rule, Shelf
from .verdict import FREE, Verdict


class Limits:
    """Counts requests by its policies. Ask :meth:`take` once for each request, when it is known who asks.

    Args:
        using: the policies; the usual ones when None.
        shelf: where counts are kept; in this process when None. A ``Shared`` one may block: ask it on a thread.
        clock: microseconds since the epoch. It may go back: then no time passes.
    """

    def __init__(
        self, using: Iterable[Policy] | None = None, *, shelf: Shelf | None = None, clock: Callable[[], int] = micros
    ) -> None:
        self._shelf: Shelf = Memory() if shelf is None else shelf
        self._clock = clock
        self.blocks = not isinstance(self._shelf, Memory)
        """Whether a call may wait for another process."""
        self.configure(policies({}) if using is None else using)

    def configure(self, using: Iterable[Policy]) -> None:
        """Other policies from now on. A policy whose name and limit stay goes on counting from where it was."""
        self.policies: tuple[Policy, ...] = tuple(using)
        self._rules = tuple((policy, Rule(policy.name, policy.limit)) for policy in self.policies)
        self._table: dict[tuple[Who, RouteClass], tuple[tuple[Rule, Per], ...]] = {}

    def take(
        self,
        principal: Principal | None,
        route_class: RouteClass,
        address: str = "",
        *,
        now: int | None = None,
        cost: int = 1,
    ) -> Verdict:
        """Count a request with every policy that applies to it, or with none if one refuses.

        Args:
            principal: who asks; None without a credential. ``LOCAL`` is never limited.
            route_class: what kind of work the route is.
            address: the peer's IP address.
            now: microseconds since the epoch; the clock's when None.
            cost: how many requests it counts as: a batch of runs, say.

        Raises:
            StoreError: the shared file cannot be used.
        """
        if principal is None:
            who: Who = "anonymous"
        elif principal.kind == "local":
            return FREE
        else:
            who = principal.kind
        if (applying := self._table.get((who, route_class))) is None:
            applying = self._table[who, route_class] = tuple(
                (rule, policy.per) for policy, rule in self._rules if who in policy.who and route_class in policy.on
            )
        if not applying:
            return FREE
        asked = [(rule, _subject(principal, per, address)) for rule, per in applying]
        counts = self._shelf.take(asked, self._clock() if now is None else now, cost)
        return Verdict(all(one.wait == 0 for one in counts), counts)

    def close(self) -> None:
        """Let go of a shared file."""
        self._shelf.close()


def _subject(principal: Principal | None, per: Per, address: str) -> str:
    if principal is None or per == "address":
        return network(address)
    if per == "credential":
        return principal.credential
    return principal.id if per == "principal" else principal.project
