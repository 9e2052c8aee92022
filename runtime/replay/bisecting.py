"""Bisecting: the first record after which something holds, found by looking at few moments of many.

Rules (specs/replay.md):

- A condition is a JMESPath expression over a moment as JSON (`telling.told`), with every shared document's roots under
  `texts` by name, or a regular expression that is searched in one document's text. It holds where it gives something
  that is neither empty, false nor null.
- What is looked for began once and holds since. If it comes and goes, one of the records at which it began is found.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from ...protocol.errors import Refused
from ...storage.store import Reader
from .moment import Moment, Scrubber
from .telling import roots, told

Condition = Callable[[Moment], bool]


def expression(text: str) -> Condition:
    """The condition that a JMESPath expression is, over `told` and `texts`. Raises Refused('bad-request')."""
    try:
        compiled = jmespath.compile(text)
    except JMESPathError as error:
        raise Refused("bad-request", f"No JMESPath expression: {error}") from None
    wants_texts = "texts" in text

    def holds(moment: Moment) -> bool:
        said = told(moment)
        if wants_texts:
            said["texts"] = {name: roots(moment, name) for name in moment.documents}
        try:
            return bool(compiled.search(said))
        except JMESPathError as error:
            raise Refused("bad-request", f"The expression cannot be asked here: {error}") from None

    return holds


def matches(pattern: str, document: str) -> Condition:
    """The condition that a shared document's content as JSON text holds a match. Raises Refused('bad-request')."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise Refused("bad-request", f"No regular expression: {error}") from None

    def holds(moment: Moment) -> bool:
        return any(compiled.search(text) for text in _texts(roots(moment, document)))

    return holds


def _texts(value: Any) -> list[str]:
    """Every text in a value, and the value itself as JSON."""
    found = [value] if isinstance(value, str) else []
    if isinstance(value, dict):
        found += [text for each in value.values() for text in _texts(each)]
    elif isinstance(value, list):
        found += [text for each in value for text in _texts(each)]
    return found


async def bisect(
    reader: Reader,
    room: str,
    condition: Condition,
    *,
    looked: Callable[[int], Awaitable[None]] | None = None,
) -> int | None:
    """The seq of the first record after which it holds; None if it does not hold now, 0 if it held before the first.
    `looked` is told each seq that was looked at. Raises Refused, StoreError."""
    scrubber = Scrubber(reader, room)

    async def holds(seq: int) -> bool:
        if looked is not None:
            await looked(seq)
        return condition(await scrubber.go(seq))

    head = (await reader.head(room)).seq
    if not await holds(head):
        return None
    if await holds(0):
        return 0
    low, high = 0, head  # It does not hold after `low`, and it holds after `high`.
    while high - low > 1:
        middle = await scrubber.between(low, high)
        if await holds(middle):
            high = middle
        else:
            low = middle
    return high
