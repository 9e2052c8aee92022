"""The control channel and `follow`, over memory streams, with a room that answers when it is told to."""

import json
from typing import Any

import pytest
import trio
from plait.protocol import control, frames, limits
from plait.protocol.events import RunStarted
from plait.runtime.server.follow import Log, follow
from trio.testing import wait_all_tasks_blocked
from trio_websocket import WebSocketConnection

from .conftest import House
from .fake_rooms import FakeRoom, FakeStore, text_update


async def _say(socket: WebSocketConnection, **command: Any) -> None:
    await socket.send_message(json.dumps(command))


async def _hear(socket: WebSocketConnection) -> Any:
    """The next text frame as JSON, or the next binary one as bytes."""
    said = await socket.get_message()
    return json.loads(said) if isinstance(said, str) else said


async def _start(socket: WebSocketConnection) -> None:
    assert (await _hear(socket))[:2] == b"\x00\x00"


async def test_commands_are_answered(house: House) -> None:
    """SV20: ping at once; a prompt by the room; what is refused with its id; what is no command with none."""
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _start(socket)
        await _say(socket, id="a", do="ping")
        assert await _hear(socket) == {"id": "a", "ok": {}}
        await _say(socket, id="b", do="prompt", text="hello")
        assert await _hear(socket) == {"id": "b", "ok": {"seq": 1, "run": "000000000001"}}
        await _say(socket, id="c", do="stop")
        assert (await _hear(socket))["refused"]["code"] == "no-such-run"
        await _say(socket, id="d", do="dance")
        assert await _hear(socket) == {
            "id": "d",
            "refused": {"code": "unknown-command", "message": "No command of that name exists."},
        }
        await socket.send_message("[")
        assert (await _hear(socket))["refused"]["code"] == "bad-json"
        await socket.send_message('"' + "x" * limits.TEXT_FRAME_BYTES + '"')
        assert (await _hear(socket))["refused"]["code"] == "too-large"


async def test_too_many_commands(house: House) -> None:
    """SV20: COMMANDS_UNANSWERED may wait; one more is refused and the others are answered all the same."""
    room = house.rooms.room("r")
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _start(socket)
        room.held = True
        for number in range(limits.COMMANDS_UNANSWERED + 1):
            await _say(socket, id=str(number), do="prompt", text="x")
        refused = await _hear(socket)
        assert (refused["id"], refused["refused"]["code"]) == (str(limits.COMMANDS_UNANSWERED), "too-many")
        room.held = False
        room.publish()
        for number in range(limits.COMMANDS_UNANSWERED):
            assert (await _hear(socket))["ok"]["seq"] == number + 1
        await _say(socket, id="again", do="prompt", text="x")
        assert "ok" in await _hear(socket)


async def test_follow_and_then_live(house: House) -> None:
    """SV20, SV21: the head's seq, the records after the cursor, caught_up once, then each record as it is published."""
    room = house.rooms.room("r")
    for _ in range(3):
        room.log(RunStarted())
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _start(socket)
        await _say(socket, id="f", do="follow", after=1)
        assert await _hear(socket) == {"id": "f", "ok": {"seq": 3}}
        assert [(await _hear(socket))["record"]["seq"] for _ in range(2)] == [2, 3]
        assert await _hear(socket) == {"caught_up": 3}
        room.log(RunStarted())
        assert (await _hear(socket))["record"]["seq"] == 4
        room.log(RunStarted())
        assert (await _hear(socket))["record"]["seq"] == 5


async def test_follow_waits_for_step_2(house: House) -> None:
    """SV20: an answer with seq n follows the document bytes of every record up to n."""
    room = house.rooms.room("r")
    room.change(text_update("there"))
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _start(socket)
        room.held = True
        await socket.send_message(frames.step1(b"\x00"))
        await wait_all_tasks_blocked()
        # The frame after a step 1 is not read before the step is answered, so this one follows it.
        await _say(socket, id="f", do="follow")
        await wait_all_tasks_blocked()
        room.held = False
        room.publish()
        assert (await _hear(socket))[:2] == b"\x00\x01"
        assert await _hear(socket) == {"id": "f", "ok": {"seq": 1}}
        assert (await _hear(socket))["record"]["seq"] == 1
        assert await _hear(socket) == {"caught_up": 1}


