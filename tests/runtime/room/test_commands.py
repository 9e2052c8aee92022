"""Commands in a room: once, for the life of the log."""

import pytest
from plait.protocol import limits
from plait.protocol.access import ANONYMOUS, Grant
from plait.protocol.commands import Prompt, Stop
from plait.protocol.errors import Refused
from plait.protocol.events import StopRequested
from plait.storage.memory import MemoryStore

from .scene import rooms


async def test_a_repeated_id_gets_its_first_answer_for_ever() -> None:
    """RM10, RM11: also in another process; with another body it is refused."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        first = await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        await room.ask(ANONYMOUS, Prompt(id="q", text="later"))
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        again = await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))
        assert (again.seq, again.run) == (first.seq, first.run)
        with pytest.raises(Refused) as reused:
            await room.ask(ANONYMOUS, Prompt(id="p", text="other"))
        assert reused.value.code == "id-reused"


async def test_a_refusal_is_not_remembered() -> None:
    """RM11, RM12: the id of a refused command is free."""
    async with rooms(MemoryStore()) as all_rooms, all_rooms.use("r") as room:
        with pytest.raises(Refused) as refused:
            await room.ask(ANONYMOUS, Prompt(id="p", text="hi", agent="nobody"))
        assert refused.value.code == "no-such-agent"
        with pytest.raises(Refused) as too_large:
            await room.ask(ANONYMOUS, Prompt(id="p", text="x" * (limits.PROMPT_BYTES + 1)))
        assert too_large.value.code == "too-large"
        assert (await room.ask(ANONYMOUS, Prompt(id="p", text="hi", agent="assistant"))).seq == 1


async def test_a_stop_is_a_record_whatever_it_finds() -> None:
    """RM13: nothing open, a finished run, an unknown one."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        assert (await room.ask(ANONYMOUS, Stop(id="s1"))).seq == 1
        run = (await room.ask(ANONYMOUS, Prompt(id="p", text="hi"))).run
        await room.ask(ANONYMOUS, Stop(id="s2", run=run))
        again = await room.ask(ANONYMOUS, Stop(id="s3", run=run))
        assert isinstance((await store.read("r", again.seq - 1, 1))[0].event, StopRequested)
        assert sum(type(record.event).__name__ == "RunStopped" for record in await store.read("r")) == 1
        with pytest.raises(Refused) as unknown:
            await room.ask(ANONYMOUS, Stop(id="s4", run="000000009999"))
        assert unknown.value.code == "no-such-run"


async def test_reading_does_not_allow_writing() -> None:
    """RM14: a grant without the right asks for nothing that changes the log."""
    store = MemoryStore()
    async with rooms(store) as all_rooms, all_rooms.use("r") as room:
        for command in (Prompt(id="p", text="hi"), Stop(id="s")):
            with pytest.raises(Refused) as refused:
                await room.ask(Grant(author="guest", prompt=False), command)
            assert refused.value.code == "not-allowed"
    assert (await store.head("r")).seq == 0
