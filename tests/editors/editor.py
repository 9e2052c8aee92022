"""An editor in a page, as a person uses it: keys go to the browser, and what is read is what the editor shows.

Two tabs type "at the same time" by turns, a key each, without waiting for anything in between: updates cross on their
way, because a commit takes longer than a key.
"""

import base64
import json
import urllib.request
from collections.abc import Sequence
from itertools import count
from typing import Any, Literal
from urllib.parse import urlencode
from xml.etree.ElementTree import canonicalize

import pycrdt
from plait.protocol.update import decode_state_vector
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as Late

from ..console.browser import Serving

Kind = Literal["codemirror", "tiptap", "blocknote", "monaco", "quill", "lexical"]
KINDS: tuple[Kind, ...] = ("codemirror", "tiptap", "blocknote")
MORE: tuple[Kind, ...] = ("monaco", "quill", "lexical")
"""Those of which it is only asked that people and agents can write in them together."""

CARETS: dict[Kind, str] = {
    "codemirror": ".cm-ySelectionCaret",
    "tiptap": ".collaboration-carets__caret",
    "blocknote": ".bn-collaboration-cursor__caret",
    "monaco": ".yRemoteSelectionHead",
    "quill": ".ql-cursor",
}
"""How each editor draws somebody else's cursor."""

ROOTS: dict[Kind, str] = {
    "codemirror": "content",
    "tiptap": "default",
    "blocknote": "document-store",
    "monaco": "content",
    "quill": "content",
    "lexical": "root",
}

PATIENCE_MS = 60_000
DOCUMENT = "notes"
_numbers = count(1)


