"""Alembic's environment. Mezan migrates through `mezan.engine.stores.schema`; `alembic -c alembic/alembic.ini` works for developers."""

from sqlalchemy import create_engine
from sqlmodel import SQLModel

from alembic import context
from mezan.engine.stores import tables

assert tables.EventRow.metadata is SQLModel.metadata


def run() -> None:
    """Run on the connection given by the caller, or on `sqlalchemy.url`."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=False)
        context.run_migrations()
        return
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite:///mezan.db")
    with engine.begin() as opened:
        context.configure(connection=opened, target_metadata=SQLModel.metadata)
        with context.begin_transaction():
            context.run_migrations()


run()
