"""Who a stock tab says it is and whom it sees: y-protocols' awareness as the stock client does it, nothing better.

So it renews its state every 15 s under a newer clock, forgets who was silent for 30 s, repeats to the server whatever
it hears, and says again that it is there when somebody says that it is not. It forgets everybody when its socket ends.
"""

import json
from typing import Any

import trio
from plait.protocol.awareness import Entry, decode, encode

RENEW_S, OUTDATED_S = 15.0, 30.0


class Presence:
    """One tab's awareness. `client` is its document's id; `name` stands in its state, so that a mix-up shows."""

    def __init__(self, client: int, name: str) -> None:
        self.client = client
        self.seen: dict[int, dict[str, Any]] = {}
        """What everybody shows, ourselves included, by client id."""
        self._clocks: dict[int, int] = {client: 0}
        self._heard: dict[int, float] = {}
        self._mine: dict[str, Any] = {"tab": name, "at": 0}
        self.moved()

    def moved(self) -> bytes:
        """The cursor stands elsewhere: what is to be sent."""
        self._mine["at"] += 1
        return self._renewed()

    def _renewed(self) -> bytes:
        self._clocks[self.client] += 1
        self._heard[self.client] = trio.current_time()
        return self.mine()

    def mine(self) -> bytes:
        """What is sent first on a new socket."""
        self.seen[self.client] = dict(self._mine)
        return self._payload([self.client])

    def tick(self) -> list[bytes]:
        """Called every few seconds: what is to be sent."""
        now = trio.current_time()
        silent = [c for c in self.seen if c != self.client and now - self._heard[c] >= OUTDATED_S]
        for client in silent:
            del self.seen[client]
        said = [self._payload(silent)] if silent else []
        return [*said, self._renewed()] if now - self._heard[self.client] >= RENEW_S else said

    def take(self, payload: bytes) -> bytes | None:
        """Somebody said something: what is to be repeated to the server, if it was news."""
        changed = [entry.client for entry in decode(payload) if self._take(entry)]
        return self._payload(changed) if changed else None

    def _take(self, entry: Entry) -> bool:
        clock, state = self._clocks.get(entry.client, 0), json.loads(entry.state)
        gone = state is None and entry.clock == clock and entry.client in self.seen
        if not (clock < entry.clock or gone):
            return False
        self._clocks[entry.client] = entry.clock
        self._heard[entry.client] = trio.current_time()
        if state is None and entry.client == self.client:
            self._clocks[self.client] += 1
        elif state is None:
            self.seen.pop(entry.client, None)
        else:
            self.seen[entry.client] = state
        return True

    def alone(self) -> None:
        """The socket ended: nobody is seen any more."""
        self.seen = {self.client: self.seen[self.client]}

    def _payload(self, clients: list[int]) -> bytes:
        shown = [(client, self.seen.get(client)) for client in clients]
        return encode(Entry(client, self._clocks[client], json.dumps(state).encode()) for client, state in shown)
