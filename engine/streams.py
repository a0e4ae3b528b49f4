"""Reading one stream from its beginning; light to import."""

from .log import EventLog, Recorded

PAGE = 1_000


async def whole_stream(log: EventLog, stream: str, upto: int | None = None) -> list[Recorded]:
    """Every event of a stream in order, up to a position if one is given."""
    events: list[Recorded] = []
    while page := await log.read(stream=stream, after=events[-1].position if events else 0, upto=upto, limit=PAGE):
        events += page
        if len(page) < PAGE:
            break
    return events
