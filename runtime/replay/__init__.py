"""What happened, looked at again: moments of a room, differences between them, code run against the record."""
