"""Keeps one gateway running, from its start to its end."""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import NamedTuple

from ._errors import GatewayError
from ._process import Log, Process
from ._program import Program

MOST_RESTARTS = 5  # without a minute of health between them
HEALTHY_AFTER = 60.0  # seconds
FIRST_PAUSE = 0.2  # seconds; it doubles with every further crash
LONGEST_PAUSE = 30.0  # seconds
EXIT_PATIENCE = 2.0  # seconds

STARTING = "starting"
RUNNING = "running"
RESTARTING = "restarting"
STOPPED = "stopped"
FAILED = "failed"


class Ready(NamedTuple):
    """What the program says when it answers."""

    url: str
    port: int
    version: str


class Supervisor:
    """Runs the program and, when it ends unasked, runs it again on the same port.

    One thread does all the work. A forked child of this process sees what was known at the fork, and cannot
    end the gateway of its parent.
    """

    def __init__(self, program: Program, port: int, log: Log, ready_within: float) -> None:
        """Prepare to run the program."""
        self.program = program
        self._port = port
        self._log = log
        self._ready_within = ready_within
        self._owner = os.getpid()
        self._change = threading.Condition()
        self._over = threading.Event()
        self._asked = False
        self._crashes = 0
        self.state = STARTING
        self.started = time.time()
        self.restarts = 0
        self.ready: Ready | None = None
        self.why = ""
        self._process: Process | None = None
        self._thread = threading.Thread(target=self._run, name="tokligence", daemon=True)

    def begin(self) -> None:
        """Run the program; wait says what became of it. Whatever is raised here is to be followed by stop."""
        with self._change:
            if self._asked:  # to stop, by another thread
                return
            try:
                self._process = Process(self.program, self._port)
            except GatewayError as error:
                self.why = str(error)
                raise
            atexit.register(self._leave)
            self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process id of the latest run."""
        return None if self._process is None else self._process.pid

    @property
    def inherited(self) -> bool:
        """Whether another process, which forked this one, runs the gateway."""
        return os.getpid() != self._owner

    def wait(self) -> str:
        """Return the state when the gateway neither starts nor restarts any more."""
        if not self.inherited:
            with self._change:
                self._change.wait_for(lambda: self.state not in (STARTING, RESTARTING))
        return self.state

    def stop(self, timeout: float) -> None:
        """End the program and return when it is gone; kill it after timeout seconds."""
        if not self._let_go():
            return
        process, followed = self._process, self._thread.ident is not None
        try:
            self._over.wait(min(timeout, threading.TIMEOUT_MAX) if followed else 0)
        finally:  # on Ctrl-C too
            if not self._over.is_set() and process is not None:
                process.kill()
            if followed:
                self._over.wait()
            else:
                self._abandon(process)

    def _abandon(self, process: Process | None) -> None:
        """End what was stopped or interrupted before the thread could follow it."""
        if process is not None:
            process.wait()
        atexit.unregister(self._leave)
        with self._change:
            self._end(FAILED if self.why else STOPPED, self.why or "the gateway was stopped")
        self._over.set()

    def _leave(self) -> None:
        """Wait a little at the end of the script: the next one may want the port.

        Calls in flight may end meanwhile; soon after us they are cut.
        """
        if self._let_go():
            self._over.wait(EXIT_PATIENCE)

    def _let_go(self) -> bool:
        if self.inherited:
            return False
        with self._change:
            self._asked = True
            if self._process is not None:
                self._process.let_go()
            self._change.notify_all()
        return True

    def _run(self) -> None:
        process = self._process
        try:
            while process is not None:
                process = self._after(self._attend(process))
        except BaseException as error:
            with self._change:
                self._end(FAILED, f"the gateway is not looked after any more: {error}")
            raise
        finally:
            atexit.unregister(self._leave)
            self._over.set()

    def _attend(self, process: Process) -> tuple[int, float | None]:
        """Follow one run to its end; return the exit code and when it began to answer, None for never."""
        since: float | None = None

        def say(line: str) -> None:
            nonlocal since
            ready = _ready(line)
            if ready is not None:
                late.cancel()
                since = time.monotonic()
                self._answers(ready)

        late = threading.Timer(min(self._ready_within, threading.TIMEOUT_MAX), self._kill_late, [process])
        late.daemon = True
        late.start()
        try:
            return process.follow(self._log, say), since
        finally:
            late.cancel()

    def _kill_late(self, process: Process) -> None:
        self._log.add(f"tokligence: no answer within {self._ready_within:g} s; killed")
        process.kill()

    def _answers(self, ready: Ready) -> None:
        with self._change:
            if self.ready is not None:
                self.restarts += 1
            self.ready = ready
            self.state = RUNNING
            self._change.notify_all()

    def _after(self, run: tuple[int, float | None]) -> Process | None:
        """Return the next run, None if there is to be none."""
        code, since = run
        with self._change:
            while not self._asked:
                if self.ready is None:
                    self._end(FAILED, f"the gateway did not start ({_told(code)})")
                    return None
                if since is not None and time.monotonic() - since >= HEALTHY_AFTER:
                    self._crashes = 0
                if self._crashes == MOST_RESTARTS:
                    self._end(FAILED, f"the gateway was restarted {MOST_RESTARTS} times and ended again")
                    return None
                pause = min(FIRST_PAUSE * 2**self._crashes, LONGEST_PAUSE)
                self._crashes += 1
                self.state = RESTARTING
                self._log.add(
                    f"tokligence: the gateway ended ({_told(code)}); it is started again in {pause:g} s"
                )
                if not self._change.wait_for(lambda: self._asked, pause):
                    try:
                        self._process = Process(self.program, self.ready.port)
                        return self._process
                    except GatewayError as error:
                        self._log.add(f"tokligence: {error}")
                        code, since = 1, None
            self._end(STOPPED, "the gateway was stopped")
        return None

    def _end(self, state: str, why: str) -> None:
        self.state, self.why = state, why
        self._change.notify_all()


def _ready(line: str) -> Ready | None:
    import json

    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("event") != "ready":
        return None
    return Ready(str(message["url"]), int(message["port"]), str(message["version"]))


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
