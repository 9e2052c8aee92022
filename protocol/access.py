"""Grants: who somebody is and what they may do.

A grant is handed in by whoever accepted the socket; without auth everybody is `anonymous` and may do everything.
"""

from msgspec import Struct


class Grant(Struct, frozen=True):
    """Who (`author`, as it stands in records; `name`, as people see it) and what they may: read, write, decide, and
    (`admin`) what cannot be taken back, such as deleting a room."""

    author: str = "anonymous"
    name: str = ""
    read: bool = True
    write: bool = True
    decide: bool = True
    admin: bool = True


ANONYMOUS = Grant()

HOUSE = "plait"
"""The author of what a room decides by itself."""
