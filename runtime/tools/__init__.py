"""What an agent can call: one file per kind of tool."""
