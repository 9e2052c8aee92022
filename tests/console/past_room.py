"""A room with a past: three people, a demo agent with its tools and its colleague, a document that all wrote in.

It is what the debugger is looked at with, in tests and in pictures. All of it happened, in this process and quickly;
then a server is started on the store.
"""

import trio
from plait.protocol.commands import Answer, Approve, Deny
from plait.runtime import Agent, Runtime, demo_tools
from plait.runtime.models.demo import Demo
from plait.storage import open_store
from pycrdt import Text

ROOM = "release-1.2"
WORDS_PER_S = 2_000
LINES = (
    ("ada", "# Release 1.2\n\n"),
    ("noor", "The runtime survives `kill -9` in the middle of an answer.\n"),
    ("ada", "Every acked edit is on disk.\n"),
)
ASKED = (
    ("ada", "Make a plan for the release"),
    ("noor", "Please search for what survives a crash"),
    ("ada", "Let the researcher research it"),
    ("sam", "Show me a table of what is kept where"),
    ("noor", "Write our notes"),
    ("ada", "Send a mail to the team"),
    ("sam", "Send a mail to the press"),
    ("noor", "Ask me how to tell the team"),
    ("ada", "Show me some code"),
)


def _decision(run: str, step: str, asked: str) -> Approve | Deny | Answer:
    if "press" in asked:
        return Deny(id=f"deny-{run}", run=run, step=step, reason="Not before Thursday.")
    if asked.startswith("Ask"):
        return Answer(id=f"answer-{run}", run=run, step=step, answer={"tone": "plain", "days": 2, "everybody": True})
    return Approve(id=f"yes-{run}", run=run, step=step)


async def _live_through(url: str, rounds: int) -> None:
    searching = [each for each in demo_tools() if each.shows == "retrieval"]
    demo = Demo(WORDS_PER_S)
    agent = Agent("assistant", demo, tools=(*demo_tools(), Agent("researcher", demo, tools=searching)))
    async with open_store(url) as store, Runtime(store, [agent]) as runtime:
        room = runtime.room(ROOM)
        await room.by("ada").change(title="Release 1.2")
        for author, line in LINES:
            await room.by(author).edit("main", lambda doc, line=line: _append(doc.get("content", type=Text), line))
        for nth in range(rounds):
            for author, asked in ASKED:
                run = await room.by(author).prompt(asked)
                async for record in room.follow(int(run)):
                    kind = type(record.event).__name__
                    if kind in ("ApprovalRequested", "QuestionAsked"):
                        step = record.event.step  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
                        await room.by("noor").decide(_decision(record.run, step, asked))  # pyright: ignore[reportUnknownArgumentType]
                    if kind in ("RunFinished", "RunFailed", "RunStopped") and record.run == run:
                        break
                said = f"{author.capitalize()} has read that, in round {nth + 1}.\n"
                await room.by(author).edit("main", lambda doc, said=said: _append(doc.get("content", type=Text), said))


def _append(text: Text, line: str) -> None:
    text.insert(len(str(text).encode()), line)


def write_past(url: str, rounds: int = 1) -> None:
    """Write the room into the store at `url`; one round is some 300 records and takes about a second."""
    trio.run(_live_through, url, rounds)