async def test_a_second_follow_replaces_the_first(house: House) -> None:
    """SV23: both are answered, only the second one goes on."""
    room = house.rooms.room("r")
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _start(socket)
        await _say(socket, id="1", do="follow")
        assert await _hear(socket) == {"id": "1", "ok": {"seq": 0}}
        assert await _hear(socket) == {"caught_up": 0}
        room.log(RunStarted())
        assert (await _hear(socket))["record"]["seq"] == 1
        await _say(socket, id="2", do="follow", after=1)
        assert await _hear(socket) == {"id": "2", "ok": {"seq": 1}}
        assert await _hear(socket) == {"caught_up": 1}
        room.log(RunStarted())
        assert (await _hear(socket))["record"]["seq"] == 2
        await _say(socket, id="3", do="ping")
        assert await _hear(socket) == {"id": "3", "ok": {}}


async def test_followers_share_reads(house: House) -> None:
    """SV22: ten followers at the same place cost one read of the log for each page, not ten."""
    room = house.rooms.room("r")
    for _ in range(3):
        room.log(RunStarted())
    async with trio.open_nursery() as nursery:
        sockets = [await nursery.start(_follower, house, finished) for finished in [trio.Event() for _ in range(10)]]
        del sockets
        before = house.rooms.store.reads
        room.log(RunStarted())
        await wait_all_tasks_blocked()
        assert house.rooms.store.reads == before + 1
        nursery.cancel_scope.cancel()


async def _follower(house: House, finished: trio.Event, task_status: Any) -> None:
    async with house.socket("/rooms/r", "plait.v1") as socket:
        await _say(socket, id="f", do="follow")
        while await _hear(socket) != {"caught_up": 3}:
            pass
        task_status.started()
        await finished.wait()


class SlowTab:
    """A follower whose socket takes `window` records before it has to be cleared."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.taken = 0
        self.catch_ups = 0
        self.said: list[Any] = []
        self.may_clear = trio.Event()
        self.may_clear.set()

    @property
    def takes_more(self) -> bool:
        return self.taken < self.window

    async def cleared(self) -> None:
        await self.may_clear.wait()
        self.taken = 0

    def begin(self, head: int) -> None:
        self.said.append(("ok", head))

    def send_record(self, record: bytes) -> None:
        self.taken += 1
        self.said.append(json.loads(record)["record"]["seq"])

    def send_caught_up(self, seq: int) -> None:
        self.said.append(("caught_up", seq))


@pytest.fixture
def room() -> FakeRoom:
    return FakeRoom("r", FakeStore())


async def test_a_stalled_follower_reads_nothing(room: FakeRoom, nursery: trio.Nursery) -> None:
    """SV22: the cursor rests while the socket has something to flush, and then goes on where it was."""
    for _ in range(10):
        room.log(RunStarted())
    tab = SlowTab(window=3)
    tab.may_clear = trio.Event()
    nursery.start_soon(follow, Log(room.store, "r", control.record), room, tab, 0)  # type: ignore[arg-type]
    await wait_all_tasks_blocked()
    assert (tab.said, room.store.reads) == ([], 0)
    tab.may_clear.set()
    await wait_all_tasks_blocked()
    assert tab.said == [("ok", 10), *range(1, 11), ("caught_up", 10)]
    nursery.cancel_scope.cancel()


async def test_caught_up_again_after_a_merged_update(room: FakeRoom, nursery: trio.Nursery) -> None:
    """SV21: a tab that fell behind and was sent a merged update is told again when it has caught up."""
    room.log(RunStarted())
    tab = SlowTab(window=100)
    nursery.start_soon(follow, Log(room.store, "r", control.record), room, tab, 0)  # type: ignore[arg-type]
    await wait_all_tasks_blocked()
    assert tab.said == [("ok", 1), 1, ("caught_up", 1)]
    tab.may_clear = trio.Event()
    for _ in range(3):
        room.log(RunStarted())
    await wait_all_tasks_blocked()
    assert tab.said == [("ok", 1), 1, ("caught_up", 1)]
    tab.catch_ups += 1
    tab.may_clear.set()
    await wait_all_tasks_blocked()
    assert tab.said == [("ok", 1), 1, ("caught_up", 1), 2, 3, 4, ("caught_up", 4)]
    nursery.cancel_scope.cancel()


async def test_a_cursor_beyond_the_head(room: FakeRoom, nursery: trio.Nursery) -> None:
    """SV21: a cursor that is ahead of the log is told where the log ends, and waits."""
    room.log(RunStarted())
    tab = SlowTab(window=100)
    nursery.start_soon(follow, Log(room.store, "r", control.record), room, tab, 5)  # type: ignore[arg-type]
    await wait_all_tasks_blocked()
    assert tab.said == [("ok", 1), ("caught_up", 1)]
    nursery.cancel_scope.cancel()
