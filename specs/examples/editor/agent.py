"""An agent that writes in the editor while people do: a paragraph at the end of the text, a few words at a time.

It is scripted, so that it needs no key. With a model it is `Agent("cowriter", "openai:…", tools=[*TOOLS])` and no flow:
the model is then offered the same tools, and decides itself what to write where.
"""

from datetime import timedelta

from plait.runtime import Agent, FlowRun, document_tools, flow

TOOLS = document_tools("main#default")
"""Tiptap keeps its text under the root `default`."""

PACE = timedelta(milliseconds=150)

TEXT = """\
Whatever you type meanwhile stays where it is, and so does your cursor: these words stick to each other and not to a
line or a column. Every few of them are a record of the log, on disk before you saw them.
"""


@flow
async def cowriting(run: FlowRun) -> str:
    """A heading of what was asked, and a paragraph under it."""
    await run.call("insert_blocks", markdown=f"## {run.prompt.strip().splitlines()[0]}\n\nHere I write beside you.")
    at, text = "end", TEXT.split()
    for start in range(0, len(text), 3):
        words = " " + " ".join(text[start : start + 3])
        written = await run.call("insert_text", new=words, at=at)
        at = written.value["end"]
        await run.sleep_until(await run.now() + PACE)
    return f"{len(text)} words"


cowriter = Agent("cowriter", "echo", tools=[*TOOLS], flow=cowriting)
