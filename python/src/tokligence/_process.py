"""One run of the program, and the pipes that tie it to this process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Any

from ._errors import GatewayError
from ._program import Program

_KEPT_LOG_LINES = 500
_LONGEST_LINE = 64 << 10  # bytes
_PIPE_SIZE = 1 << 20  # bytes, what Linux allows everyone

# Held while a process forks, so that a forked child finds nothing half made.
guard = threading.RLock()
_running: weakref.WeakSet[Process] = weakref.WeakSet()


class Log:
    """The latest lines of a gateway. It has no lock that a forked child could find taken."""

    def __init__(self) -> None:
        """Begin an empty log."""
        self._lines: deque[str] = deque(maxlen=_KEPT_LOG_LINES)

    def add(self, line: str) -> None:
        """Add a line, and drop the oldest if there are many."""
        self._lines.append(line)

    def lines(self) -> list[str]:
        """Return the lines, the oldest first."""
        while True:
            try:
                return list(self._lines)
            except RuntimeError:  # a line was added meanwhile
                continue


class Process:
    """One run of the program. It ends when its standard input does, so it cannot outlive this process."""

    def __init__(self, program: Program, port: int) -> None:
        """Run the program on a port, away from the terminal's Ctrl-C and the notebook's interrupt."""
        argv = program.argv("serve", "--ready-json", "--parent-watch=stdin", f"--listen=127.0.0.1:{port}")
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        with guard:
            try:
                self._popen = subprocess.Popen(
                    argv,
                    executable=program.binary,
                    cwd=program.folder,
                    env=program.env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,  # files without locks, which disown can close
                    **apart,
                )
            except OSError as error:
                raise GatewayError(f"{program.binary} cannot be run: {error}") from error
            _running.add(self)
        if sys.platform == "linux":
            _widen(self._popen.stderr)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def follow(self, log: Log, say: Callable[[str], None]) -> int:
        """Read what the program writes until it ends; return its exit code.

        Lines of the standard output go to say, the others into the log. Both are read whatever happens: a
        program with a full pipe would stand still.
        """
        drain = threading.Thread(target=_drain, args=(self._popen.stderr, log.add), daemon=True)
        try:
            drain.start()
            _drain(self._popen.stdout, say)
            drain.join()
        except BaseException:
            self.kill()
            raise
        finally:
            code = self.wait()
        return code

    def wait(self) -> int:
        """Return the exit code when the program is gone."""
        code = self._popen.wait()
        with guard:
            self.forget()
            _running.discard(self)
        return code

    def let_go(self) -> None:
        """Tell the program to end, by closing its standard input."""
        with guard:
            assert self._popen.stdin is not None
            self._popen.stdin.close()

    def kill(self) -> None:
        """End the program at once."""
        self._popen.kill()

    def forget(self) -> None:
        """Close this process's ends of the pipes, without a word to the program."""
        for end in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            assert end is not None
            end.close()

    def disown(self) -> None:
        """Forget, in a forked child, the program of the parent: an open pipe would keep it alive."""
        self.forget()
        self._popen.returncode = 0  # not ours to wait for


def _widen(pipe: IO[bytes] | None) -> None:
    """Make room for the log of a while in which this process is stopped, or lets no thread run."""
    import fcntl

    set_size = 1031  # F_SETPIPE_SZ, which Python 3.9 does not name
    assert pipe is not None
    with contextlib.suppress(OSError):  # the user has many wide pipes already
        fcntl.fcntl(pipe.fileno(), set_size, _PIPE_SIZE)


def _drain(pipe: IO[bytes] | None, take: Callable[[str], None]) -> None:
    for line in _lines(pipe):
        take(line.decode("utf-8", "replace").rstrip("\r\n"))


def _lines(pipe: IO[bytes] | None) -> Iterator[bytes]:
    assert pipe is not None
    with open(pipe.fileno(), "rb", closefd=False) as lines:
        while line := lines.readline(_LONGEST_LINE):
            yield line


def _disown_all() -> None:
    for process in _running:
        process.disown()
    _running.clear()
    guard.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=guard.acquire, after_in_parent=guard.release, after_in_child=_disown_all)
