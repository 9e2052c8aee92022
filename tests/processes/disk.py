"""The disk under a real server fails or is full for a while, with the crowd at work, and then it is well again.

While it lasts the server stays up, says in `/health` what is wrong, and each asker is refused or told that the outcome
is unknown, unless it is on disk. Afterwards it goes on by itself. Faults are injected into the running process by
strace; where mounting is allowed, a disk is also really full: a small tmpfs, which only the server sees.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import trio

from .crowd import ROOM, Crowd, crowd, sentence
from .killing import Say, verify
from .server import TriedServer

FAULTS = {
    "syncs fail": ("fdatasync", "error=EIO"),
    "writes fail": ("pwrite64", "error=EIO"),
    "a write in three fails": ("pwrite64", "error=EIO:when=2+3"),
    "a sync in two fails": ("fdatasync", "error=EIO:when=1+2"),
    "no room": ("pwrite64", "error=ENOSPC"),
}
"""What strace does to which system calls of the process, until it is detached."""

LASTS_S = 0.3
WELL_S = 240.0
"""Until a command is acked again: tabs and rooms wait longer after each failure in a row."""


async def disk_fails(folder: Path, faults: list[str], say: Say) -> None:
    """One server and one crowd through these faults, one after the other, and then `kill -9`."""
    server = TriedServer(folder)
    await server.start()
    try:
        async with crowd(server) as people:
            await people.meet()
            for n, name in enumerate(faults):
                before = len(people.acked)
                async with server.injecting(*FAULTS[name]):
                    told = await _refused(server, f"during {n}")
                    shown = await health(server)
                    await trio.sleep(LASTS_S)
                await well(server, people, f"after {n}")
                say(f"{name}: a prompt was told {told}, health said {shown}; {len(people.acked) - before} acked since")
            await _promises_hold(server, people)
    finally:
        await server.close()


async def disk_full(folder: Path, size_mib: int, rounds: int, say: Say) -> None:
    """The same on a tmpfs of that size that somebody else fills up, and empties again."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = ("sh", "-c", f'mount -t tmpfs -o size={size_mib}m plait "$0" && exec "$@"', str(disk))
    server = TriedServer(folder, wrapper=("unshare", "-m", *mounted), store=disk / "plait.db")
    await server.start()
    seen = Path(f"/proc/{server.pid}/root{disk}")
    try:
        async with crowd(server) as people:
            await people.meet()
            for n in range(rounds):
                with full(seen / "filler"):
                    told = await _refused(server, f"during {n}")
                    shown = await health(server)
                    await trio.sleep(LASTS_S)
                await well(server, people, f"after {n}")
                say(f"tmpfs full: a prompt was told {told}, health said {shown}")
            await people.agree()
            await people.check()
            # Where the server is, because SQLite follows the link in /proc to a place where there is no such file.
            inside = ["nsenter", "-t", str(server.pid), "-m", *server.verb("verify")]
            done = await trio.run_process(inside, capture_stdout=True, check=False)
            assert done.returncode == 0, done.stdout.decode()
            assert await server.terminate() == 0
    finally:
        await server.close()


@contextlib.contextmanager
def full(filler: Path) -> Iterator[None]:
    """Every free page of the disk belongs to a file of somebody else's."""
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


async def can_mount() -> bool:
    """Whether this process may mount a tmpfs that only it sees."""
    if os.geteuid() != 0:
        return False
    tried = ["unshare", "-m", "--", "mount", "-t", "tmpfs", "-o", "size=1m", "plait", "/mnt"]
    return (await trio.run_process(tried, capture_stderr=True, check=False)).returncode == 0


async def _refused(server: TriedServer, name: str) -> str:
    """Ask until the fault shows; the code that the asker was told. What was refused is not in the log, by `check`."""
    with trio.fail_after(WELL_S):
        for n in range(10_000):
            answer = await _ask(server, f"{name} {n}")
            if "ok" not in answer:
                return str(answer.get("unknown", answer.get("refused", answer))["code"])
    raise AssertionError("the fault never showed")


async def _ask(server: TriedServer, name: str) -> dict[str, dict[str, str]]:
    """A prompt in a room of its own, so that the crowd's log has only the crowd's."""
    body = {"id": name, "do": "prompt", "text": sentence(name)}
    status, answer = await server.post("/api/rooms/beside/commands", body)
    assert (status == 200) == ("ok" in answer), (status, answer)
    return answer


async def health(server: TriedServer) -> str:
    """What the server says of its store; that it answers at all is half of the check."""
    status, body = await server.get("/health")
    assert status == 200
    return str(json.loads(body)["store"])


async def well(server: TriedServer, people: Crowd, name: str) -> None:
    """Return when prompts are acked again, the crowd's too, and health says so."""
    before = len(people.acked)
    answered = False
    with trio.fail_after(WELL_S):
        while True:
            answered = answered or "ok" in await _ask(server, name)
            if answered and len(people.acked) >= before + 3 and await health(server) == "ok":
                return
            await trio.sleep(0.05)


async def _promises_hold(server: TriedServer, people: Crowd) -> None:
    await people.agree()
    await people.check()
    await server.kill()
    await people.leave()
    await server.start()
    await people.check()
    status, body = await server.get(f"/api/rooms/{ROOM}/records?limit=1")
    assert status == 200
    assert body
    assert await server.terminate() == 0
    await verify(server.path)
