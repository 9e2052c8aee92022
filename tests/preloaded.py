"""`plait` commands as forks of a process that has loaded plait: a start costs milliseconds, not a processor's second.

Several hundred tests want a server of their own, and most of what a start costs is imports. What is forked here is a
process like any other: with its own id, folder, environment, files and sockets, ended by any signal, and gone with the
test that forgets it. Rules:

- The parent has loaded modules and done nothing else: no thread, no loop, no store. It imports from where the installed
  command does, not from the checkout's root. It has a session of its own: Ctrl+C is for the tests, with which it ends.
- A server has two parents, and one that starts again is a fork of the other. So what comes after a crash has
  another hash seed than what was before it, as two processes have.
- Examples are forks of a third, whose imports have raised whatever Python warns of, as they themselves do.
- What the interpreter itself reads from its environment, and whatever runs plait inside another program, is started
  and not forked; and so are the verbs in their own tests (tests/runtime/cli) and in those of bad moments, a start's
  among them (tests/processes).
"""

import atexit
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import trio

PLAIT = Path(sys.executable).with_name("plait")
STRICT = 2
"""The number of the parent for which a warning is an error."""

SERVED = ("cli.serve", "models.demo", "models.echo")
"""What a `plait serve` of the tests loads before it answers, below plait.runtime."""


def _read_by_python(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("PYTHON")}


_OURS = _read_by_python(os.environ)


def forkable(env: Mapping[str, str]) -> bool:
    """Whether a fork has what the interpreter would read from this environment when it starts."""
    return _read_by_python(env) == _OURS


class Command:
    """A `plait …` that runs. `stdout` is the reading end of a pipe, which belongs to whoever asked."""

    def __init__(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        stderr: int,
        *,
        nth: int = 0,
        script: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        """`nth` says which of the two parents it comes from, and `script` what is run in place of plait, for which a
        warning is an error; `env` has to be forkable."""
        assert forkable(env)
        parent = _parent(nth % 2 if script is None else STRICT)
        self.stdout, theirs = os.pipe()
        self._line, far = socket.socketpair()
        self._code: int | None = None
        wanted = json.dumps([[str(script or PLAIT), *arguments], str(folder or Path.cwd()), dict(env)]).encode()
        try:
            with _asking:
                socket.send_fds(parent, [len(wanted).to_bytes(4, "big")], [far.fileno(), theirs, stderr])
                parent.sendall(wanted)
            far.close()
            self.pid = self._number()
        except BaseException:
            os.close(self.stdout)
            self._line.close()
            raise
        finally:
            os.close(theirs)
            far.close()

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended: the parent knows, so no stranger who got its id is hit."""
        if self._code is None:
            with suppress(ConnectionError):  # It ended, and its code lies at this end of the line.
                self._line.send(bytes([number]))

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended; below 0 for the signal that ended it. Raises TimeoutError."""
        if self._code is None:
            self._line.settimeout(timeout)
            self._code = self._number()
            self._line.close()
        return self._code

    async def wait_in_trio(self) -> int:
        """The same, for Trio."""
        if self._code is None:
            await trio.lowlevel.wait_readable(self._line)
        return self.wait()

    def forget(self) -> None:
        """Let go of it, which ends it."""
        self._line.close()

    def _number(self) -> int:
        told = self._line.recv(4, socket.MSG_WAITALL)
        if len(told) < 4:
            self._line.close()
            raise ChildProcessError("the process that plait is forked from has ended")
        return int.from_bytes(told, "big", signed=True)


_asking = threading.Lock()
_parents: dict[int, socket.socket] = {}
"""By number; each lives until this process ends, and knows that by the end of its socket."""


def _parent(number: int) -> socket.socket:
    with _asking:
        if number not in _parents:
            _parents[number], far = socket.socketpair()
            with far:
                warning = ("-W", "error") if number == STRICT else ()
                command = [sys.executable, "-P", *warning, __file__, str(far.fileno())]
                nothing = subprocess.DEVNULL
                process = subprocess.Popen(
                    command, pass_fds=[far.fileno()], stdin=nothing, stdout=nothing, start_new_session=True
                )
            atexit.register(_leave, _parents[number], process)
        return _parents[number]


def _leave(parent: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    parent.close()
    process.wait()


class _Parent:
    """The process that forks: it waits for requests and for the ends of its children, and for nothing else."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._bell, self._rung = socket.socketpair()
        self._lines: dict[int, socket.socket] = {}
        self._heard = selectors.DefaultSelector()

    def serve(self) -> list[str]:
        """Fork whenever it is asked. Returns in the children alone, with what each of them is to run."""
        self._rung.setblocking(False)
        signal.set_wakeup_fd(self._rung.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._heard.register(self._requests, selectors.EVENT_READ)
        self._heard.register(self._bell, selectors.EVENT_READ)
        while True:
            for key, _ in self._heard.select():
                if key.fileobj is self._bell:
                    self._bell.recv(4096)
                    self._tell_ends()
                elif key.fileobj is not self._requests:
                    self._pass_on(key.data)
                elif (arguments := self._fork()) is not None:
                    return arguments

    def _fork(self) -> list[str] | None:
        length, descriptors, _, _ = socket.recv_fds(self._requests, 4, 3)
        if not length:
            self._leave()
        arguments, folder, env = json.loads(self._requests.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL))
        line, stdout, stderr = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_a_command(stdout, stderr)
            os.close(line)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(env)
            return arguments
        os.close(stdout)
        os.close(stderr)
        self._lines[pid] = socket.socket(fileno=line)
        with suppress(ConnectionError):
            self._lines[pid].send(pid.to_bytes(4, "big"))
        self._heard.register(self._lines[pid], selectors.EVENT_READ, pid)
        return None

    def _become_a_command(self, stdout: int, stderr: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._heard.close()
        for each in (self._requests, self._bell, self._rung, *self._lines.values()):
            each.close()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)

    def _pass_on(self, pid: int) -> None:
        """A signal to a child. The end of its line means that nobody waits for it any more."""
        if pid in self._lines:
            number = b""
            with suppress(ConnectionError):
                number = self._lines[pid].recv(1)
            os.kill(pid, number[0] if number else signal.SIGKILL)

    def _tell_ends(self) -> None:
        for pid in list(self._lines):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                line = self._lines.pop(pid)
                self._heard.unregister(line)
                with line, suppress(ConnectionError):
                    line.send(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))

    def _leave(self) -> NoReturn:
        for pid in self._lines:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


if __name__ == "__main__":
    from importlib import import_module
    from runpy import run_path

    for _name in SERVED:
        import_module(f"plait.runtime.{_name}")
    assert threading.active_count() == 1, "a thread would not live on in a fork"
    gc.collect()
    gc.freeze()  # What is never looked at by the collector is never copied.
    sys.argv[:] = _Parent(socket.socket(fileno=int(sys.argv[1]))).serve()
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    run_path(sys.argv[0], run_name="__main__")
