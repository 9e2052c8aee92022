"""A follower over sockets that are cut at any moment: every record once and in order."""

from collections import deque

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import commands, control, parsing
from plait.protocol.comeback import ComeBack
from plait.protocol.errors import Refused
from plait.protocol.events import Record, RunRequested
from plait.protocol.following import Following
from plait.protocol.limits import FOLLOW_RECORDS


def record(seq: int) -> Record:
    return Record(seq, seq, "ann", f"{seq:012d}", 1, RunRequested("parrot", str(seq)))


class World:
    """A log that grows, its server, and a follower that takes when it likes."""

    def __init__(self, after: int) -> None:
        self.following = Following(after)
        self.head = after
        self.sent = self.goal = after
        self.told = False
        self.down: deque[bytes] = deque()
        self.open = False
        self.taken: list[Record] = []

    def grow(self) -> None:
        self.head += 1

    def connect(self) -> None:
        self.cut()
        self.open = True
        self.following.connected()
        (asked,) = self.following.outgoing()
        command = parsing.parse(asked)
        assert isinstance(command, commands.Follow)
        self.sent, self.goal, self.told = command.after, self.head, False
        self.down.append(control.ok(command.id, self.head))

    def cut(self) -> None:
        self.open = False
        self.down.clear()
        self.following.lost()

    def serve(self) -> None:
        if self.open and self.sent < self.head:
            self.sent += 1
            self.down.append(control.record(record(self.sent)))
        if self.open and not self.told and self.sent >= self.goal:
            self.told = True
            self.down.append(control.caught_up(self.sent))

    def double(self) -> None:
        """A record that was sent before comes again."""
        if self.open and self.sent:
            self.down.append(control.record(record(self.sent)))

    def hear(self) -> None:
        if self.down and self.following.ready:
            self.following.receive(self.down.popleft().decode())

    def take(self) -> None:
        if (taken := self.following.take()) is not None:
            self.taken.append(taken)


@given(
    st.integers(0, 3),
    st.lists(st.sampled_from(["grow", "connect", "cut", "serve", "serve", "double", "hear", "hear", "take"])),
)
def test_every_record_once_and_in_order(after: int, actions: list[str]) -> None:
    """CC6: no cut leaves a gap, no repetition a double, and whoever was told to have caught up has everything."""
    world = World(after)
    for action in actions:
        getattr(world, action)()
        assert not world.following.caught_up or len(world.taken) >= world.goal - after
    world.connect()
    while not world.following.caught_up or len(world.taken) < world.head - after:
        world.serve()
        world.hear()
        world.take()
    assert world.taken == [record(seq) for seq in range(after + 1, world.head + 1)]


def test_so_many_are_read_ahead() -> None:
    """CC7: beyond that there is no room until somebody takes."""
    following = Following()
    for seq in range(1, FOLLOW_RECORDS + 1):
        assert following.ready
        following.receive(control.record(record(seq)).decode())
    assert not following.ready
    following.take()
    assert following.ready


def test_a_gap_ends_the_socket() -> None:
    """CC8: what is between is asked for on the next one."""
    following = Following(4)
    with pytest.raises(ComeBack):
        following.receive(control.record(record(6)).decode())
    following.lost()
    following.connected()
    assert msgspec.json.decode(following.outgoing()[0])["after"] == 4


def test_a_shorter_log_is_another() -> None:
    """CC8: a store that was restored or deleted is not gone on with."""
    following = Following(9)
    with pytest.raises(Refused, match="lineage-changed"):
        following.receive(control.ok("follow", 8).decode())


def test_a_refusal_ends_the_follower() -> None:
    """CC8: the server's reason is the caller's."""
    with pytest.raises(Refused, match="not-allowed: No"):
        Following().receive(control.refused("follow", Refused("not-allowed", "No.")).decode())
