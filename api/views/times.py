"""Times as people and programs read them."""


def when(microseconds: int | None) -> str | None:
    """A time of the log as ISO 8601 in UTC."""
    if microseconds is None:
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
