"""Search whose parameters follow from the instance: `rules` says how, `memetic` and `structured` do it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..pack import Array
from .enhanced import Enhanced
from .problem import QAP
from .rules import rule_for
from .structured.kernel import StructuredSearch


@dataclass(frozen=True)
class InstanceAdaptive:
    """The memetic with the rule's parameters, or the subset search; an iteration is one of that search."""

    memetic: Enhanced = field(default_factory=Enhanced)
    structured: StructuredSearch = field(default_factory=StructuredSearch)

    def arrays(self, problem: QAP) -> dict[str, Array]:
        """Those of the search that the rule takes."""
        rule = rule_for(problem)
        if rule.name == "subset":
            return self.structured.arrays(problem)
        return self.memetic.arrays(problem) | {"length": np.array(rule.length, np.int32)}

    def init(self, arrays: dict[str, Any], key: Any) -> dict[str, Any]:
        """See the protocol."""
        return self._search(arrays).init(arrays, key)

    def step(self, arrays: dict[str, Any], state: dict[str, Any], iterations: Any) -> dict[str, Any]:
        """See the protocol."""
        return self._search(arrays).step(arrays, state, iterations)

    def best(self, arrays: dict[str, Any], state: dict[str, Any]) -> tuple[Any, Any]:
        """See the protocol."""
        return self._search(arrays).best(arrays, state)

    def done(self, arrays: dict[str, Any], state: dict[str, Any]) -> Any:
        """See the protocol."""
        return self._search(arrays).done(arrays, state)

    def inject(self, arrays: dict[str, Any], state: dict[str, Any], solution: Any) -> dict[str, Any]:
        """See the protocol."""
        return self._search(arrays).inject(arrays, state, solution)

    def exchange(self, problem: QAP) -> int:
        """The rule's."""
        return rule_for(problem).exchange

    def solution(self, problem: QAP, padded: Array) -> Array:
        """See the protocol."""
        return self._of(problem).solution(problem, padded)

    def padded(self, problem: QAP, solution: Array) -> Array:
        """See the protocol."""
        return self._of(problem).padded(problem, solution)

    def _search(self, arrays: dict[str, Any]) -> Enhanced | StructuredSearch:
        return self.memetic if "length" in arrays else self.structured

    def _of(self, problem: QAP) -> Enhanced | StructuredSearch:
        return self.structured if rule_for(problem).name == "subset" else self.memetic
