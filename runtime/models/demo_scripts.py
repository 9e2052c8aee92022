"""What the demo says and which tool it calls: short Markdown scripts, chosen by a word in the prompt.

They are prose for visitors, so they stand apart from the code that plays them. A script shows something that is hard
to stream well (a table, a code block, many sections), and is true: it is also the first documentation that people read.
"""

import re

from msgspec import Struct

THINKING = (
    "The prompt has {count} words. I am a script, so I cannot really think, but this is where a model's reasoning "
    "would stream. Next I say hello and call a tool if I have one."
)

WITHOUT_TOOL = "Hello! I am plait's **scripted demo**: no key, no network, no model behind me, and no tool today.\n\n"


FILES = (
    "I see {files}. I am a script, so name and size are all that I see of it; a model that takes such files would be "
    "shown what is inside.\n\n"
)


class Scene(Struct, frozen=True):
    """One call: what is said before it, its arguments as JSON text, and what is said about its `{result}`, or about
    what it `{told}` in words. What its tool wants beside these arguments is made up when it is called."""

    tool: str
    before: str
    args: str
    after: str
    failed: str


CLOCK = Scene(
    "clock",
    "Hello! I am plait's **scripted demo**: no key, no network, no model behind me. "
    "Let me call a real tool before I go on.\n",
    '{"zone": "UTC"}',
    "The clock tool answered `{result}`, and that answer is in the log now.\n\n",
    "The clock tool failed (*{result}*), and I go on without it.\n\n",
)

_MAIL = Scene(
    "send_mail",
    "Hello! I am plait's **scripted demo**, and I wrote a mail. A mail cannot be called back, so the tool waits for "
    "a yes. Change whatever you like first, or say no and why.\n",
    '{"to": "team@example.org", "subject": "Release 1.2 is out", '
    '"body": "Dear all,\\n\\nversion 1.2 is out. It survives kill -9.\\n\\nThe script", "copies": 1, "urgent": false}',
    """\
## You said yes

The tool answered `{result}`. It only pretends: nothing left this machine.

Who approved what is a record of the log, beside the arguments as you left them. Until somebody decided, this run was
not in memory but on disk: it would have waited through a reload, a restart and a week.
""",
    """\
## Nothing was sent

I was told: *{result}*

A no is an answer like any other. It is in the log with its reason, and a model reads it before it goes on.
""",
)

_ASK = Scene(
    "ask_person",
    "Hello! I am plait's **scripted demo**, and I need to know something that only you can tell me.\n",
    '{"question": "How shall I tell the team about release 1.2?"}',
    """\
## Thank you

You answered `{result}`, and that is the call's result: a record of the log, which any tab could have given.
""",
    "Nobody told me (*{result}*), so I leave it at that.\n",
)

_TAB = (
    "Hello! I am plait's **scripted demo**. I cannot see your screen, but your page has a tool of its own, so I ask "
    "your tab.\n",
    """\
## Your tab answered

It said `{result}`.

The call was your tab's alone, under a number and a lease: no other tab could have carried it out, and a reload in the
middle would have made it wait and go on. With no tab here at all it waits on disk, for days if need be.
""",
    "Your tab did not answer (*{result}*), so I go on without knowing.\n",
)

PAGE_TITLE = Scene("page_title", _TAB[0], "{}", *_TAB[1:])

_ASK_PAGE = Scene("ask_page", _TAB[0], '{"question": "What is on this page?"}', *_TAB[1:])

_COLOUR = Scene(
    "pick_colour",
    "Hello! I am plait's **scripted demo**, and I cannot choose a colour for you. Your page can ask you: look above "
    "the field in which you write. Reload, if you like; it asks again.\n",
    '{"question": "Which colour shall this page wear?"}',
    """\
## It suits the page

Your page answered `{result}`, and wears it already; other tabs of this room keep theirs.

The call was your tab's alone, under a number that rose whenever the tab came back. Other tabs saw whose it was.
""",
    "No colour, then (*{result}*).\n",
)

