"""May this begin a run, and which one? Prompts, their regeneration and their edited versions.

The runs of a room form a tree: each knows the run that its conversation goes on from (`after`), and a version of an
earlier run stands beside it (`instead` names the first version, so that siblings are those of one `instead`). A prompt
goes on from the room's tip, the newest run of the branch that was chosen or written to last. Pure, like all judging.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from . import limits
from .access import Grant
from .budget import Limits
from .commands import AttachedFile, EditPrompt, Overrides, Prompt, Regenerate
from .errors import Refused
from .events import Attachment, Event, RunRequested, RunSteered, StopRequested, run_id
from .mandates import speaks_for
from .state import RoomState, Run


class Verdict(Struct, frozen=True):
    """One event that a command causes, in the run that it concerns."""

    run: str
    event: Event


class AgentFacts(Struct, frozen=True):
    """What judging must know of an agent: its name, what a prompt means while a run is on, and what a prompt may say
    otherwise than the agent is set.

    `queue`: it waits for its turn. `steer`: it is said to the run at work. `interrupt`: it stops what is open and is
    next. `reject`: it is refused. `overrides` are names of `Options` fields, `retries` or `model`; of models those in
    `models`. `limits`: what one of its runs may take. `titles`: where its proposal for a room's title comes from.
    `structured`: its answers are JSON text. `code` names the version of its code.
    """

    name: str
    on_second_prompt: Literal["queue", "steer", "interrupt", "reject"] = "queue"
    overrides: Collection[str] = frozenset()
    models: Collection[str] = frozenset()
    limits: Limits = Limits()
    titles: Literal["", "model", "prompt"] = ""
    structured: bool = False
    code: str = ""


def ask(
    state: RoomState,
    grant: Grant,
    command: Prompt | Regenerate | EditPrompt,
    agent: AgentFacts,
    tab: str,
    files: Mapping[str, Attachment],
) -> list[Verdict]:
    """The run that the command begins, or what else it means while one is on. `files` are those of its attachments that
    the store has. What would be said to a run that may do more than the asker waits for its turn. Raises Refused."""
    open_runs = state.prompts()
    if len(open_runs) >= limits.OPEN_RUNS:
        raise Refused("room-full", f"{limits.OPEN_RUNS} prompts are waiting or running in this room.")
    event = _request(state, command, agent, tab, files)
    stops: list[Verdict] = []
    if open_runs and agent.on_second_prompt == "reject":
        raise Refused("busy", f"{open_runs[0].agent} is at work in this room; stop it, or wait.")
    if open_runs and agent.on_second_prompt == "interrupt":
        stops = [Verdict(run.id, StopRequested()) for run in open_runs]
    steers = agent.on_second_prompt == "steer" and _goes_on(command)
    if open_runs and steers and open_runs[0].agent == agent.name and speaks_for(grant, open_runs[0]):
        return [steer(state, open_runs[0].id, event.prompt)]
    # The new run comes first: its record is the one from which a repeated command is answered.
    return [Verdict(run_id(state.seq + 1), event), *stops]


def _goes_on(command: Prompt | Regenerate | EditPrompt) -> bool:
    """Whether it says one more thing in the conversation, and nothing that words alone could not say: files, facts and
    options would be lost."""
    more = isinstance(command, Prompt) and (command.attachments or command.context or command.options != Overrides())
    return isinstance(command, Prompt) and command.after is None and not more


def _request(
    state: RoomState,
    command: Prompt | Regenerate | EditPrompt,
    agent: AgentFacts,
    tab: str,
    files: Mapping[str, Attachment],
) -> RunRequested:
    if isinstance(command, Prompt):
        prompt, instead = command.text, ""
        after = state.tip if command.after is None else command.after
        if command.after:
            _earlier(state, command.after)
        context, attachments = dict(command.context), _attached(command.attachments, files)
    else:
        earlier = _earlier(state, command.run)
        if earlier.open:
            raise Refused("busy", "This run is still open; stop it first.")
        prompt = command.text if isinstance(command, EditPrompt) else earlier.prompt
        after, instead = earlier.after, earlier.instead or earlier.id
        context = dict(command.context) or earlier.context
        attachments = _attached(command.attachments, files) or earlier.attachments
    if len(prompt.encode()) > limits.PROMPT_BYTES:
        raise Refused("too-large", f"A prompt may have {limits.PROMPT_BYTES} bytes.")
    check_facts(context)
    options = allowed_options(command.options, agent)
    return RunRequested(
        agent.name,
        prompt,
        tab,
        after=after,
        instead=instead,
        context=context,
        attachments=attachments,
        options=options,
    )


def _earlier(state: RoomState, run: str) -> Run:
    found = state.runs.get(run)
    if found is None or found.parent:
        raise Refused("no-such-run", f"This room holds no prompt {run} that the conversation could go on from.")
    return found


def _attached(offered: Collection[AttachedFile], files: Mapping[str, Attachment]) -> tuple[Attachment, ...]:
    for file in offered:
        if file.blob not in files:
            raise Refused("no-such-blob", f"No file {file.blob} was put here; PUT /api/blobs first.")
    known = ((file, files[file.blob]) for file in offered)
    return tuple(Attachment(file.blob, found.media_type, file.name or "file", found.bytes) for file, found in known)


def allowed_options(wanted: Overrides, agent: AgentFacts) -> str:
    """What the prompt wants otherwise, as JSON text; empty for nothing."""
    given = {name: value for name, value in msgspec.to_builtins(wanted).items() if value not in (None, "", [])}
    refused = sorted(name for name in given if name not in agent.overrides)
    if wanted.model and wanted.model not in agent.models:
        refused = ["model"]
    if refused:
        raise Refused("option-not-allowed", f"{agent.name} does not let a prompt set {', '.join(refused)}.")
    return msgspec.json.encode(given, order="sorted").decode() if given else ""


def steer(state: RoomState, run: str, text: str) -> Verdict:
    """Something that is said to a run at work: the one named, or the oldest prompt's. Raises Refused."""
    candidates = [state.runs[run]] if run in state.runs else [] if run else state.prompts()
    candidates = [one for one in candidates if one.open and not one.stopping]
    if not candidates:
        raise Refused("no-such-run", "No run is at work that could be told this; prompt instead.")
    waiting = [*(steer.text for steer in candidates[0].unseen()), text]
    if sum(len(each.encode()) for each in waiting) > limits.PROMPT_BYTES:
        raise Refused("too-large", f"A run may be told {limits.PROMPT_BYTES} bytes before it looks.")
    return Verdict(candidates[0].id, RunSteered(text))


def check_facts(facts: Mapping[str, str]) -> None:
    """Facts are bounded in number and in bytes. Raises Refused('too-large')."""
    size = sum(len(key.encode()) + len(text.encode()) for key, text in facts.items())
    if len(facts) > limits.CONTEXT_FACTS or size > limits.CONTEXT_BYTES:
        raise Refused(
            "too-large", f"Context may have {limits.CONTEXT_FACTS} facts of {limits.CONTEXT_BYTES} bytes together."
        )
