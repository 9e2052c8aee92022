"""Cleaning before writing: a host's own function, and the process's secrets, on each text before it is in a record.

A room draws up a record, writes it down and only then shows it (`room`), so what was cleaned before the record was
drawn up is nowhere: not in the log, in no document, in no later request to a model. Rules (specs/secrets.md):

- The function is a plain one from text to text, the same for the same. Where it raises, or gives what is no text, the
  words are gone: `[redaction failed]` stands there; a command is refused, because whoever asked can ask again.
- Of a stream the end is held back: as much as a known secret might begin with or, with a function, `REDACT_TAIL_CHARS`.
  What is shown is cut where the function makes of both pieces what it makes of the whole.
"""

import logging
from collections.abc import Callable

from msgspec import structs

from ...protocol import limits
from ...protocol.commands import Asked
from ...protocol.errors import Refused
from ...protocol.events import DocumentEdited, Event
from ...protocol.redaction import Alike, clean_command, clean_event, clean_json
from .. import masking

log = logging.getLogger("plait.room")

Redact = Callable[[str], str]
FAILED = "[redaction failed]"


class RedactionFailed(Exception):
    """The host's function could not clean a text; says nothing of which."""


class Redactor:
    """What cleans the texts of a process. Without a function of the host's own only known secrets are masked."""

    def __init__(self, redact: Redact | None = None) -> None:
        self._redact = redact

    @property
    def asks(self) -> bool:
        """Whether there is a function of the host's own: then nothing may be shown that it has not seen whole."""
        return self._redact is not None

    def _clean(self, text: str) -> str:
        masked = masking.mask(text)
        if self._redact is None:
            return masked
        try:
            cleaned = self._redact(masked)
        except Exception as error:
            # Its name and not its text or its traceback, which may hold what was to be kept out.
            log.error("the function that redacts raised %s", type(error).__name__)
            raise RedactionFailed from None
        if not isinstance(cleaned, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it is somebody else's
            log.error("the function that redacts gave a %s and not a text", type(cleaned).__name__)
            raise RedactionFailed
        return cleaned

    def text(self, text: str) -> str:
        """The text as it may be written down."""
        try:
            return self._clean(text)
        except RedactionFailed:
            return FAILED

    def json(self, text: str) -> str:
        """JSON text as it may be written down."""
        try:
            return clean_json(text, self._clean)
        except RedactionFailed:  # All of it: what is half cleaned is nobody's arguments.
            return f'"{FAILED}"'

    def event(self, event: Event) -> Event:
        """The fact as it may be written down."""
        if isinstance(event, DocumentEdited) and event.result:
            # What an edit gave quotes its document. Its anchors are no words, so a host's function is not asked.
            return structs.replace(event, result=clean_json(event.result, masking.mask))
        return clean_event(event, self)

    def command(self, command: Asked) -> Asked:
        """The command as it may be judged. Raises Refused('redaction-failed')."""
        try:
            return clean_command(command, Alike(self._clean))
        except RedactionFailed:
            raise Refused("redaction-failed") from None

    def shown(self, text: str) -> int:
        """How many characters of a stream's text so far may be cleaned and shown; the rest waits for more."""
        if self._redact is None:
            return len(text) - masking.unfinished(text)
        whole, cut = self.text(text), len(text) - limits.REDACT_TAIL_CHARS
        for _ in range(_TRIES):
            if cut <= 0:
                return 0
            if self.text(text[:cut]) + self.text(text[cut:]) == whole:
                return cut
            cut = max(text.rfind(" ", 0, cut), text.rfind("\n", 0, cut))
        return 0


_TRIES = 8
"""So many places are tried where a stream's text might be cut; if each would cut something in two, it waits."""
