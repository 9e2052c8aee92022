"""Rooms to put into bundles, bundles in memory, and what two rooms have in common."""

import io
from typing import Any

from plait.protocol.bundle import Manifest
from plait.protocol.codec import record_json
from plait.runtime import Agent, Call, Runtime, tool
from plait.runtime.replay.exporting import export
from plait.runtime.replay.importing import Imported, import_
from plait.storage import Reader, Store
from pycrdt import Text

from ..agent.scripted import Scripted, answered, calls, says

NOW = 2_000_000_000_000_000


@tool(effect="idempotent")
async def note(text: str, call: Call) -> str:
    """Write a note."""
    await call.document("notes").edit(lambda doc: doc.get("content", type=Text).insert(0, text))
    return "noted"


def scribe(**changed: Any) -> Agent:
    def script(request: Any) -> Any:
        return says("Done.") if answered(request) else calls(("c1", "note", '{"text": "milk "}'))

    return Agent("scribe", Scripted(script), **({"tools": [note], "instructions": "Help."} | changed))


async def lived(store: Store, room: str = "office") -> None:
    """A talk with a file, two people, two documents and a title."""
    async with Runtime(store, [scribe()]) as runtime:
        ann, bob = runtime.room(room).by("ann"), runtime.room(room).by("bob")
        picture = await ann.attach(b"picture", "image/png", "map.png")
        await ann.wait(await ann.prompt("Secret figs", attachments=[picture]))
        await bob.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "Plums 🙂"))
        await ann.edit("main", lambda doc: doc.get("content", type=Text).insert(0, "Figs "))
        await bob.change(title="Fruit")
        await bob.wait(await bob.prompt("And again?"))


async def bundle_of(reader: Reader, room: str = "office", **given: Any) -> bytes:
    return (await described(reader, room, **given))[0]


async def described(reader: Reader, room: str = "office", **given: Any) -> tuple[bytes, Manifest]:
    parts: list[bytes] = []

    async def write(part: bytes) -> None:
        parts.append(part)

    manifest = await export(reader, room, write, **({"by": "root"} | given))
    return b"".join(parts), manifest


async def imported(store: Store, data: bytes, **given: Any) -> Imported:
    return await import_(store, io.BytesIO(data), **({"by": "eve", "now": NOW} | given))


async def lines(reader: Reader, room: str) -> list[bytes]:
    """The room's records as outsiders see them."""
    found: list[bytes] = []
    while page := await reader.read(room, len(found)):
        found += map(record_json, page)
    return found
