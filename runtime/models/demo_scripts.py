"""What the demo says: short Markdown scripts, chosen by a word in the prompt.

They are prose for visitors, so they stand apart from the code that plays them. A script shows something that is hard
to stream well (a table, a code block, many sections), and is true: it is also the first documentation that people read.
"""

import re

THINKING = (
    "The prompt has {count} words. I am a script, so I cannot really think, but this is where a model's reasoning "
    "would stream. Next I say hello and look at the clock if I have one."
)

BEFORE_CLOCK = (
    "Hello! I am plait's **scripted demo**: no key, no network, no model behind me. "
    "Let me call a real tool before I go on.\n"
)

WITHOUT_CLOCK = "Hello! I am plait's **scripted demo**: no key, no network, no model behind me, and no tool today.\n\n"

CLOCK_SAID = "The clock tool answered `{result}`, and that answer is in the log now.\n\n"

CLOCK_FAILED = "The clock tool failed (*{result}*), and I go on without it.\n\n"

_ABOUT = """\
## What you are looking at

Every word here was written to a **log** before you saw it, then into a **document** that all your tabs share.

- Open this page in a second tab: both show the same text, to the letter.
- Reload in the middle of an answer: it is there at once, and goes on.
- Kill the server with `kill -9` and start it again: nothing is lost and nothing is doubled.

```python
from plait.runtime import Agent, Runtime, tool

@tool(effect="read")
def weather(city: str) -> str:
    \"\"\"How the sky over a city looks.\"\"\"
    return f"clear over {city}"
```

Ask me for a *plan*, a *table*, some *code* or something *long*. For answers that nobody wrote beforehand, start with
`plait serve --model openai:NAME`.
"""

_PLAN = """\
## A plan for your first hour

1. **Look around.** Open the timeline: one line for each fact, in the order in which it happened.
2. **Break it.** Stop the server while I speak, then start it again.
   - The half answer stays in the log.
   - It leaves the page, and a fresh attempt streams into its own block.
3. **Write together.** Open a shared document in two tabs and type in both.
4. **Bring a model.** `pip install 'plait[openai]'`, set `OPENAI_API_KEY`, restart.
5. **Bring a tool.** Put `@tool` over a function that you already have.

> A plan is a log of the future; this one at least is short.
"""

_TABLE = """\
## Who keeps what

| strand | holds | survives a crash | where to look |
| --- | --- | :-: | --- |
| log | every fact, in order | yes | the timeline |
| document | what tabs show now | rebuilt from the log | the chat |
| socket | bytes on their way | no, and need not | your browser |

Tables arrive cell by cell, so a page that renders them must be patient with half a row.
"""

_CODE = """\
## Some code

```python
async def flow(run):
    while True:
        answer = await run.generate()
        if not answer.calls:
            return
        for call in answer.calls:
            await run.call(call)
```

That is an agent: ask the model, do what it asks for, until it asks for nothing. In TypeScript a tab is as short:

```ts
const room = new WebsocketProvider(url, name, new Y.Doc())
```
"""

_STRANDS = (
    ("The log", "It is append-only and numbered without a gap. What is not in it did not happen."),
    ("The document", "It is a projection: throw it away and it comes back, byte for byte, from the log."),
    ("The socket", "It carries differences. A slow tab misses some and then gets one merged update instead."),
    ("The run", "It is one agent's work on one prompt, and it ends exactly once: done, stopped or failed."),
    ("The tool", "Its intent is on disk before its body runs, so a crash is never mistaken for a refusal."),
    ("The person", "A stop, a yes and a no are facts like any other, and the first one in the log wins."),
)

_LONG = "## A long answer\n\nTime enough to reload, to stop me, or to open another tab.\n\n" + "\n\n".join(
    f"### {chapter}.{number} {title}\n\n{sentence} {note}"
    for chapter, note in enumerate(
        (
            "This is the first pass; it is said plainly.",
            "This is the second pass; *it is said again*, since nothing is learned at once.",
            "This is the third pass; `it is said for the record`, which is the whole idea.",
            "This is the last pass; **it ends here**, by its own word, and not because a socket closed.",
        ),
        start=1,
    )
    for number, (title, sentence) in enumerate(_STRANDS, start=1)
)

SCRIPTS = {"plan": _PLAN, "table": _TABLE, "code": _CODE, "long": _LONG + "\n"}
"""A word of the prompt -> what is said; the first word found in the prompt wins."""


def script_for(prompt: str) -> str:
    """The script that the prompt asks for, by its first known word; else what plait is."""
    for word in re.findall(r"[a-z]+", prompt.lower()):
        if word in SCRIPTS:
            return SCRIPTS[word]
    return _ABOUT
