"""The Python client: a room on some other server, through sockets that come and go."""

from .room import RemoteRoom, connect

__all__ = ["RemoteRoom", "connect"]
