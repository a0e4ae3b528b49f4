"""Who solved which instance how well, for the instances of a sample: what a map of instances and comparisons of solvers are drawn from.

The sample is that of `clusters`, drawn by the same reservoir, so that both know the same instances. Of each of them the rated outcomes
are added up per solver; an instance that leaves the sample takes its sums with it, and what happened before it came in is not known.
"""

from dataclasses import dataclass, field
from typing import Any

from mezan.engine.endings import rated
from mezan.engine.log import Recorded
from mezan.solvers.selection.examples import cost

from .canonical import dumps, loads
from .clusters import Clusters, Group, sampled
from .outcomes import ENDS, loss_of

COUNT, LOSS, COST, SECONDS, LEAST = range(5)
"""Where the sums of a solver on an instance keep what: outcomes, their losses, their costs (see `Row.cost`), their seconds, the least loss."""

Sums = list[Any]


@dataclass(slots=True)
class Known:
    """One family: the sample (its fit stays None), and by instance and solver the sums."""

    group: Group
    outcomes: dict[str, dict[str, Sums]] = field(default_factory=dict)


State = dict[str, Known]


class Instances:
    """See the module."""

    name = "instances"
    version = 100 * Clusters.version + 2
    """Follows that of the clusters."""
    handles = Clusters.handles | ENDS

    def initial(self) -> State:
        """No instances."""
        return {}

    def apply(self, state: State, event: Recorded) -> State:
        """One instance, or one outcome."""
        data = event.data
        known = state.get(data["family"])
        if event.type in Clusters.handles:
            group = sampled(None if known is None else known.group, event)
            if group is None:
                return state
            if known is None:
                state[data["family"]] = Known(group)
            elif data["instance"] in group.known:  # it may have taken another's place
                for gone in known.outcomes.keys() - group.known:
                    del known.outcomes[gone]
            return state
        if known is None or data["instance"] not in known.group.known or not rated(event.type, data):
            return state
        solvers = known.outcomes.get(data["instance"])
        if solvers is None:
            solvers = known.outcomes[data["instance"]] = {}
        loss, seconds = loss_of(event), data["seconds"]
        sums = solvers.get(data["solver"])
        if sums is None:
            sums = solvers[data["solver"]] = [0, 0.0, 0.0, 0.0, loss]
        sums[COUNT] += 1
        sums[LOSS] += loss
        sums[COST] += cost(loss, seconds)
        sums[SECONDS] += seconds
        sums[LEAST] = min(sums[LEAST], loss)
        return state

    def dump(self, state: State) -> bytes:
        """See :class:`Projection`."""
        return dumps(
            {
                family: {
                    "names": known.group.names,
                    "count": known.group.count,
                    "ids": known.group.ids,
                    "sample": known.group.sample,
                    "outcomes": known.outcomes,
                }
                for family, known in state.items()
            }
        )

    def load(self, content: bytes) -> State:
        """See :class:`Projection`."""
        state = {}
        for family, kept in loads(content).items():
            outcomes = kept.pop("outcomes")
            state[family] = Known(Group(known=set(kept["ids"]), **kept), outcomes)
        return state
