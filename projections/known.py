"""The best checked result of every instance: what a later search of the same instance may start from."""

from typing import TYPE_CHECKING, Literal

from mezan.engine.folds import Row
from mezan.engine.log import Recorded

if TYPE_CHECKING:
    from mezan.engine.follower import Follower
    from mezan.engine.seeding import Known


class KnownResults:
    """Keyed by ``family/instance/tenant``, tagged with the family.

    The best objective wins, and of equal ones the earliest; ``proved_optimal`` is whether any result of that objective was
    proved. A merge, so that results of any stream come in any order.
    """

    name = "known"
    version = 1
    opens: frozenset[str] = frozenset()
    handles = frozenset({"AttemptSucceeded"})
    shared: Literal[True] = True

    def key(self, event: Recorded) -> str:
        """Family, instance and tenant."""
        return key_of(event.data["family"], event.data["instance"], event.tenant)

    def apply(self, row: Row | None, event: Recorded) -> Row:
        """See :class:`RowProjection`."""
        data = event.data
        new = {
            "family": data["family"],
            "instance": data["instance"],
            "sense": data["sense"],
            "objective": data["objective"],
            "solution": data["solution"],
            "proved_optimal": data["proved_optimal"],
            "run": event.stream,
            "task": data["task"],
            "position": event.position,
        }
        if row is None:
            return new
        if new["objective"] == row["objective"]:
            first = row if row["position"] <= new["position"] else new
            return {**first, "proved_optimal": row["proved_optimal"] or new["proved_optimal"]}
        better = new["objective"] < row["objective"] if row["sense"] == "min" else new["objective"] > row["objective"]
        return new if better else row

    def tag(self, row: Row) -> str:
        """The family."""
        return row["family"]  # type: ignore[no-any-return]

    def settled(self, row: Row) -> bool:
        """Always: a row is read again when its instance is solved again."""
        return True


def key_of(family: str, instance: str, tenant: str) -> str:
    """Where an instance's row is."""
    return f"{family}/{instance}/{tenant}"


async def known(follower: "Follower", family: str, instance: str, tenant: str) -> "Known | None":
    """The best result of an instance as of everything that this process knows to be recorded; one primary-key look-up."""
    from mezan.engine.seeding import Known  # here, so that reading what is folded loads no NumPy

    await follower.settle()
    row = await follower.row(KnownResults.name, key_of(family, instance, tenant))
    if row is None:
        return None
    return Known(row["run"], row["objective"], row["solution"], proved_optimal=row["proved_optimal"])
