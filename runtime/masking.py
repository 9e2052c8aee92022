"""The secrets of this process: what no record, no log line and no traceback may say.

Whoever is given a key says so here (`remember`): models, MCP servers, the keys that grants are signed with. What stands
in environment variables that are called like keys is taken, too. From then on the value is replaced by `[secret]`
wherever text leaves us: before a record is written (`room/redaction`), and by `MaskingFormatter` before a log line is.
So a vendor that quotes the key in its error, and an exception with the key in its text, tell it to nobody. Rules
(specs/secrets.md):

- It is the value that is looked for, not its shape: a text that only looks like a key is left alone.
- Values shorter than `SECRET_CHARS` are not secrets but words such as `none`, and would be taken out of people's texts.
- What is remembered is the process's, and is never forgotten in it: a rotated key may still be in somebody's answer.
"""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from types import TracebackType

from ..protocol.limits import SECRET_CHARS

MASK = "[secret]"

_ENDINGS = ("_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_ACCESS_KEY", "_PRIVATE_KEY")

_HEADERS = ("auth", "key", "token", "secret", "cookie")

_known: set[str] = set()


def remember(*values: str) -> None:
    """These values are secrets. A header's scheme (`Bearer …`) is none."""
    for value in values:
        for word in (value.strip(), *value.split()):
            if len(word) >= SECRET_CHARS:
                _known.add(word)


def remember_environment(environment: Mapping[str, str] | None = None) -> None:
    """So are the values of variables that are called like keys."""
    found = os.environ if environment is None else environment
    remember(*(value for name, value in found.items() if name.upper().endswith(_ENDINGS)))


def remember_headers(headers: Mapping[str, str]) -> None:
    """So are the values of headers that are called like keys."""
    remember(*(value for name, value in headers.items() if any(word in name.lower() for word in _HEADERS)))


def mask(text: str) -> str:
    """The text without any secret; the same object if it holds none."""
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def unfinished(text: str) -> int:
    """How many characters at the text's end may be the beginning of a secret whose rest is still to come."""
    longest = 0
    for secret in _known:
        end = text[1 - len(secret) :]
        at = end.find(secret[0])
        while at >= 0 and not secret.startswith(end[at:]):
            at = end.find(secret[0], at + 1)
        longest = max(longest, len(end) - at if at >= 0 else 0)
    return longest


class MaskingFormatter(logging.Formatter):
    """Formats a log line, its traceback included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


def mask_tracebacks() -> None:
    """Let what ends a thread or the process be told without secrets, too."""

    def tell(kind: type[BaseException], error: BaseException | None, place: TracebackType | None) -> None:
        if error is not None:
            sys.stderr.write(mask("".join(traceback.format_exception(kind, error, place))))

    sys.excepthook = tell
    threading.excepthook = lambda args: tell(args.exc_type, args.exc_value, args.exc_traceback)
