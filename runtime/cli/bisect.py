"""`plait bisect ROOM --when EXPRESSION`: the first record after which something holds.

It looks at a few moments of the log, not at every one. A search that finds something exits 0 and prints the record; one
that finds nothing exits 1.
"""

import click
import msgspec
import trio

from ...protocol.codec import record_json
from ...protocol.errors import Refused
from ...storage import StoreError, open_store
from ..replay.bisecting import Condition, bisect, expression, matches
from .asking import checked_document, json_option, room_or_file, store_option
from .log import line


@click.command("bisect")
@room_or_file()
@click.option("--when", metavar="EXPRESSION", help="JMESPath over the moment's JSON: 'spent.cost > `1000000`'.")
@click.option("--matches", "pattern", metavar="REGEX", help="The document has a text in which this is found.")
@click.option("--document", metavar="NAME", default="main", callback=checked_document, help="With --matches.")
@json_option
@store_option
def verb(room: str, when: str | None, pattern: str | None, document: str, as_json: bool, store_url: str) -> int:
    """Find the first record of ROOM after which something holds."""
    condition = _condition(when, pattern, document)
    looked: list[int] = []

    async def look(seq: int) -> None:
        looked.append(seq)

    async def main() -> int:
        async with open_store(store_url, readonly=True) as reader:
            if (await reader.head(room)).seq == 0:
                raise StoreError(f"no room named {room} is in this store")
            found = await bisect(reader, room, condition, looked=look)
            if not found:
                never = found is None
                said = {"seq": None, "looked": len(looked), "always": not never}
                sentence = "does not hold now" if never else "held before the first record"
                click.echo(msgspec.json.encode(said) if as_json else f"{room}: it {sentence}")
                return 1
            record = (await reader.read(room, found - 1, 1))[0]
            if as_json:
                said = {"seq": found, "looked": len(looked), "record": msgspec.Raw(record_json(record))}
                click.echo(msgspec.json.encode(said))
            else:
                click.echo(f"{room}: since record {found} ({len(looked)} moments looked at)")
                click.echo(" ".join(line(record)))
            return 0

    return trio.run(main)


def _condition(when: str | None, pattern: str | None, document: str) -> Condition:
    if (when is None) == (pattern is None):
        raise click.UsageError("say one of --when EXPRESSION and --matches REGEX")
    try:
        return expression(when) if when is not None else matches(pattern or "", document)
    except Refused as refused:
        raise click.UsageError(refused.message) from None
