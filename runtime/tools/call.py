"""A call at work, as the tool's body sees it: what it belongs to, how far it is, what it shows, what it attaches.

A parameter annotated `Call` gets one; the model never sees it. Nothing but documents and drafts waits: a body, async
or in a thread, says what it has to say and goes on, and the step that runs it carries that to the room. So a body can
also be tried alone: `Call("a key")` keeps what was said, and nobody hears it. Rules (specs/tools.md):

- What is shown is for people. What is attached is for people and for the model, with the call's result.
- Progress is a state and not a stream: only the newest counts, and the last one always does.
- After the body's end, or its deadline, whatever a thread still says is dropped.
"""

import hashlib
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from ...protocol import limits
from ...protocol.access import ANONYMOUS, Grant
from ...protocol.errors import Refused
from ...protocol.events import Attachment, Came
from ...protocol.media import media_type as plain_type
from .document import Alone, Desk, Document, named, told
from .failures import ToolError

log = logging.getLogger("plait.tools")


class Source(Struct, frozen=True):
    """Something that an answer stands on: where it is (empty for what is not on the web), what it is called, what it
    says."""

    url: str
    title: str
    excerpt: str = ""


class Data(Struct, frozen=True):
    """Something of the host's own, which its page renders by `name`; `value` is anything that JSON can say."""

    name: str
    value: Any


class File(Struct, frozen=True):
    """A file: its bytes, what they are (`image/png`), and what it is called."""

    data: bytes | bytearray | memoryview
    media_type: str
    name: str = ""


class Kept(Struct, frozen=True):
    """A file on its way into the store, under the name that it will have there."""

    file: Attachment
    data: bytes


Shown = Source | Data | Kept
"""What a body has shown, in order."""


class Progress(Struct, frozen=True):
    """How far a body is: in words, and from 0 to 1 if it knows."""

    text: str = ""
    done: float | None = None


class Call:
    """One attempt at a call. `key` is the same for every attempt and different for every other call."""

    def __init__(
        self,
        key: str = "",
        *,
        room: str = "",
        run: str = "",
        step: str = "",
        attempt: int = 1,
        desk: Desk | None = None,
        came: Came | None = None,
        grant: Grant = ANONYMOUS,
    ) -> None:
        self.key = key
        self.room = room
        self.run = run
        self.step = step
        self.attempt = attempt
        self.grant = grant
        """What the run was asked for under: who for, in which rooms and documents, with which rights. A tool that
        reaches further than the room's documents holds what it is asked for against this."""
        self.latest: Progress | None = None
        """The newest progress that nobody has taken down yet."""
        self.shown: deque[Shown] = deque()
        """What nobody has taken down yet, oldest first."""
        self.files: list[Attachment] = []
        """What was attached."""
        self.heard: Callable[[], None] = _nobody
        """Called, from any thread, after something was said."""
        self.came = came
        """What was written of the call's text while its arguments streamed, if it is a `WritingTool`'s."""
        self._desk = desk or Alone()
        self._edits = 0
        self._drafts = 0
        self._over = False
        self._parts = 0
        self._bytes = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<call {self.run}/{self.step}#{self.attempt}>"

    def document(self, name: str = "main") -> Document:
        """A shared document of the call's room, to read and to edit. Raises ToolError if that is no name for one."""
        return Document(named(name), self._desk, self._next_edit)

    async def draft(self, name: str = "main", *, title: str = "") -> Document:
        """A draft of a shared document, to edit instead of it: people accept or reject what differs. The nth draft of a
        call is the same one in each of its attempts. Raises ToolError."""
        self._drafts += 1
        draft = await told(self._desk.draft(named(name), title, self._drafts - 1))
        return Document(draft, self._desk, self._next_edit)

    async def proposal(self, name: str = "main") -> Document:
        """The run's own draft of a shared document: one for all of its calls, opened by the first one that asks, and
        another one once people have closed it. Raises ToolError."""
        draft = await told(self._desk.draft(named(name), "", None))
        return Document(draft, self._desk, self._next_edit)

    def progress(self, text: str = "", done: float | None = None) -> None:
        """Say how far it is; call it as often as you like. `done` goes from 0 to 1."""
        if done is not None:
            done = None if math.isnan(done) else min(max(float(done), 0.0), 1.0)
        with self._lock:
            if self._over:
                return
            self.latest = Progress(text[: limits.TOOL_PROGRESS_CHARS], done)
        self.heard()

    def show(self, shown: Source | Data | File) -> None:
        """Show people something, where it came up. Beyond `TOOL_PARTS` it is left out. Raises ToolError for a file or
        a value that is too large."""
        match shown:
            case File():
                self._say(self._keep(shown))
            case Data():
                self._say(Data(shown.name, _as_it_is(shown)))
            case Source():
                self._say(Source(shown.url, shown.title, shown.excerpt[: limits.EXCERPT_CHARS]))

    def attach(self, data: bytes | bytearray | memoryview, media_type: str, name: str = "") -> str:
        """Give a file with the result: people see it, and models that take such files are shown it. Its hash.

        Raises ToolError for a file that is too large or one too many; ValueError if `media_type` is none.
        """
        kept = self._keep(File(data, media_type, name))
        with self._lock:
            if len(self.files) >= limits.TOOL_FILES:
                raise ToolError(f"one call may attach {limits.TOOL_FILES} files, and this is one more")
            if not self._over:
                self.files.append(kept.file)
        self._say(kept)
        return kept.file.blob

    def end(self) -> None:
        """The body has ended; nothing that is said from now on counts."""
        with self._lock:
            self._over = True

    def _next_edit(self) -> int:
        self._edits += 1
        return self._edits - 1

    def _keep(self, file: File) -> Kept:
        if len(file.data) > limits.BLOB_BYTES:
            raise ToolError(f"a file may have {limits.BLOB_BYTES} bytes, and {file.name or 'this one'} has more")
        try:
            kind = plain_type(file.media_type)
        except Refused as refused:
            raise ValueError(refused.message) from None
        data = bytes(file.data)
        with self._lock:
            if self._bytes + len(data) > limits.TOOL_FILES_BYTES:
                raise ToolError(f"one call's files may have {limits.TOOL_FILES_BYTES} bytes together")
            self._bytes += len(data)
        name = file.name[: limits.FILE_NAME_CHARS]
        return Kept(Attachment(hashlib.sha256(data).hexdigest(), kind, name, len(data)), data)

    def _say(self, shown: Shown) -> None:
        with self._lock:
            self._parts += 1
            if self._over or self._parts > limits.TOOL_PARTS:
                if self._parts == limits.TOOL_PARTS + 1:
                    log.warning("%r shows more than %d parts; the rest is left out", self, limits.TOOL_PARTS)
                return
            self.shown.append(shown)
        self.heard()


def _as_it_is(data: Data) -> Any:
    """The value as JSON says it now; the body may go on changing what it gave."""
    try:
        text = msgspec.json.encode(data.value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError(f"the data {data.name} is not JSON: {error}") from error
    if len(text) > limits.DATA_BYTES:
        raise ToolError(f"shown data may have {limits.DATA_BYTES} bytes of JSON, and {data.name} has {len(text)}")
    return msgspec.json.decode(text)


def _nobody() -> None:
    pass
