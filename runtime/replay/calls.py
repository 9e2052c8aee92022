"""From a call of a tool, as the room document shows it, to where it comes from: the records that made its state what it
is, the model's request and answer that asked for it, the prompt, and the person.

A call is named by its step (a part's `call` in the room document) or by the id that the model gave it (the part's
`id`); of several with one id in a run it is the last. The log is read from where the run begins to where it ends, and
not before. Rules stand in specs/attribution.md.
"""

from collections.abc import Sequence
from typing import Any

import trio
from msgspec import Struct

from ...protocol.codec import rfc3339
from ...protocol.errors import Refused
from ...protocol.events import (
    ArgumentsStreamed,
    ModelAnswered,
    ModelRequested,
    ReasoningStreamed,
    Record,
    RunFailed,
    RunFinished,
    RunRequested,
    RunStopped,
    TextStreamed,
    kebab,
)
from ...storage.errors import RoomDeleted
from ...storage.store import Reader
from .moment import moment

_ENDS = RunFinished | RunFailed | RunStopped
_WORDS = TextStreamed | ReasoningStreamed


class CalledBy(Struct, frozen=True):
    """Where a call comes from. `request` and `answer` are the model's that asked for it, None where a flow did;
    `prompt` is what the run, or the one above it all, was asked by `author`. `records` say what happened to it."""

    run: str
    step: str
    call: str
    author: str
    prompt: Record
    request: Record | None
    answer: Record | None
    records: tuple[Record, ...]


async def called_by(reader: Reader, room: str, call: str, run: str = "") -> CalledBy:
    """Where that call of the room comes from; without a `run` it is looked for in those that the room document has.
    Raises Refused('no-such-room', 'bad-request' where there is no such call), StoreError."""
    try:
        run = await _run_of(reader, room, call) if not run else f"{int(run):012d}"
    except ValueError:
        raise Refused("bad-request", f"No run is called {run!r}.") from None
    records = await _records(reader, room, run)
    own = [one for one in records if _names(one, call)]
    if not own:
        raise Refused("bad-request", f"Run {run.lstrip('0')} of room {room} has no call {call}.")
    step = next((one.event.step for one in reversed(own) if not _is_models(one)), "")  # type: ignore[union-attr]
    of_step = [one for one in records if step and getattr(one.event, "step", "") == step and not _is_models(one)]
    of_step += [one for one in records if isinstance(one.event, RunRequested) and one.event.step == step != ""]
    given = next((one.event.call for one in of_step if getattr(one.event, "call", "")), call)  # type: ignore[union-attr]
    before = of_step[0].seq if of_step else records[-1].seq + 1
    answer, request, streamed = _asked(records, given, before)
    happened = {one.seq: one for one in (*streamed, *([answer] if answer else []), *of_step)}
    prompt = await _prompt(reader, room, records[0])
    in_order = tuple(happened[seq] for seq in sorted(happened))
    return CalledBy(run, step, given, prompt.author, prompt, request, answer, in_order)


def shown(found: CalledBy) -> dict[str, Any]:
    """The answer as JSON has it: seqs, and of each record what it is and whose."""
    asked = {"request": found.request, "answer": found.answer, "prompt": found.prompt}
    return {
        "run": found.run,
        "step": found.step,
        "call": found.call,
        "author": found.author,
        **{name: None if one is None else one.seq for name, one in asked.items()},
        "records": [
            {"seq": one.seq, "event": kebab(type(one.event).__name__), "author": one.author, "time": rfc3339(one.time)}
            for one in found.records
        ],
    }


async def _run_of(reader: Reader, room: str, call: str) -> str:
    found = await moment(reader, room, (await reader.head(room)).seq)
    runs = found.shown()["runs"]
    for run in reversed(runs):
        if any(call in (part.get("call"), part.get("id")) for part in runs[run]["parts"] if part["type"] == "tool"):
            return run
    raise Refused("bad-request", f"Room {room} shows no call {call}; name the run of one that is no longer shown.")


async def _records(reader: Reader, room: str, run: str) -> Sequence[Record]:
    """The run's records but its words, and those that began runs for its steps. Raises Refused."""
    found: list[Record] = []
    after = int(run) - 1
    while page := await _page(reader, room, after):
        for one in page:
            mine = one.run == run or (isinstance(one.event, RunRequested) and one.event.parent == run)
            if mine and not isinstance(one.event, _WORDS):
                found.append(one)
            if one.run == run and isinstance(one.event, _ENDS):
                return found
        if not found:
            break
        after = page[-1].seq
        await trio.lowlevel.checkpoint()
    if not found or not isinstance(found[0].event, RunRequested):
        raise Refused("bad-request", f"Room {room} has no run {run.lstrip('0')}.")
    return found


async def _page(reader: Reader, room: str, after: int) -> list[Record]:
    try:
        return await reader.read(room, max(0, after))
    except RoomDeleted:
        raise Refused("no-such-room") from None


def _is_models(one: Record) -> bool:
    return isinstance(one.event, ModelRequested | ModelAnswered | ArgumentsStreamed | RunRequested)


def _names(one: Record, call: str) -> bool:
    """Whether the record is of the call of that name."""
    match one.event:
        case ModelAnswered(calls=calls):
            return any(each.id == call for each in calls)
        case ArgumentsStreamed(call=given):
            return given == call
        case ModelRequested() | RunRequested():
            return False
        case event:
            return call in (getattr(event, "step", ""), getattr(event, "call", ""))


def _streams(one: Record, call: str) -> bool:
    return isinstance(one.event, ArgumentsStreamed) and one.event.call == call


def _asked(records: Sequence[Record], call: str, before: int) -> tuple[Record | None, Record | None, Sequence[Record]]:
    """The newest answer before that record which has the call, its request, and the arguments as they came."""
    answer: Record | None = None
    for one in records:
        if one.seq < before and isinstance(one.event, ModelAnswered) and _names(one, call):
            answer = one
    last = answer or next((one for one in reversed(records) if _streams(one, call)), None)
    if last is None:
        return None, None, ()
    place = (last.event.step, last.event.attempt)  # type: ignore[union-attr]
    of_place = [one for one in records if (getattr(one.event, "step", ""), getattr(one.event, "attempt", 0)) == place]
    request = next((one for one in of_place if isinstance(one.event, ModelRequested)), None)
    return answer, request, [one for one in of_place if _streams(one, call)]


async def _prompt(reader: Reader, room: str, first: Record) -> Record:
    """What the run was asked, or the one above it all."""
    while isinstance(first.event, RunRequested) and first.event.parent:
        (first, *_) = await _page(reader, room, int(first.event.parent) - 1)
    return first
