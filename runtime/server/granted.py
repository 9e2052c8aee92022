"""An answer over HTTP that goes on for as long as its grant is good.

Somebody follows a room's log, or waits for a record of some kind, and the grant runs out or is revoked. The status was
sent long ago, so the body breaks off, as no whole one does, and the client asks again with what grant it has then.
Rules stand in specs/access.md.
"""

from collections.abc import Awaitable, Callable

import trio

from ...protocol.access import Grant
from ...protocol.errors import Refused
from ..auth.gate import Gate
from ..auth.held import Held
from .exchange import Send


async def while_granted(
    gate: Gate, grant: Grant, room: str, work: Callable[[Send], Awaitable[None]], send: Send
) -> None:
    """Let `work` send for as long as the gate lets that grant into the room. Raises trio.BrokenResourceError after."""

    async def none(_token: str) -> Grant:
        raise Refused("bad-request")

    held = Held(gate, grant, room, none)
    over: list[Refused] = []
    async with trio.open_nursery() as nursery:

        def end(refused: Refused) -> None:
            over.append(refused)
            nursery.cancel_scope.cancel()

        held.end = end
        with gate.holding(held):
            nursery.start_soon(held.watch)
            await work(send)
            nursery.cancel_scope.cancel()
    if over:
        raise trio.BrokenResourceError(over[0].code)
