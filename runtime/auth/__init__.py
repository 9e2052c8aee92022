"""Who may come in: keys and tokens, a host's own judgement, grants in use, and their revocation."""
