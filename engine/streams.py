"""Reading one stream from its beginning; light to import."""

from .log import EventLog, Recorded

PAGE = 1_000


async def whole_stream(log: EventLog, stream: str) -> list[Recorded]:
    """Every event of a stream in order."""
    events: list[Recorded] = []
    while page := await log.read(stream=stream, after=events[-1].position if events else 0, limit=PAGE):
        events += page
    return events
