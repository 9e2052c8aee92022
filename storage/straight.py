"""Straight: statements that every commit runs, given to SQLite's driver without SQLAlchemy in between.

Core spends 30 µs of Python on a statement that is spelled already, as much as SQLite itself, and a commit is four of
them, for which a room and all its tabs wait. What else is asked of the database is asked through Core. Errors are those
of Core, so that nobody has to know which way a statement went.
"""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def execute(connection: Connection, statement: str, rows: Sequence[Sequence[object]] | None = None) -> int:
    """Run the statement, once for each row if there are any; how many rows of the database it touched. Raises as Core
    does: DBAPIError or one of its kinds."""
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        cursor = driver.execute(statement) if rows is None else driver.executemany(statement, rows)
    except sqlite3.Error as error:
        raise DBAPIError.instance(statement, None, error, sqlite3.Error) from error
    return cursor.rowcount
