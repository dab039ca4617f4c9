"""The database connection of the commands about studies and patients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import click

from deploy.local.state import StackNotRunning, database_url, running_stack

ROLE: Final = "eightbells_study"

database_option = click.option(
    "--database",
    metavar="URL",
    help="A database without a local stack, instead of --data.",
)
"""``--database URL``: where there is no local stack, as in production."""


class DatabaseRefused(RuntimeError):
    """PostgreSQL answered, and said no; the message has no data in it."""


@asynccontextmanager
async def study_connection(data: Path, url: str | None) -> AsyncIterator[asyncpg.Connection]:
    """Connect with the role eightbells_study, to a stack's database or to ``url``.

    Raises:
        StackNotRunning: no stack runs in ``data``, or nobody answers at the address.
        DatabaseRefused: PostgreSQL refused the login or a statement.
    """
    if url is None:
        running_stack(data)
        url = database_url(data, ROLE)
    try:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close(timeout=10)
    except asyncpg.UndefinedTableError:
        raise DatabaseRefused("The database has no tables of ours; run `eightbells migrate`.") from None
    except asyncpg.PostgresError as error:
        what = type(error).__name__.removesuffix("Error")
        raise DatabaseRefused(f"PostgreSQL refused: {what} (SQLSTATE {error.sqlstate}).") from None
    except (asyncpg.InterfaceError, ConnectionError, TimeoutError) as error:
        raise StackNotRunning(f"The database does not answer ({type(error).__name__}).") from None