NO_TAB_TOOL = """\
## Your page has no tool yet

Hello! I am plait's **scripted demo**. A page can lend an agent tools that run in the browser, and I would call one now.
Any tab offers its own over the socket, as one text frame:

```json
{"id": "1", "do": "register-tools", "tab": "my-tab",
 "tools": [{"name": "page_title", "description": "The title of this page.", "effect": "read"}]}
```

Then ask me about your *browser* again: the call appears in the document, assigned to that tab, and waits for it.
"""

_RESEARCH = Scene(
    "researcher",
    "Hello! I am plait's **scripted demo**, and I leave this one to a colleague: another agent, as a tool of mine.\n",
    '{"task": "Search for what survives when a server is killed in the middle of an answer."}',
    """\
## The researcher is back

It says:

{told}

Its work is a run of its own inside this one, with its own steps in the log. Had you stopped me, it would have stopped.
""",
    "The researcher came back with nothing (*{result}*), so I leave it at that.\n",
)

_NOTES = Scene(
    "write_note",
    "Hello! I am plait's **scripted demo**. Open the shared document beside this chat: I am about to write into it.\n",
    '{"text": "This note is from the scripted demo. Type into it while it grows: both of us keep every letter."}',
    """\
## It is written

The tool answered `{result}`. What I wrote is an edit like yours: a record of the log, with me as its author, merged
with whatever you typed meanwhile.
""",
    "The note was not written (*{result}*).\n",
)

_PROPOSE = Scene(
    "propose_ending",
    "Hello! I am plait's **scripted demo**. The document beside this chat is yours, so I do not write into it: "
    "I propose.\n",
    '{"text": "And everybody who came later could see who had proposed what, and who had said yes."}',
    """\
## It waits for you

The tool answered `{result}`: a draft, which is a copy of the document with changes of mine in it. Press its name under
this answer, or `p`, and accept or reject each change alone. The document stays as it is until you do, and what you type
in it meanwhile is kept.
""",
    "Nothing was proposed (*{result}*).\n",
)

_SEARCH = Scene(
    "search_docs",
    "Hello! I am plait's **scripted demo**. Before I say anything about the documentation I look it up.\n",
    '{"query": "what survives a crash"}',
    """\
## What the documentation says

The search gave:

{told}

A model would answer from that and name its sources; a script can only show that they came.
""",
    "The search failed (*{result}*), so I do not pretend to know.\n",
)

_SLOW = Scene(
    "slow_work",
    "Hello! I am plait's **scripted demo**, and this tool takes its time. Watch its progress, open a second tab, "
    "reload, or stop me.\n",
    "{}",
    "## Done, slowly\n\nThe tool answered `{result}`. Each step of its progress was a record before you saw it.\n",
    "It was not finished (*{result}*). What it had told until then stays in the log.\n",
)

SCENES = {
    "mail": (_MAIL,),
    "approve": (_MAIL,),
    "ask": (_ASK,),
    "browser": (PAGE_TITLE, _ASK_PAGE),
    "colour": (_COLOUR,),
    "color": (_COLOUR,),
    "research": (_RESEARCH,),
    "notes": (_NOTES,),
    "propose": (_PROPOSE,),
    "search": (_SEARCH,),
    "slow": (_SLOW,),
}
"""A word of the prompt -> the calls of which the first is made whose tool is offered; without one it is the clock's,
and a script follows."""

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

Ask me for a *plan*, a *table*, some *code* or something *long*; for a *mail* that waits until you approve it; to *ask*
you something; to take *notes* or to *propose* changes in the document; for a *search* or something *slow*; for another
*colour* of this page; or about your *browser*. For answers that nobody wrote beforehand, start with
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
    return SCRIPTS.get(_word(prompt), _ABOUT)


def scenes_for(prompt: str) -> tuple[Scene, ...]:
    """The calls that the prompt asks for, by its first known word; none for a prompt that asks for words."""
    return SCENES.get(_word(prompt), ())


def _word(prompt: str) -> str:
    """The first word of the prompt that means something here."""
    known = (word for word in re.findall(r"[a-z]+", prompt.lower()) if word in SCRIPTS or word in SCENES)
    return next(known, "")
