"""The tables, declared once; migrations are generated from them and checked against them.

Only migrations import this module: the append path and the read path speak SQL to the driver.
"""

from sqlalchemy import Column, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel


class EventRow(SQLModel, table=True):
    """One event; see `mezan.engine.log.Recorded`."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("tenant", "stream", "version", name="uq_events_stream_version"),)

    position: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    tenant: str = Field(sa_column=Column(Text, nullable=False))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    version: int
    type: str = Field(sa_column=Column(Text, nullable=False))
    schema_version: int = Field(sa_column=Column("schema", Integer, nullable=False))
    payload: str = Field(sa_column=Column(Text, nullable=False))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    causation: str | None = Field(sa_column=Column(Text))
    correlation: str = Field(sa_column=Column(Text, nullable=False))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    recorded_at: int
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogHeadRow(SQLModel, table=True):
    """The end of the log, so that positions survive retention and a cut tail shows."""

    __tablename__ = "log_head"

    id: int = Field(primary_key=True)
    position: int
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: int


class ArtifactRow(SQLModel, table=True):
    """Content by digest; see `mezan.engine.artifacts`."""

    __tablename__ = "artifacts"

    digest: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    size: int
    encoding: str = Field(sa_column=Column(Text, nullable=False))
    stored: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: int


class IdempotencyRow(SQLModel, table=True):
    """The outcome of the first append under each key."""

    __tablename__ = "idempotency"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    fingerprint: str = Field(sa_column=Column(Text, nullable=False))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    first: int
    last: int
    version: int


class LeaseRow(SQLModel, table=True):
    """Who may write for whom; a takeover raises the token."""

    __tablename__ = "leases"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    token: int
    host: str = Field(sa_column=Column(Text, nullable=False))
    pid: int
    started: str = Field(sa_column=Column(Text, nullable=False))
    expires_at: int


class ProjectionRow(SQLModel, table=True):
    """A read model's position and, for folds to one value, its state."""

    __tablename__ = "projections"

    name: str = Field(sa_column=Column(Text, primary_key=True))
    generation: int = Field(primary_key=True)
    version: int
    position: int
    live: bool
    state: bytes | None = Field(sa_column=Column(LargeBinary))


class ReadRow(SQLModel, table=True):
    """One row of a read model."""

    __tablename__ = "read_rows"
    __table_args__ = (
        Index("ix_read_rows_position", "projection", "generation", "position"),
        Index("ix_read_rows_tag", "projection", "generation", "tag", "position"),
    )

    projection: str = Field(sa_column=Column(Text, primary_key=True))
    generation: int = Field(primary_key=True)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    stream: str = Field(sa_column=Column(Text, nullable=False))
    position: int
    tag: str = Field(sa_column=Column(Text, nullable=False))
    data: str = Field(sa_column=Column(Text, nullable=False))


class SnapshotRow(SQLModel, table=True):
    """A fold's state at a past position, for time travel."""

    __tablename__ = "snapshots"

    projection: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    state: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
