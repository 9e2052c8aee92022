"""A client's commands over sockets that are cut at any moment: each happens once and each asker gets its answer."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plait.protocol import control, parsing
from plait.protocol.asking import Asking, Question
from plait.protocol.comeback import ComeBack
from plait.protocol.commands import Prompt
from plait.protocol.control import Done, Ok
from plait.protocol.errors import Refused
from plait.protocol.limits import COMMANDS_UNANSWERED, COMMANDS_WAITING


class World:
    """A client, a server that keeps law 5, and a socket between them that may be cut."""

    def __init__(self) -> None:
        self.asking = Asking()
        self.questions: list[Question] = []
        self.log: list[str] = []
        self.up: deque[str] = deque()
        self.down: deque[bytes] = deque()
        self.open = False

    def ask(self) -> None:
        self.questions.append(self.asking.ask(Prompt(id=str(len(self.questions)), text="Go")))

    def connect(self) -> None:
        if not self.open:
            self.open = True
            self.asking.connected()

    def cut(self) -> None:
        self.open = False
        self.up.clear()
        self.down.clear()
        self.asking.lost()

    def send(self) -> None:
        out = [str(text) for text in self.asking.outgoing()]
        assert self.open or not out
        self.up += out
        assert len(self.up) + len(self.down) <= COMMANDS_UNANSWERED

    def serve(self) -> None:
        if self.up:
            id_ = parsing.parse(self.up.popleft()).id
            if id_ not in self.log:
                self.log.append(id_)
            self.down.append(control.ok(id_, self.log.index(id_) + 1))

    def fail(self) -> None:
        """The commit may or may not have happened."""
        if self.up:
            id_ = parsing.parse(self.up.popleft()).id
            if id_ not in self.log and len(self.log) % 2:
                self.log.append(id_)
            self.down.append(control.unknown(id_))

    def hear(self) -> None:
        if self.down:
            try:
                self.asking.receive(self.down.popleft().decode())
            except ComeBack:
                self.cut()

    def repeat(self) -> None:
        """An answer that was given before comes again."""
        if self.open and self.log:
            self.down.appendleft(control.ok(self.log[0], 1))
            self.hear()


ACTIONS = ["ask", "connect", "cut", "send", "serve", "fail", "hear", "repeat"]


@given(st.lists(st.sampled_from([*ACTIONS, "send", "serve", "hear"]), max_size=150))
def test_every_command_happens_once(actions: list[str]) -> None:
    """CC1, CC2, CC3: whatever is cut, doubled or unknown, each command is in the log once and has its first answer."""
    world = World()
    for action in actions:
        getattr(world, action)()
    while world.asking.unanswered:
        world.connect()
        world.send()
        world.serve()
        world.hear()
    assert sorted(world.log) == sorted(question.command.id for question in world.questions)
    for question in world.questions:
        assert question.answer == Ok(id=question.command.id, ok=Done(world.log.index(question.command.id) + 1))


def test_so_many_are_under_way_and_in_order() -> None:
    """CC1: the rest waits for answers, and the order is that of asking."""
    asking = Asking()
    for n in range(COMMANDS_UNANSWERED + 2):
        asking.ask(Prompt(id=str(n), text="Go"))
    assert not asking.outgoing()
    asking.connected()
    first = asking.outgoing()
    assert [parsing.parse(text).id for text in first] == [str(n) for n in range(COMMANDS_UNANSWERED)]
    assert not asking.outgoing()
    asking.receive(control.refused("3", Refused("busy")).decode())
    assert [parsing.parse(text).id for text in asking.outgoing()] == [str(COMMANDS_UNANSWERED)]


def test_one_id_is_one_command() -> None:
    """CC4: asked twice it is one question; another body, or one that is too long, is never sent."""
    asking = Asking()
    question = asking.ask(Prompt(id="1", text="Go"))
    assert asking.ask(Prompt(id="1", text="Go")) is question
    for command, code in ((Prompt(id="1", text="Stay"), "id-reused"), (Prompt(id="2", text="x" * 70_000), "too-large")):
        with pytest.raises(Refused) as refused:
            asking.ask(command)
        assert refused.value.code == code
    asking.connected()
    assert len(asking.outgoing()) == 1


def test_so_many_wait() -> None:
    """CC4: a client without a server does not grow for ever."""
    asking = Asking()
    for n in range(COMMANDS_WAITING):
        asking.ask(Prompt(id=str(n), text="Go"))
    with pytest.raises(Refused, match="too-many"):
        asking.ask(Prompt(id="more", text="Go"))


def test_a_question_may_be_withdrawn_until_it_is_sent() -> None:
    """CC5: what nobody waits for is not sent later, out of the blue; what was sent cannot be taken back."""
    asking = Asking()
    two = asking.ask(Prompt(id="1", text="Go"))
    assert asking.ask(Prompt(id="1", text="Go")) is two
    assert not asking.withdraw(two)
    assert asking.withdraw(two)
    sent = asking.ask(Prompt(id="2", text="Go"))
    asking.connected()
    assert [parsing.parse(text).id for text in asking.outgoing()] == ["2"]
    asking.lost()
    assert not asking.withdraw(sent)
    asking.connected()
    assert len(asking.outgoing()) == 1
