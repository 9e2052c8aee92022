"""The Python client: a room on some other server, through sockets that come and go."""

from .room import NotAnswered, RemoteRoom, connect

__all__ = ["NotAnswered", "RemoteRoom", "connect"]
