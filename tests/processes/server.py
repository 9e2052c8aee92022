"""A real `plait serve` that can be interfered with while it runs: killed, traced, limited, wrapped in another program.

strace is attached to the running process and not put before it, so that a start costs what a start costs and the room
of a fault ends when its block does: detaching leaves the process as it was.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.conftest import need
from tests.end_to_end.serving import ServerProcess

PATIENT_S = 600.0
"""For a start at the lowest priority on a machine with other work; a quiet one needs a second or two."""

ROUND_S = 300.0
"""Until an injected death has come; a busy machine needs several seconds for some hundreds of commits."""


def require_strace() -> None:
    """Skip, or fail under PLAIT_REQUIRE_ALL, where strace is missing."""
    if shutil.which("strace") is None:
        need("strace", "apt-get install strace")


class TriedServer(ServerProcess):
    """A server on a file in `folder`.

    `wrapper` is a command that runs the rest of its arguments, as `unshare -m` is; `program` a Python file that stands
    for plait; `store` where the file is, if elsewhere.
    """

    preloaded = False

    def __init__(
        self,
        folder: Path,
        model: str = "echo:400",
        *,
        wrapper: Sequence[str] = (),
        program: Path | None = None,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        store: Path | None = None,
    ) -> None:
        super().__init__(folder, model, arguments, {"PYTHONFAULTHANDLER": "1", **(env or {})})
        self.wrapper = tuple(wrapper)
        self.program = program
        if store is not None:
            self.store = f"sqlite:///{store}"

    @property
    def path(self) -> Path:
        """The database."""
        return Path(self.store.removeprefix("sqlite:///"))

    def command(self, *more: str) -> list[str]:
        plait, *rest = super().command(*more)
        program = [plait] if self.program is None else [sys.executable, str(self.program)]
        return [*self.wrapper, *program, *rest]

    async def start(self, *, within_s: float = PATIENT_S) -> None:
        """As always; but a start that hangs shows where every thread of it stands."""
        try:
            await super().start(within_s=within_s)
        except AssertionError as error:
            with trio.CancelScope(shield=True):
                await self._end(signal.SIGABRT)
            raise AssertionError(f"{error}\n{self.log[-8000:]}") from error

    async def start_and_die(self, nth: int) -> bool:
        """Start under strace, which kills it at the nth fdatasync of a thread; whether it was not ready by then."""
        injected = f"inject=fdatasync:signal=SIGKILL:when={nth}"
        plain, self.wrapper = self.wrapper, ("strace", "-f", "-qq", "-o", "/dev/null", "-e", injected, *self.wrapper)
        try:
            await super().start(within_s=PATIENT_S)
        except AssertionError:
            await self.gone()
            return True
        finally:
            self.wrapper = plain
        # A signal to strace itself is not passed on, so what it traces is killed, and strace goes with it.
        children = await trio.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        os.kill(int(children.split()[0]), signal.SIGKILL)
        await self.gone()
        return False

    async def gone(self) -> None:
        """Return once the process has died of something that this object did not do."""
        with trio.fail_after(ROUND_S):
            await self._ended()

    @asynccontextmanager
    async def injecting(self, calls: str, what: str) -> AsyncIterator[None]:
        """For as long as the block lasts `what`, in strace's words, is done to these system calls of the process."""
        command = ["strace", "-f", "-o", "/dev/null", "-p", str(self.pid)]
        command += ["-e", f"trace={calls}", "-e", f"inject={calls}:{what}"]
        tracer = await trio.lowlevel.open_process(command, stderr=subprocess.PIPE)
        assert tracer.stderr is not None
        try:
            said = b""
            while b"attached" not in said:
                more = await tracer.stderr.receive_some()
                if not more and b"PTRACE" in said:
                    need("the right to trace processes", "run outside a sandbox that forbids ptrace")
                assert more, f"strace ended: {said.decode()}"
                said += more
            yield
        finally:
            with trio.CancelScope(shield=True):
                tracer.terminate()  # It detaches, and lets the process go on.
                await tracer.wait()
                await tracer.stderr.aclose()

    def verb(self, *arguments: str) -> list[str]:
        """The command line of another verb over the same store."""
        return [super().command()[0], *arguments, "--store", self.store]
