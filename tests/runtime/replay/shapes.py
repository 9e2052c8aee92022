"""Another shape of the room document, as some later day's code might write it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from plait.protocol import shape
from plait.protocol.document import RoomDocument


@contextmanager
def later(version: int = 2) -> Iterator[None]:
    """Within the block, code of that version is at work: it calls a run's prompt `asked`, and says the room's title
    twice."""
    with pytest.MonkeyPatch.context() as patch:
        wrote = RoomDocument._write  # pyright: ignore[reportPrivateUsage]

        def write(self: RoomDocument, run: str, author: str, time: int, event: Any) -> None:
            wrote(self, run, author, time, event)
            runs, room = self._runs, self._room  # pyright: ignore[reportPrivateUsage]
            if run in runs and "prompt" in runs[run]:
                runs[run]["asked"] = runs[run]["prompt"]
                del runs[run]["prompt"]
            if type(event).__name__ == "RoomChanged" and event.title is not None:
                room["later"] = f"later: {event.title}"

        patch.setattr(RoomDocument, "_write", write)
        patch.setattr(shape, "SHAPE", version)
        yield


@contextmanager
def hiding() -> Iterator[None]:
    """Within the block, code is at work that shows no run which ended: whoever shows them copies whole answers."""
    with pytest.MonkeyPatch.context() as patch:
        ended = RoomDocument._end  # pyright: ignore[reportPrivateUsage]

        def end(self: RoomDocument, shown: Any, run: str, status: str, time: int) -> None:
            ended(self, shown, run, status, time)
            del self._runs[run]  # pyright: ignore[reportPrivateUsage]

        patch.setattr(RoomDocument, "_end", end)
        yield
