"""Asking: a client's side of the control channel, without a socket: which commands wait, and what is to be sent now.

Why: law 5 lets a client ask again under the same id without doubling anything, so all that a reconnecting client needs
is to remember what was not answered. Rules (specs/client.md):

- A command waits from `ask` to its answer, over any number of sockets, and is sent once on each.
- At most `COMMANDS_UNANSWERED` are under way on a socket, in the order in which they were asked.
- `unknown` is no answer: it ends the socket, and the command is asked again, under its id, after a pause.
- One id is one command: the same asked twice is one question with one answer, another body is refused here already.
- A client that has tools (`protocol/carrying`) says so first on each socket; nothing else is asked there before that is
  answered, because a claim, a result and a prompt mean something else from a socket without tools.
"""

import msgspec

from . import commands, control, parsing
from .comeback import ComeBack
from .control import Denied, Ok, Unknown
from .errors import Refused
from .limits import COMMANDS_UNANSWERED, COMMANDS_WAITING


class Question:
    """One command and its answer, once there is one. `sent`: whether any socket so far has carried it."""

    __slots__ = ("answer", "askers", "command", "sent", "text")

    def __init__(self, command: commands.Asked | commands.Forking, text: str) -> None:
        self.command = command
        self.text = text
        self.sent = False
        self.askers = 0
        self.answer: Ok | Denied | None = None


class Asking:
    """The commands of one client in one room."""

    ready = True
    """Answers are small and wanted: there is always room for more."""

    def __init__(self) -> None:
        self._waiting: dict[str, Question] = {}
        self._under_way: set[str] = set()
        self._open = False
        self.tools_first = False
        """Whether this client has tools and its socket does not say so yet: only that is asked now."""

    @property
    def unanswered(self) -> int:
        """How many commands wait for their answers."""
        return len(self._waiting)

    def ask(self, command: commands.Asked | commands.Forking) -> Question:
        """Have it asked. Raises Refused for what the server would refuse unread, 'id-reused', 'too-many'.

        What belongs to tools is never too many: a client has a bounded number of calls, and each has one command.
        """
        text = msgspec.json.encode(command).decode()
        parsing.parse(text)
        known = self._waiting.get(command.id)
        if known is not None:
            if parsing.digest(known.command) != parsing.digest(command):
                raise Refused("id-reused")
            known.askers += 1
            return known
        if len(self._waiting) >= COMMANDS_WAITING and not isinstance(command, commands.OfTab):
            raise Refused("too-many", f"{COMMANDS_WAITING} commands wait for the server already.")
        question = self._waiting[command.id] = Question(command, text)
        question.askers = 1
        return question

    def withdraw(self, question: Question) -> bool:
        """One asker waits no longer. If none is left the question is forgotten (True), unless it was sent already:
        that cannot be taken back."""
        question.askers -= 1
        if question.askers or question.sent or question.answer is not None:
            return False
        return self._waiting.pop(question.command.id, None) is not None

    def forget(self, question: Question) -> None:
        """Never send it again: it meant its socket, or nobody may act on its answer any more."""
        self._waiting.pop(question.command.id, None)

    def connected(self) -> None:
        """There is a new socket: whatever waits is to be asked on it."""
        self._open = True
        self._under_way.clear()

    def lost(self) -> None:
        """The socket is gone."""
        self._open = False

    def outgoing(self) -> list[str | bytes]:
        """The frames to send now; each is given once for each socket."""
        out: list[str | bytes] = []
        if not self._open or len(self._under_way) >= COMMANDS_UNANSWERED:
            return out
        for id_, question in self._waiting.items():
            if id_ in self._under_way or (
                self.tools_first and not isinstance(question.command, commands.RegisterTools)
            ):
                continue
            self._under_way.add(id_)
            question.sent = True
            out.append(question.text)
            if len(self._under_way) >= COMMANDS_UNANSWERED:
                break
        return out

    def receive(self, message: str | bytes) -> None:
        """What the server said. Raises Refused for what is no frame, ComeBack where the same socket would not help."""
        if isinstance(message, bytes):
            return
        match control.read(message):
            case Ok(id=id_) | Denied(id=str(id_)) as answer:
                self._under_way.discard(id_)
                question = self._waiting.pop(id_, None)
                if question is not None:
                    question.answer = answer
            case Unknown(id=id_) if id_ in self._waiting:
                raise ComeBack("The server does not know whether a command happened; it is asked again.")
            case _:
                pass
