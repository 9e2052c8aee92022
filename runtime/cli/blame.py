"""`plait blame ROOM [DOCUMENT]`: who wrote each part of a shared document, in which run, asked by which prompt.

It reads the database beside the server that writes it, as `plait log` does. People see one line for each part that one
call or one person wrote, with what would move their cursor escaped; machines get one JSON object a line: the parts in
order, then the records that these name.
"""

import click
import msgspec
import trio
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from ...protocol.attribution import Attribution
from ...protocol.codec import rfc3339
from ...protocol.events import ArgumentsStreamed
from ...protocol.names import DEFAULT_DOCUMENT
from ...protocol.positions import RelativePosition
from ...protocol.spans import Span
from ...storage import StoreError, open_store
from ..replay import calls
from ..replay.calls import CalledBy, called_by
from ..replay.sentences import printable
from ..room.past import Blame, blame
from .asking import checked_document, json_option, room_or_file, store_option
from .log import line


def _position(ctx: click.Context, parameter: click.Parameter, value: str | None) -> RelativePosition | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=RelativePosition)
    except msgspec.MsgspecError as error:
        raise click.BadParameter(f"no relative position of Yjs: {error}") from None


@click.command("blame")
@room_or_file()
@click.argument("document", default=DEFAULT_DOCUMENT, callback=checked_document)
@click.option("--root", default="", metavar="NAME", help="Only this root type; an editor's text is often 'content'.")
@click.option("--place", metavar="JSON", callback=_position, help="Only what is at this Yjs relative position.")
@click.option("--until", metavar="JSON", callback=_position, help="With --place: from there to before this one.")
@click.option("--key", metavar="KEY", help="With --place: only what stands under this key of the type there.")
@click.option("--deleted", is_flag=True, help="Show what was deleted too, where it stood.")
@click.option(
    "--call", metavar="ID", help="Instead: where this call of a tool comes from, by its step or the model's id."
)
@click.option("--run", metavar="N", type=click.IntRange(min=1), help="With --call: in this run.")
@click.option("--at", "seq", metavar="N", type=click.IntRange(min=1), help="As of record N instead of the newest.")
@json_option
@store_option
def verb(
    room: str,
    document: str,
    root: str,
    place: RelativePosition | None,
    until: RelativePosition | None,
    key: str | None,
    deleted: bool,
    call: str | None,
    run: int | None,
    seq: int | None,
    as_json: bool,
    store_url: str,
) -> None:
    """Print who wrote DOCUMENT (default: main) of ROOM, or where a call of a tool comes from."""
    if call is not None:
        _tell_call(room, call, run, as_json, store_url)
        return
    if run is not None:
        raise click.UsageError("--run goes with --call ID")

    async def main() -> Blame:
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            which = {"place": place, "until": until, "key": key}
            return await blame(reader, room, document, root=root, deleted=deleted, seq=seq or 0, **which)

    found = trio.run(main)
    if as_json:
        _write_json(found)
    else:
        _write_for_people(found)


def _tell_call(room: str, call: str, run: int | None, as_json: bool, store_url: str) -> None:
    async def main() -> CalledBy:
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            return await called_by(reader, room, call, str(run or ""))

    found = trio.run(main)
    if as_json:
        click.echo(msgspec.json.encode(calls.shown(found)))
        return
    for word, record in (("prompt", found.prompt), ("request", found.request)):
        if record is not None:
            click.echo(f"{word:8} {' '.join(line(record))}")
    for record in found.records:
        if isinstance(record.event, ArgumentsStreamed):
            continue  # The answer has them whole.
        click.echo(f"{'answer' if record is found.answer else '':8} {' '.join(line(record))}")


def _write_json(found: Blame) -> None:
    for span in found.spans:
        click.echo(msgspec.json.encode({"span": span}))
    for one in found.records.values():
        click.echo(msgspec.json.encode({"record": msgspec.to_builtins(one) | {"time": rfc3339(one.time)}}))


def _write_for_people(found: Blame) -> None:
    console = Console(highlight=False)
    for span, last in parts(found):
        seqs = f"{span.seq}" if last == span.seq else f"{span.seq}-{last}"
        text = Text.assemble((f"{seqs:>9}", "dim"), " ", (_who(found.records.get(span.seq)), "bold"), " ")
        text.append(where(span), "dim")
        text.append(f" {_said(span)}", "strike" if span.deleted else "")
        if span.accepted:
            text.append(f"  accepted by {_who(found.records.get(span.accepted)).strip()} in {span.accepted}", "green")
        if span.restored:
            who = _who(found.records.get(span.restored)).strip()
            text.append(f"  brought back by {who} in {span.restored}", "green")
        if span.deleted:
            text.append(f"  deleted by {_who(found.records.get(span.deleted)).strip()} in {span.deleted}", "red")
        if console.is_terminal:
            console.print(text, no_wrap=True, overflow="ellipsis", crop=True)
        else:
            click.echo(text.plain)


def parts(found: Blame) -> list[tuple[Span, int]]:
    """The spans, those joined that one call, or one person, wrote one after the other: what an agent streams is a
    record a word. Each with its newest record; what was deleted is not joined."""
    joined: list[tuple[Span, int]] = []
    for span in found.spans:
        before, last = joined[-1] if joined else (None, 0)
        if (
            before is not None
            and (before.path, before.key, before.end, before.deleted) == (span.path, None, span.start, 0)
            and (before.accepted, before.restored) == (span.accepted, span.restored)
            and before.text
            and span.text
            and not span.deleted
            and _maker(found, before.seq) == _maker(found, span.seq)
        ):
            both = replace(before, text=before.text + span.text, end=span.end, seq=min(before.seq, span.seq))
            joined[-1] = (both, max(last, span.seq))
        else:
            joined.append((span, span.seq))
    return joined


def _maker(found: Blame, seq: int) -> Attribution | None:
    """Who made a record, whichever of theirs it is."""
    one = found.records.get(seq)
    return None if one is None else replace(one, seq=0, time=0)


def _who(one: Attribution | None) -> str:
    """Author, whom it was for, tool and prompt, as far as there are any."""
    if one is None:
        return "?"
    said = f"{printable(one.author):<12}"
    if one.run:
        said = f"{said} for {printable(one.on_behalf_of)}, run {one.run.lstrip('0')}"
        said += f", {printable(one.tool)}" if one.tool else ""
        said += f" ({printable(one.model)})" if one.model else ""
    return said


def where(span: Span) -> str:
    """The place: its type's path, the key or the code points."""
    path = "/".join(printable(str(part)) for part in span.path)
    return f"{path}[{printable(span.key)}]" if span.key is not None else f"{path}:{span.start}"


def _said(span: Span) -> str:
    return printable(msgspec.json.encode(span.text or list(span.values)).decode())
