"""`GET /api/rooms/ROOM/view`: what each tab had been sent and had taken, from the journal of deliveries (`journal`)."""

from collections.abc import Mapping
from typing import Any

import trio

from ...protocol import names
from ...storage.deliveries import Deliveries
from ...storage.store import Reader
from ..replay.viewing import moment_of, shown, views, window


async def viewed(store: Reader, deliveries: Deliveries | None, room: str, query: Mapping[str, str]) -> dict[str, Any]:
    """The answer as JSON has it; nobody is known where no journal is kept. Raises Refused, StoreError."""
    record = await moment_of(store, room, names.moment(query.get("at", "")))

    def told() -> dict[str, Any]:
        known = [] if deliveries is None else deliveries.of(room, *window(record))
        return shown(views(known, record, query.get("tab", "")), record)

    return await trio.to_thread.run_sync(told)  # Of 20,000 rows: it takes longer than tabs should wait.
