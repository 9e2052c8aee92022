"""Carrier: runs the tools that a program has for a room elsewhere, as `protocol/carrying` says.

Rules (specs/client.md):

1. Each call runs in a task of its own, at most `TAB_CALLS` of them; what a tool raises is told to the model, as on a
   server, and ends nobody else's call.
2. Leaving the block claims nothing more, gives what runs `DRAIN_S`, cancels the rest, and unregisters within `CLOSE_S`.
   A block that is left by an exception or a cancellation cancels at once.
3. Of a body that was cancelled nothing is said but that it does not run any more: the room knows what that means.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from ...protocol import limits
from ...protocol.access import NOBODY
from ...protocol.carrying import Call, Carrying
from ...protocol.commands import ToolOffer
from ...protocol.errors import Refused
from ..tools.call import Call as CallAtWork
from ..tools.results import encode
from ..tools.tool import OutcomeNotKnown, Tool, ToolError
from .link import Link

log = logging.getLogger("plait.client")


def offers(tools: Sequence[Tool], lasting: bool) -> list[ToolOffer]:
    """How these tools are registered. Raises ValueError for tools that a tab cannot have."""
    names = [tool.schema.name for tool in tools]
    if len(set(names)) < len(names):
        raise ValueError(f"two tools have one name: {', '.join(names)}")
    for tool in tools:
        if tool.approval != "never" or tool.question is not None:
            raise ValueError(f"{tool.schema.name} asks a person first, which only a tool of an agent can")
    return [
        ToolOffer(tool.schema.name, tool.schema.description, tool.schema.parameters, tool.effect, lasting)
        for tool in tools
    ]


class Serving:
    """The tools of one block. `tab` is the name under which the room knows them."""

    def __init__(self, room: str, link: Link, carrying: Carrying, tools: Sequence[Tool]) -> None:
        self.tab = carrying.tab
        self._room = room
        self._link = link
        self._carrying = carrying
        self._tools = {tool.schema.name: tool for tool in tools}
        self._scopes: dict[Call, trio.CancelScope] = {}

    @property
    def busy(self) -> int:
        """How many calls are claimed, run or answered just now."""
        return self._carrying.busy

    @asynccontextmanager
    async def open(self) -> "AsyncIterator[Serving]":
        """The block in which the tools are the room's to call. Raises Refused if the room does not take them."""
        raised: Exception | None = None
        ended: Refused | None = None
        try:
            async with trio.open_nursery() as nursery:
                try:
                    await self._registered()
                    nursery.start_soon(self._run, nursery)
                    yield self
                    await self._finish()
                except Exception as error:  # A nursery would wrap it in a group, and `except` around us miss it.
                    raised = error
                nursery.cancel_scope.cancel()
            ended = self._carrying.error or self._link.error
        finally:
            await self._unregister()
        if raised is not None:
            raise raised
        if ended is not None:
            raise Refused(ended.code, ended.message)

    async def _registered(self) -> None:
        while not self._carrying.registered:
            await self._check()
            await self._link.changed()

    async def _check(self) -> None:
        await self._link.check_waiting()
        if self._carrying.error is not None:
            raise self._carrying.error

    async def _run(self, nursery: trio.Nursery) -> None:
        """Begin and cancel bodies until the block ends, or until nothing can be carried out any more."""
        while self._carrying.error is None and self._link.error is None:
            for call in self._carrying.to_begin():
                scope = self._scopes[call] = trio.CancelScope()
                nursery.start_soon(self._carry, call, scope)
            for call in self._carrying.to_cancel():
                if call in self._scopes:
                    self._scopes[call].cancel()
            await self._link.changed()
        nursery.cancel_scope.cancel()

    async def _carry(self, call: Call, scope: trio.CancelScope) -> None:
        outcome: tuple[Any, str] | None = None
        try:
            with scope:
                outcome = await self._outcome(call)
        finally:
            del self._scopes[call]
            if outcome is None:
                self._carrying.ended(call)
            else:
                self._carrying.returned(call, *outcome)
            self._link.wake()

    async def _outcome(self, call: Call) -> tuple[Any, str] | None:
        """What the model is told: a result, or an error; None if nobody can say."""
        tool = self._tools.get(call.name)
        if tool is None:
            return None, f"This tab has no tool {call.name}."
        try:
            # The same for every try at one call: an assignment that is made anew has another number only.
            key = f"{self._room}/{call.run}/{call.step}"
            at_work = CallAtWork(key, room=self._room, run=call.run, step=call.step, attempt=call.number, grant=NOBODY)
            result = msgspec.json.decode(encode(call.name, await tool.call(call.args, at_work)))
            if at_work.files:
                log.warning("room %s: %s attached files, which a tab's result has no place for", self._room, call.name)
        except ToolError as error:
            return None, _told(str(error))
        except OutcomeNotKnown as error:
            log.warning("room %s: the outcome of %s is not known: %s", self._room, call.name, error)
            return None if tool.effect == "write" else (None, _told(str(error)))
        except Exception as error:
            log.error("room %s: tool %s raised %s", self._room, call.name, type(error).__name__, exc_info=error)
            return None, f"The tool raised {type(error).__name__}."
        return result, ""

    async def _finish(self) -> None:
        """Claim nothing more, and give what runs some time to end and its results to be on disk."""
        self._carrying.pause()
        with trio.move_on_after(limits.DRAIN_S):
            while self._carrying.busy and self._link.error is None:
                await self._link.changed()

    async def _unregister(self) -> None:
        self._carrying.withdraw()
        self._link.wake()
        with trio.move_on_after(limits.CLOSE_S, shield=True):
            while not self._carrying.registered and self._link.status == "connected" and not self._carrying.error:
                await self._link.changed()
        self._link.remove(self._carrying)
        self._carrying.release()


def _told(text: str) -> str:
    """A sentence that fits, and that is not empty: that would be no error."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole[: limits.TOOL_TEXT_CHARS] or "The tool failed."
