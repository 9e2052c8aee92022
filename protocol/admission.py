"""Who may come in and how much they may use: the limits of admission, those of an operator's choice among them.

They stand in `limits.LIMITS` with all the others. Here they have a page of their own because an operator may change
some: `Allowance` holds those, `plait serve` has an option for each field of it, and the defaults are this table's.
Rules: specs/admission.md.
"""

from typing import NamedTuple

from msgspec import Struct


class Limit(NamedTuple):
    """One bound: its value, the unit, and why it is that and not another."""

    value: int
    unit: str
    reason: str


CHANGEABLE: dict[str, Limit] = {
    "CONNECTIONS": Limit(
        10_000, "sockets", "Per process, at 40 KiB each, and never more than its descriptors; more gets 1013 or 503."
    ),
    "SOCKETS_PER_ADDRESS": Limit(
        1024, "sockets", "TCP connections; a browser opens at most 255 WebSockets (Chrome), an office has one address."
    ),
    "SOCKETS_PER_SUBJECT": Limit(
        256,
        "sockets",
        "With documents on shared ones and logs followed over HTTP; a browser has 255 at most (Chrome).",
    ),
    "HANDSHAKES_PER_S": Limit(
        50,
        "connections",
        "From one address in the long run; SOCKETS_PER_ADDRESS of them at once, when all come back.",
    ),
    "REQUESTS_PER_S": Limit(
        500, "requests", "From one address in the long run, ten seconds of them at once; beyond it they are read later."
    ),
    "PROMPTS_PER_MINUTE": Limit(
        30, "prompts", "Of one subject, and a minute's worth at once; vendors' first tiers take 50 (Anthropic) for all."
    ),
    "ROOM_PROMPTS_PER_MINUTE": Limit(300, "prompts", "In one room, from whomever; ten people at their fastest."),
    "RUNS_PER_SUBJECT": Limit(
        20, "runs", "Open at once in the rooms that are awake; GitHub runs so many jobs at once for a free account."
    ),
    "ROOM_BYTES": Limit(
        256 << 20, "bytes", "Updates in one room's log; eight of the largest documents, or 40 million words of agents."
    ),
    "MEMORY_MIB": Limit(
        0, "MiB", "Resident; beyond it nobody comes in and who hoards most is closed with 1013. 0: MEMORY_PERCENT."
    ),
}
"""What an operator may change: upper-case names here, lower-case ones as the fields of `Allowance`."""

FIXED: dict[str, Limit] = {
    "DESCRIPTORS_SPARE": Limit(
        64, "descriptors", "Of the process's, kept for the store, models and tools; of few descriptors a sixteenth."
    ),
    "ADDRESSES": Limit(
        65_536, "addresses", "Whose rates are remembered, 200 bytes each; whoever came last longest ago is forgotten."
    ),
    "NETWORK_BITS": Limit(64, "bits", "Of an IPv6 address count as one address: a household gets so many at least."),
    "TURNED_AWAY": Limit(64, "sockets", "That are told why at one time; more of them are cut without a word."),
    "TURNED_AWAY_S": Limit(1, "seconds", "For being told why: a head is read and thrown away, unjudged."),
    "STRANGER_S": Limit(30, "seconds", "For a Hocuspocus socket to be granted its first document; then 4401."),
    "BODIES_BYTES": Limit(
        64 << 20, "bytes", "Of HTTP bodies that are being read, together; four of the largest, or 64 commands."
    ),
    "ROOMS_AWAKE": Limit(
        10_000, "rooms", "In memory, each for ROOM_IDLE_S at least; as many as sockets, and others wait for theirs."
    ),
    "MEMORY_PERCENT": Limit(
        80, "percent", "Of what the machine or its control group has; the rest is for what a second may bring."
    ),
    "CLOSED_LINES": Limit(
        60,
        "lines",
        "In the log, a minute, of sockets that were closed; a storm of them would fill the disk with lines.",
    ),
    "REQUESTS_BURST_S": Limit(
        10, "seconds", "Of REQUESTS_PER_S at once: a page that loads, a debugger that opens a room."
    ),
    "HOARD_BYTES": Limit(
        64 << 10, "bytes", "Who holds less is not closed for the memory's sake: a good tab on a slow line has so much."
    ),
    "ADMISSION_S": Limit(1, "seconds", "Between two looks at the memory in use."),
}


class Allowance(Struct, frozen=True, kw_only=True):
    """What one process lets in: each field is the limit of that name."""

    connections: int = CHANGEABLE["CONNECTIONS"].value
    sockets_per_address: int = CHANGEABLE["SOCKETS_PER_ADDRESS"].value
    sockets_per_subject: int = CHANGEABLE["SOCKETS_PER_SUBJECT"].value
    handshakes_per_s: int = CHANGEABLE["HANDSHAKES_PER_S"].value
    requests_per_s: int = CHANGEABLE["REQUESTS_PER_S"].value
    prompts_per_minute: int = CHANGEABLE["PROMPTS_PER_MINUTE"].value
    room_prompts_per_minute: int = CHANGEABLE["ROOM_PROMPTS_PER_MINUTE"].value
    runs_per_subject: int = CHANGEABLE["RUNS_PER_SUBJECT"].value
    room_bytes: int = CHANGEABLE["ROOM_BYTES"].value
    memory_mib: int = CHANGEABLE["MEMORY_MIB"].value
