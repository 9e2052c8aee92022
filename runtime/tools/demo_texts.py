"""What the demo's search finds: a handful of true texts about plait, each under the page of specs/ that says more.

They have no address, because a server without a network shows them as well.
"""

from .call import Source

TEXTS = (
    Source(
        "",
        "What survives a crash (specs/architecture.md)",
        "Every prompt, token, tool result and edit is a record in SQLite before anybody sees it. After a crash a room "
        "is the newest snapshot and the tail of its log; what should be in progress follows from that and is started "
        "again. Half a reply stays in the log, leaves the page, and the next attempt begins with a part of its own.",
    ),
    Source(
        "",
        "Tools and crashes (specs/agents.md)",
        "A tool's intent is on disk before its body runs. After a crash a read runs again, an idempotent call is "
        "repeated with its key, and of a write nobody can say whether it happened: the run waits until a person says.",
    ),
    Source(
        "",
        "Tabs and sockets (specs/server.md)",
        "An answer lives in the room, not in the connection that asked. A tab that reloads, or a second one, is sent "
        "what the document holds and goes on from there. A closed socket never stops a run; only a stop does.",
    ),
    Source(
        "",
        "Approvals (specs/decisions.md)",
        "A tool may wait for a yes, with other arguments if need be. The question is a record, so it waits through a "
        "reload, a restart and a week. The first decision in the log counts, and everybody sees who took it.",
    ),
    Source(
        "",
        "Tools in tabs (specs/tab-tools.md)",
        "A tab may lend an agent tools of its own. A call is assigned to one tab under a rising number and a lease, so "
        "exactly one tab carries it out, and a reload in the middle loses nothing.",
    ),
    Source(
        "",
        "Shared documents (specs/sync.md)",
        "People edit shared documents of a room with any Yjs editor. Each edit is a record with the exact bytes, "
        "acknowledged once it is on disk, and edits that were made offline are merged.",
    ),
    Source(
        "",
        "Models (specs/models.md)",
        "The model of an agent is a name: demo, echo, openai:NAME or anthropic:NAME. What a model was sent is in the "
        "log by reference, and can be put together from it byte for byte.",
    ),
)
