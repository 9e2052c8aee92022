"""What every fact is: a frozen Struct whose tag is its class's name in kebab case."""

import re

from msgspec import Struct


def kebab(name: str) -> str:
    """`TextStreamed` -> `text-streamed`: how a class's name becomes its tag."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


# Neither facts nor records can be part of a cycle, and Python's collector would walk through every one of a long log.
class Fact(Struct, frozen=True, tag_field="type", tag=kebab, omit_defaults=True, gc=False):
    """Something that happened. Whatever all facts share stands in the record that carries it."""
