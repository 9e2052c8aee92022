"""The digest of a call: what somebody was shown, and what is called, named by one short word.

Whoever decides about a call names what they were shown, and what is called later is held against what was approved; so
a yes is for these arguments of this tool and for no others, also after a restart, a restore or in a fork. The digest is
of the arguments' exact text, not of what the text means: two spellings of one number are two digests, and nobody has to
agree on a canonical form of JSON to compute it.
"""

import hashlib

import msgspec


def call_digest(name: str, args: str) -> str:
    """SHA-256 in hex of the JSON text `{"args":ARGS,"name":NAME}`, without spaces; `args` is the arguments' JSON text
    as it is, and goes in as a string."""
    return hashlib.sha256(msgspec.json.encode({"args": args, "name": name})).hexdigest()