class Editor:
    """One tab with one editor, in a browser profile of its own, so that it can be offline alone."""

    def __init__(self, browser: Browser, url: str, kind: Kind) -> None:
        self.kind: Kind = kind
        self.context = browser.new_context()
        self.faults: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(url)
        self.wait("tab.provider.synced")

    def ask(self, what: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self.page.evaluate(what)

    def wait(self, condition: str, given: Any = None) -> None:
        """Wait until a JavaScript expression is true; `given` is its argument."""
        self.page.wait_for_function(f"given => {condition}", arg=given)

    @property
    def text(self) -> str:
        """What the editor shows."""
        return self.ask("tab.text()")

    @property
    def update(self) -> bytes:
        """The whole document as the tab has it."""
        return base64.b64decode(self.ask("tab.update()"))

    @property
    def carets(self) -> Any:
        """Other people's cursors."""
        return self.page.locator(CARETS[self.kind])

    def reload(self) -> None:
        self.page.reload()
        self.wait("tab.provider.synced")

    def put_caret(self, at: int) -> None:
        """As a click into the first paragraph would, before that character."""
        self.page.evaluate("at => tab.putCaret(at)", at)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def undo_all(self, keys: int) -> None:
        """Ctrl-Z for each key that was typed, and once more: how many keys make one step is a matter of pauses."""
        for _ in range(keys + 1):
            self.page.keyboard.press("Control+z")

    def wait_text(self, text: str) -> None:
        try:
            self.wait("tab.text() === given", text)
        except Late as error:
            raise AssertionError(f"{self.kind} shows {self.text!r} and not {text!r}") from error

    def go_offline(self) -> None:
        """The network is gone: the socket ends, and no new one opens."""
        self.context.set_offline(True)
        self.ask("tab.provider.ws?.close()")
        self.wait("!tab.provider.wsconnected")

    def come_back(self) -> None:
        self.context.set_offline(False)
        self.wait("tab.provider.synced")

    def close(self) -> None:
        self.context.close()


class Desk:
    """A server, and the editors that are open on it."""

    def __init__(self, browser: Browser, pages: str, server: Serving) -> None:
        self.server = server
        self._browser = browser
        self._pages = pages
        self._open: list[Editor] = []
        self.room = f"desk-{next(_numbers)}"

    def open(self, kind: Kind, user: str) -> Editor:
        """An editor on the room's document `notes`, synced."""
        server = self.server.url.replace("http", "ws", 1)
        asked = urlencode({"server": server, "document": f"{self.room}/{DOCUMENT}", "user": user})
        self._open.append(Editor(self._browser, f"{self._pages}/{kind}.html?{asked}", kind))
        return self._open[-1]

    def records(self) -> list[dict[str, Any]]:
        """The room's whole log."""
        records: list[dict[str, Any]] = []
        while True:
            after = records[-1]["seq"] if records else 0
            with urllib.request.urlopen(f"{self.server.url}/api/rooms/{self.room}/records?after={after}") as answer:
                page = [json.loads(line) for line in answer.read().splitlines() if line]
            if not page:
                return records
            records += page

    def stored(self) -> "pycrdt.Doc[Any]":
        """The document that the log's stored updates make, without the server that keeps it in memory."""
        doc: pycrdt.Doc[Any] = pycrdt.Doc()
        for record in self.records():
            if record.get("document") == DOCUMENT and record["update"]:
                doc.apply_update(base64.b64decode(record["update"]))
        return doc

    def ask_agent(self, kind: Kind, name: str, **args: str) -> None:
        """Have the agent make a call on the editor's root; it works while we go on."""
        call = (name, {**args, "document": f"{DOCUMENT}#{ROOTS[kind]}"})
        command = {"id": f"ask-{next(_numbers)}", "do": "prompt", "agent": "scribe", "text": json.dumps([call])}
        url = f"{self.server.url}/api/rooms/{self.room}/commands"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(command).encode())) as answer:
            assert "ok" in json.load(answer)

    def clocks(self) -> dict[int, int]:
        """What the log holds of each client."""
        return decode_state_vector(self.stored().get_state())

    def agree(self, *editors: Editor) -> str:
        """All show one text, and each holds the very document that the log makes; gives the text. The first is the one
        that deleted last, because clocks do not tell of deletions."""
        for editor in editors:
            editor.wait("tab.provider.synced && tab.acked() >= tab.clock()")
        # The log, and not the editors alone: what an agent wrote last may still be on its way to a page.
        clocks = {str(client): clock for client, clock in self.clocks().items()}
        for editor in editors:
            editor.wait("tab.holds(given)", clocks)
        text = editors[0].text
        for editor in editors[1:]:
            editor.wait_text(text)
        stored = self.stored()
        for editor in editors:
            shown: pycrdt.Doc[Any] = pycrdt.Doc()
            shown.apply_update(editor.update)
            assert decode_state_vector(shown.get_state()) == decode_state_vector(stored.get_state()), self.room
            one, other = roots(shown, editor.kind), roots(stored, editor.kind)
            assert one == other, f"{one!r} is not {other!r}"
        return text

    def close(self) -> None:
        faults = [fault for editor in self._open for fault in editor.faults]
        for editor in self._open:
            editor.close()
        assert not faults


def roots(doc: "pycrdt.Doc[Any]", kind: Kind) -> str:
    """What stands under the editor's root; of XML, with attributes in one order, since a map has none."""
    if kind in ("codemirror", "monaco", "quill"):
        return str(doc.get(ROOTS[kind], type=pycrdt.Text))
    if kind == "lexical":  # Its root is an XmlText, whose blocks are embedded in it.
        blocks = doc.get(ROOTS[kind], type=pycrdt.Text).diff()
        return "\n".join(str(block) for block, _ in blocks)
    fragment = doc.get(ROOTS[kind], type=pycrdt.XmlFragment)
    return canonicalize(f"<root>{fragment}</root>")


def type_together(editors: Sequence[Editor], texts: Sequence[str]) -> None:
    """Everybody types their text, a key each by turns."""
    for keys in zip(*texts, strict=True):
        for editor, key in zip(editors, keys, strict=True):
            editor.type(key)


__all__ = ["KINDS", "MORE", "Desk", "Editor", "Kind", "expect", "roots", "type_together"]
