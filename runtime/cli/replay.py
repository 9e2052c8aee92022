"""`plait replay ROOM`: the room as it stood after a record, read from the database beside the server that writes it.

People see its runs, what was waited for and its documents; machines get the moment as `GET /api/rooms/ROOM/moment`
gives it. What people and models wrote is escaped before a terminal gets it.
"""

from typing import TYPE_CHECKING, Any

import click
import msgspec
import trio

from ...protocol.codec import rfc3339
from ...protocol.names import DEFAULT_DOCUMENT
from ...storage import Reader, StoreError, open_store
from ..replay import asked
from ..replay.moment import Moment, moment
from ..replay.sentences import diverged, printable
from ..replay.telling import roots, told
from .asking import checked_document, json_option, room_or_file, store_option
from .breaking import Pauses, first_hit

if TYPE_CHECKING:
    from ..replay.rerun import Rerun


@click.command("replay")
@room_or_file()
@click.option("--at", "seq", metavar="N", type=click.IntRange(min=0), help="After record N instead of the newest.")
@click.option("--document", metavar="NAME", callback=checked_document, help="Show only this shared document.")
@click.option("--request", metavar="N", type=click.IntRange(min=1), help="Print what the model was sent in record N.")
@click.option(
    "--agent",
    "agents",
    metavar="MODULE:NAME",
    multiple=True,
    help="Ask this agent's code what it would have done, against the whole log; repeatable.",
)
@click.option("--break", "stop_at", metavar="CONDITION", help="Find the first record behind --at where it holds.")
@click.option("--live", is_flag=True, help="With --break: behind the newest, and wait for it.")
@click.option("--pause", "server", metavar="URL", help="With --live: have the server there pause the runs at the hit.")
@click.option("--grant", metavar="TOKEN", envvar="PLAIT_GRANT", default="", help="With --pause: what the server wants.")
@json_option
@store_option
def verb(
    room: str,
    seq: int | None,
    document: str | None,
    request: int | None,
    agents: tuple[str, ...],
    stop_at: str | None,
    live: bool,
    server: str | None,
    grant: str,
    as_json: bool,
    store_url: str,
) -> int:
    """Show ROOM as it stood after a record, find where something began, or re-run today's code against its log.

    CONDITION is a JMESPath expression over the moment's JSON, /REGEX/ in --document, or tool-error:NAME.
    """
    if stop_at is None and live:
        raise click.UsageError("--live goes with --break CONDITION")
    if server is not None and not live:
        raise click.UsageError("--pause goes with --break CONDITION --live")
    if stop_at is not None:
        if agents or request is not None:
            raise click.UsageError("--break goes with --at, --document and --live only")
        shown, pauses = document or DEFAULT_DOCUMENT, Pauses(server or "", grant)
        return first_hit(room, stop_at, shown, seq, live=live, as_json=as_json, store=store_url, pauses=pauses)
    if bool(agents) + (request is not None) + (seq is not None or document is not None) > 1:
        raise click.UsageError("say one of --agent, which re-runs the whole log, --request, and --at or --document")
    if agents:
        return _rerun(room, agents, as_json, store_url)

    async def main() -> None:
        async with open_store(store_url, readonly=True) as reader:
            head = (await reader.head(room)).seq
            if head == 0:
                raise StoreError(f"no room named {room} is in this store")
            if request is not None:
                sent = await asked.request(reader, room, request)
                click.echo(sent if as_json else _safe_lines(msgspec.json.format(sent).decode()))
                return
            found = await moment(reader, room, head if seq is None else seq)
            if as_json:
                click.echo(msgspec.json.encode(told(found, document or "")))
            elif document is not None:
                click.echo("\n".join(_document(found, document)))
            else:
                click.echo("\n".join(await _lines(reader, room, found, head)))

    trio.run(main)
    return 0


def _rerun(room: str, agents: tuple[str, ...], as_json: bool, store_url: str) -> int:
    """Ask the agents' code; what comes of it to stdout, exit code 1 where it wants anything else than the log holds."""
    from ..replay.rerun import rerun  # It loads agents and what they load; a look at the past needs none.
    from .loading import agent_named

    crew = [agent_named(name) for name in agents]

    async def main() -> "Rerun":
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            return await rerun(reader, room, crew)

    found = trio.run(main)
    for divergence in found.divergences:
        click.echo(msgspec.json.encode(divergence) if as_json else "\n".join(diverged(divergence)))
    whole = {"room": room, "records": found.records, "runs": found.runs, "diverged": len(found.divergences)}
    said = f"{room}: {found.runs} runs in {found.records} records, {len(found.divergences)} of them diverge"
    click.echo(msgspec.json.encode(whole) if as_json else said)
    return 1 if found.divergences else 0


async def _lines(reader: Reader, room: str, found: Moment, head: int) -> list[str]:
    """A moment as people read it."""
    record = (await reader.read(room, found.seq - 1, 1))[0] if found.seq else None
    when = f", {rfc3339(record.time)}" if record is not None else ""
    lines = [f"{room} after record {found.seq} of {head}{when}"]
    said = told(found)
    for run in said["runs"].values():
        lines.append(f"\n  {run['agent']}: {run['status']}: {printable(run['prompt'])}")
        lines += [f"    {_part(part)}" for part in run["parts"]]
    for wait in said["pending"]:
        lines.append(f"\n  run {wait['run'].lstrip('0')}: {wait['name'] or wait['step']} waits for {wait['waits_for']}")
    for each in said["recovery"]:
        event = each["event"]
        what = f"{event['type'].replace('-', ' ')} {event.get('step', '')}".rstrip()
        named = f" ({each['name']})" if each["name"] else ""
        lines.append(f"\n  had it died here, run {each['run'].lstrip('0')}: {what}{named}: {each['follows']}")
    for name in said["documents"]:
        lines += ["", *_document(found, name)]
    return lines


def _part(part: dict[str, Any]) -> str:
    if part["type"] == "tool":
        return f"tool {part['name']}: {part['state']} {printable(str(part.get('args', '')))}"
    return f"{part['type']}: {printable(str(part.get('text', '')))}"


def _document(found: Moment, name: str) -> list[str]:
    lines = [f"  {name}"]
    for root, value in roots(found, name).items():
        text = value if isinstance(value, str) else msgspec.json.format(msgspec.json.encode(value)).decode()
        lines += [f"    {root}: {line}" for line in map(_safe, text.split("\n"))]
    return lines


def _safe_lines(text: str) -> str:
    return "\n".join(map(_safe, text.split("\n")))


def _safe(line: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
