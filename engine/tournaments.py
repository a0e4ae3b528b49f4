"""What the log holds of a tournament, folded from its own stream; and what comes next in it.

The games of a round follow from the opening alone, so that whoever goes on with a tournament plays the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mezan.solvers.seeds import derive
from mezan.solvers.selection.tournaments.swiss import Pairing, Played, Standing, pair, standings

from . import events as e
from .artifacts import digest_of
from .errors import InvalidTransition
from .log import EventLog
from .streams import whole_stream

PREFIX = "tournament-"
SEED_BITS = 53


@dataclass(frozen=True, slots=True)
class Game:
    """One instance with one seed, which both sides of a match solve; ``number`` counts the games of all rounds."""

    number: int
    instance: e.TournamentInstance
    seed: int


@dataclass(frozen=True, slots=True)
class Round:
    """A round that has been paired, and the matches of it that have been played, by pair."""

    pairing: Pairing
    matches: Mapping[tuple[str, str], e.MatchPlayed] = field(default_factory=dict)

    @property
    def left(self) -> list[tuple[str, str]]:
        """Pairs that have not played yet."""
        return [two for two in self.pairing.pairs if two not in self.matches]


@dataclass(frozen=True, slots=True)
class Tournament:
    """A tournament as of ``version``, the number of its events folded so far."""

    stream: str
    opened: e.TournamentOpened
    rounds: tuple[Round, ...] = ()
    closed: e.TournamentClosed | None = None
    version: int = 1

    @property
    def table(self) -> list[Standing]:
        """The order of the moment."""
        played = [
            (
                [
                    Played(m.a, m.b, m.score_a, m.score_b, m.loss_a, m.loss_b)
                    for two in one.pairing.pairs
                    if (m := one.matches.get(two)) is not None
                ],
                one.pairing.bye,
            )
            for one in self.rounds
        ]
        return standings(self.opened.solvers, played)

    def games(self, number: int) -> list[Game]:
        """The games of each match of a round, counted from 1: the instances in a drawn order, one after another."""
        opened, block = self.opened, self.opened.block
        order = sorted(range(len(opened.instances)), key=lambda i: derive(opened.seed, "order", i))
        return [
            Game(
                game,
                opened.instances[order[game % len(order)]],
                derive(opened.seed, "game", game) & (1 << SEED_BITS) - 1,
            )
            for game in range((number - 1) * block, number * block)
        ]

    def next_round(self) -> Pairing:
        """Who meets whom next, from the rounds so far."""
        met = {frozenset(two) for one in self.rounds for two in one.pairing.pairs}
        points = {own.player: own.points for own in self.table}
        byes = {own.player: own.byes for own in self.table}
        return pair(self.opened.solvers, points, met, byes)


def stream_of(opened: e.TournamentOpened) -> str:
    """The stream of a tournament: the same for the same solvers, instances, rounds, budget and seed."""
    return f"{PREFIX}{digest_of(opened.model_dump_json().encode())[:24]}"


def evolve(state: Tournament | None, stream: str, event: e.Event) -> Tournament:
    """The state after one more event; raises InvalidTransition for one that does not belong there."""
    match event:
        case e.TournamentOpened() if state is None:
            return Tournament(stream, event)
        case e.RoundPaired() if state is not None and event.round == len(state.rounds) + 1:
            paired = Round(Pairing(event.pairs, event.bye))
            return replace(state, rounds=(*state.rounds, paired), version=state.version + 1)
        case e.MatchPlayed() if state is not None and event.round == len(state.rounds):
            last = state.rounds[-1]
            played = replace(last, matches={**last.matches, (event.a, event.b): event})
            return replace(state, rounds=(*state.rounds[:-1], played), version=state.version + 1)
        case e.TournamentClosed() if state is not None:
            return replace(state, closed=event, version=state.version + 1)
    msg = f"{type(event).__name__} does not fit into the tournament {stream} here"
    raise InvalidTransition(msg)


def fold(stream: str, history: Iterable[e.Event]) -> Tournament | None:
    """The state after a whole stream; None without an event."""
    state: Tournament | None = None
    for event in history:
        state = evolve(state, stream, event)
    return state


async def tournament(log: EventLog, stream: str) -> Tournament | None:
    """A tournament as the log has it; None where there is none of that name."""
    return fold(stream, [recorded.event for recorded in await whole_stream(log, stream)])


async def latest(log: EventLog) -> str | None:
    """The stream of the tournament that was opened last; None where there is none."""
    newest = await log.read(types=["TournamentOpened"], limit=1, backwards=True)
    return newest[0].stream if newest else None
