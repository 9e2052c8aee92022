"""An agent edits in each editor while two people type in the same paragraph, in the editor's own shapes."""

import json
import os
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if os.environ.get("PLAIT_REQUIRE_ALL") != "1":
    pytest.importorskip("playwright", reason="Playwright is missing; to get it: uv sync --group dev")

from .editor import DOCUMENT, KINDS, Desk, Kind, type_together

if TYPE_CHECKING:
    from ..console.browser import Serving

BASE = "The fox jumps."
every_editor = pytest.mark.parametrize("kind", KINDS)
rich_editor = pytest.mark.parametrize("kind", KINDS[1:])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pages: str) -> Iterator["Serving"]:
    """A server with an agent that makes the calls which its prompt lists."""
    from ..console.browser import Serving

    agents = ["tests.end_to_end.scribe:scribe"]
    folder = tmp_path_factory.mktemp("served")
    serving = Serving(folder, "echo", agents=agents, arguments=["--allow-origin", pages])
    try:
        yield serving.start()
    finally:
        serving.end()


class Scribe:
    """The agent, as whoever prompts it sees it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked = 0

    def ask(self, *calls: tuple[str, dict[str, Any]]) -> str:
        """Have it make these calls in the document; its run."""
        self._asked += 1
        listed = [(name, {"document": DOCUMENT, **args}) for name, args in calls]
        body = {"id": f"ask-{self._asked}", "do": "prompt", "agent": "scribe", "text": json.dumps(listed)}
        url = f"{self._desk.server.url}/api/rooms/{self._desk.room}/commands"
        asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as answer:
            return json.load(answer)["ok"]["run"]

    def result(self, run: str) -> Any:
        """What the calls gave, once all are made."""
        last = self._events(run)[-1]
        assert last["type"] == "run-finished", last
        return json.loads(last["result"])

    def refusal(self, run: str) -> str:
        """What the call was told that was not carried out."""
        return next(event["message"] for event in self._events(run) if event["type"] == "tool-failed")

    def _events(self, run: str) -> list[dict[str, Any]]:
        """All that is in the log of the run, once it is over."""
        url = f"{self._desk.server.url}/api/rooms/{self._desk.room}/records?after=0&follow=1"
        events: list[dict[str, Any]] = []
        with urllib.request.urlopen(url, timeout=60) as answer:
            for line in answer:
                record = json.loads(line) if line.strip() else {}
                if record.get("run") == run:
                    events.append(record["event"])
                    if record["event"]["type"] in ("run-finished", "run-failed"):
                        return events
        raise AssertionError("the log ended before the run did")


@every_editor
def test_an_agent_types_between_two_people(desk: Desk, kind: Kind) -> None:
    """ED1, ED7, ET6: all three write in one line at once: every key and every word of the agent's is there, once.

    The second person types where the agent replaces, so the agent's `never ` may come amid what they type.
    """
    one, two = desk.open(kind, "Ada"), desk.open(kind, "Bo")
    one.put_caret(0)
    one.type(BASE)
    two.wait_text(BASE)
    one.put_caret(4)
    two.put_caret(8)
    words = [f"w{number} " for number in range(20)]
    begin = ("find_in_document", {"wanted": "jumps"})
    first = ("insert_text", {"new": words[0], "at": "$0.matches.0.start"})
    more = [("insert_text", {"new": word, "at": f"${number + 1}.end"}) for number, word in enumerate(words[1:])]
    scribe = Scribe(desk)
    run = scribe.ask(begin, first, *more, ("replace_text", {"old": "jumps.", "new": "never jumps!"}))
    type_together([one, two], ["quick and brown ", "runs and walks: "])
    scribe.result(run)
    text = desk.agree(one, two)
    assert text.startswith("The quick and brown fox ")
    assert text.endswith("jumps!")
    middle = text.removeprefix("The quick and brown fox ").removesuffix("jumps!")
    for word in (*words, "never "):
        assert middle.count(word) == 1
        middle = middle.replace(word, "", 1)
    assert middle == "runs and walks: "


@rich_editor
def test_an_editor_keeps_what_an_agent_inserts(desk: Desk, kind: Kind) -> None:
    """ED12, ED13, ET6: every kind of block and mark; the editors show it, type in it, and remove nothing of it."""
    one, two = desk.open(kind, "Ada"), desk.open(kind, "Bo")
    one.put_caret(0)
    one.type(BASE)
    two.wait_text(BASE)
    markdown = (
        "## Plan 🙂\n\nSome **bold** and `code` and a [link](https://example.org)\n\n- one\n- two\n1. first\n> said\n"
    )
    scribe = Scribe(desk)
    run = scribe.ask(
        ("find_in_document", {"wanted": "jumps"}),
        ("insert_blocks", {"markdown": f"{markdown}```python\nx = 1\n```\n---\nlast", "at": "$0.matches.0.start"}),
        ("insert_blocks", {"markdown": "- half", "at": "$1.blocks.2"}),
        ("delete_block", {"at": "$1.blocks.3"}),
        ("format_text", {"old": "half", "marks": {"italic": True, "underline": True}}),
        ("read_document", {}),
    )
    rows = scribe.result(run)[-1]["lines"]
    blocks = [(row["block"], row["text"]) for row in rows][:10]
    assert blocks == [
        ("", BASE),
        ("## ", "Plan 🙂"),
        ("", "Some bold and code and a link"),
        ("- ", "one"),
        ("- ", "half"),
        ("1. ", "first"),
        ("> ", "said"),
        ("```python", "x = 1"),
        ("---", ""),
        ("", "last"),
    ]
    one.wait("tab.text().includes('last')")
    one.put_caret(len(BASE))
    one.type(" Again")
    desk.agree(one, two)
    one.reload()
    two.put_caret(0)
    two.type("Yes. ")
    desk.agree(two, one)
    again = scribe.result(scribe.ask(("read_document", {})))[0]["lines"]
    assert [(row["block"], row["text"]) for row in again][:10] == [("", f"Yes. {BASE} Again"), *blocks[1:]]
    assert [row.get("marks") for row in again][:10] == [row.get("marks") for row in rows][:10]
