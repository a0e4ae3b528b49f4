"""Policies by name: the built-in ones and those that installed packages offer."""

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points

from ..catalog import unknown
from .bradley_terry import BradleyTerry
from .default import DEFAULT
from .elo_ucb import EloUCB
from .elo_ucb_scaled import EloUCBScaled
from .epsilon_greedy import EpsilonGreedy
from .forest import ForestGreedy
from .gp_ucb import ContextualGPUCB
from .guard import Guard
from .hedge import Hedge
from .linear_thompson import LinearThompson
from .linucb import LinUCB
from .policy import Policy
from .single_best import SingleBest
from .tabled import Tabled
from .thompson import Thompson
from .ucb1 import UCB1

ENTRY_POINTS = "mezan.policies"
DEFAULT_POLICY = "default"
BUILT_IN: tuple[Policy, ...] = (
    Guard(EloUCB(), name="elo_ucb"),
    EloUCB(),
    EloUCBScaled(),
    BradleyTerry(),
    SingleBest(),
    EpsilonGreedy(),
    UCB1(),
    Thompson(),
    Tabled("forest_kernel"),
    Tabled("pairwise", pairwise=True),
    DEFAULT,
    ContextualGPUCB(),
    LinUCB(),
    LinearThompson(),
    ForestGreedy(),
    Hedge(),
)


class Policies:
    """An immutable set of policies, and which of them decides where a request names none.

    Raises:
        ValueError: two policies have the same name.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies: dict[str, Policy] = {}
        self._deciding: str | Mapping[str, str] = DEFAULT_POLICY
        for policy in policies:
            if policy.name in self._policies:
                msg = f"policy names must be unique; {policy.name!r} is registered twice"
                raise ValueError(msg)
            self._policies[policy.name] = policy

    @classmethod
    def default(cls) -> "Policies":
        """The built-in policies and those that installed packages offer under ``mezan.policies`` (instances)."""
        return cls([*BUILT_IN, *(point.load() for point in entry_points(group=ENTRY_POINTS))])

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._policies.values())

    def deciding(self, setting: str | Mapping[str, str]) -> "Policies":
        """The same policies with another setting: one name for everything, or names by family; raises UnknownName."""
        for name in [setting] if isinstance(setting, str) else setting.values():
            self.policy(name)
        new = Policies(self)
        new._deciding = setting
        return new

    def policy(self, name: str | None = None, family: str = "") -> Policy:
        """The policy of that name, or the one that decides for a family; raises UnknownName."""
        if name is None:
            setting = self._deciding
            name = setting if isinstance(setting, str) else setting.get(family, DEFAULT_POLICY)
        try:
            return self._policies[name]
        except KeyError:
            raise unknown("policy", name, self._policies) from None
