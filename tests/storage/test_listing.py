"""What listing costs: a page is read where its cursor stands, however many rooms there are."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from plait.storage import queries
from plait.storage.file import migrate
from sqlalchemy.dialects import sqlite as dialect

from .logs import TIME


@pytest.fixture(scope="module")
def crowd() -> Iterator[sqlite3.Connection]:
    """A database with 5,000 rooms, all of one second."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        rows = [(f"r{n}", f"r{n}\n", TIME) for n in range(5000)]
        connection.executemany(
            "INSERT INTO rooms (name, lineage, epoch, seq, hash, open_runs, time, folded, activity)"
            " VALUES (?1, '', 1, 1, zeroblob(32), 0, ?3, ?2, ?3)",
            rows,
        )
        yield connection


@pytest.mark.parametrize("statement", [queries.ROOMS, queries.NAMES, queries.BLOBS_OF, queries.DELETED])
def test_listing_goes_by_an_index(crowd: sqlite3.Connection, statement: object) -> None:
    """ST49: a page of any list is read from an index where the cursor stands; nothing is sorted."""
    compiled = statement.compile(dialect=dialect.dialect(paramstyle="named"))  # type: ignore[attr-defined]
    asked = {
        "activity": TIME,
        "name": "r2500",
        "limit": 51,
        "query": "",
        "wanted": "{}",
        "names": '["*"]',
        "after": "r1",
        "room": "r1",
    }
    explained = crowd.execute(f"EXPLAIN QUERY PLAN {compiled}", {**compiled.params, **asked})
    plan = [row[3] for row in explained]
    assert not any("TEMP B-TREE" in step for step in plan), plan
    assert plan[0].startswith("SEARCH rooms USING"), plan


def test_a_page_reads_its_rows(crowd: sqlite3.Connection) -> None:
    """ST49: a page in the middle of 5,000 rooms of one second costs what the first page costs."""
    compiled = queries.ROOMS.compile(dialect=dialect.dialect(paramstyle="named"))
    asked = {"activity": TIME, "name": "r2500", "limit": 51, "query": "", "wanted": "{}", "names": '["*"]'}
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    crowd.set_progress_handler(count, 1000)
    rows = crowd.execute(str(compiled), {**compiled.params, **asked}).fetchall()
    crowd.set_progress_handler(None, 0)
    assert [row[0] for row in rows[:2]] == ["r250", "r25"]
    assert steps < 10
