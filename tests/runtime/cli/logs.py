"""A store with two rooms' logs in it, made as the runtime makes them, for the verbs that read."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import trio
from plait.protocol.document import RoomDocument
from plait.protocol.events import (
    DocumentEdited,
    Event,
    ModelAnswered,
    ModelRequested,
    Record,
    RunFinished,
    RunRequested,
    RunStarted,
    TextStreamed,
    run_id,
)
from plait.storage import Append, open_store
from pycrdt import Doc, Text

TIME = 1_763_800_000_000_000
RUN = run_id(1)

RUN_EVENTS: tuple[Event, ...] = (
    RunRequested("assistant", "How many?"),
    RunStarted(),
    ModelRequested("generate.0", 1, "echo", b"\x01" * 32, ("{}",), head="{}"),
    TextStreamed("generate.0", 1, 0, "Two\x1b[31m \u202e 🌍"),
    ModelAnswered("generate.0", 1, "stop"),
    RunFinished(),
)


def records() -> tuple[Record, ...]:
    """One whole run, and one edit of the shared document `notes`."""
    document = RoomDocument(client=7)
    made: list[Record] = []
    for seq, event in enumerate(RUN_EVENTS, 1):
        author, time = "ann" if seq == 1 else "agent:assistant", TIME + seq * 1_500_000
        update = document.project(RUN, author, time, event)
        made.append(Record(seq, time, author, RUN, 1, event, update=update))
    notes: Doc[Any] = Doc(client_id=9)
    notes["content"] = Text("milk")
    seq = len(made) + 1
    made.append(Record(seq, TIME, "ann", "", 1, DocumentEdited(), "notes", notes.get_update()))
    return tuple(made)


def write_store(path: Path) -> str:
    """Write rooms `kitchen` and `shop` into a new database; its URL."""
    url = f"sqlite:///{path}"

    async def main() -> None:
        async with open_store(url) as store:
            for room in ("kitchen", "shop"):
                await store.append(Append(room, 1, 0, records()))

    trio.run(main)
    return url


def change(path: Path, statement: str) -> None:
    """Do to the database what nobody should."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
