"""A gateway as the caller sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ._ask import Usage, ask_health, ask_usage
from ._errors import GatewayError, PortInUseError
from ._process import Log, guard
from ._program import Settings
from ._supervisor import FAILED, RUNNING, STARTING, STOPPED, Ready, Supervisor

if TYPE_CHECKING:
    from datetime import datetime


class Status(NamedTuple):
    """How a gateway is. What it does not have is None.

    state is "running", "starting", "restarting" after a crash, "stopped", or "failed" when it was given up.
    """

    state: str
    url: Optional[str]
    port: Optional[int]
    pid: Optional[int]
    version: Optional[str]
    restarts: int

    @property
    def running(self) -> bool:
        """Whether the gateway takes calls."""
        return self.state == RUNNING


class Gateway:
    """A gateway that runs until stop() or the end of this process, whichever comes first.

    It listens on 127.0.0.1 only and asks for the key in api_key. When it crashes it is started again on the
    same port. All methods may be called from any thread.
    """

    def __init__(
        self,
        port: int = 0,
        config: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        start_timeout: float = 30.0,
    ) -> None:
        """Prepare a gateway; start() or a with statement starts it.

        port 0 is a free port. config is the path of a YAML file. env is added to the environment of the
        gateway: providers' keys, TOKLIGENCE_DATA_DIR, any other setting, also a TOKLIGENCE_API_KEY to use in
        place of a random one. start_timeout is in seconds.
        """
        self._settings = Settings(port, config, env)
        self._start_timeout = start_timeout
        self._log = Log()
        self._supervisor: Supervisor | None = None

    def start(self) -> Gateway:
        """Return when the gateway answers; start it unless it runs.

        Raises GatewayError if it does not come up.
        """
        with guard:
            supervisor = self._supervisor
            anew = supervisor is None or supervisor.state in (STOPPED, FAILED) or self._lost(supervisor)
            if supervisor is None or anew:
                self._log = Log()
                supervisor = Supervisor(
                    self._settings.program(), self._settings.port, self._log, self._start_timeout
                )
                self._supervisor = supervisor
        try:
            if anew:
                supervisor.begin()
            state = supervisor.wait()
        except BaseException:  # Ctrl-C too
            supervisor.stop(timeout=0)
            raise
        if state != RUNNING:
            raise self._failure(supervisor)
        return self

    def _lost(self, supervisor: Supervisor) -> bool:
        """Tell whether the gateway was the parent's, and is gone."""
        return supervisor.inherited and self.health()["status"] == "down"

    def _failure(self, supervisor: Supervisor) -> GatewayError:
        logs = self.logs()
        port = self._settings.port
        if supervisor.state == FAILED and supervisor.ready is None and _taken(port):
            return PortInUseError(
                f"the gateway did not start: port {port} is taken, maybe by another gateway; stop that, or "
                "ask for port 0, which is a free one",
                logs,
            )
        return GatewayError(supervisor.why, logs)

    def stop(self, timeout: float = 10.0) -> None:
        """End the gateway and return when it is gone. Calling it again does nothing.

        Calls in flight are finished first; after timeout seconds they are cut.
        """
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.stop(timeout)

    def __enter__(self) -> Gateway:
        """Start the gateway."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the gateway."""
        self.stop()

    def _running(self) -> tuple[Supervisor, Ready]:
        supervisor = self._supervisor
        if supervisor is not None and supervisor.state == FAILED:
            raise self._failure(supervisor)
        if supervisor is None or supervisor.ready is None or supervisor.state == STOPPED:
            raise GatewayError("the gateway is not running; call start()")
        return supervisor, supervisor.ready

    @property
    def url(self) -> str:
        """Where the gateway listens, such as http://127.0.0.1:40123."""
        return self._running()[1].url

    @property
    def openai_base_url(self) -> str:
        """The base URL for OpenAI clients."""
        return self.url + "/v1"

    @property
    def anthropic_base_url(self) -> str:
        """The base URL for Anthropic clients."""
        return self.url + "/anthropic"

    @property
    def api_key(self) -> str:
        """The key that clients must send. It stays the same from one start to the next."""
        return self._settings.api_key

    @property
    def port(self) -> int:
        """The port the gateway listens on, the same after a crash."""
        return self._running()[1].port

    @property
    def pid(self) -> int:
        """The process id of the gateway; another one after a crash."""
        pid = self._running()[0].pid
        assert pid is not None
        return pid

    @property
    def restarts(self) -> int:
        """How often the gateway was started again after a crash, since start()."""
        return 0 if self._supervisor is None else self._supervisor.restarts

    def status(self) -> Status:
        """Return how the gateway is, without asking it."""
        supervisor = self._supervisor
        if supervisor is None:
            return Status(STOPPED, None, None, None, None, 0)
        state, ready = supervisor.state, supervisor.ready
        if ready is None or state in (STARTING, STOPPED, FAILED):
            return Status(state, None, None, None, None, supervisor.restarts)
        return Status(state, ready.url, ready.port, supervisor.pid, ready.version, supervisor.restarts)

    def health(self) -> dict[str, Any]:
        """Ask the gateway how it is.

        The answer's status is "ok" when it takes calls and "down", with an error, when it does not answer.
        """
        try:
            port = self.port
        except GatewayError as error:
            return {"status": "down", "error": str(error)}
        return ask_health(port)

    def logs(self) -> list[str]:
        """Return the latest log lines of the gateway, the oldest first."""
        return self._log.lines()

    def usage(self, since: str | datetime | None = None, by: Sequence[str] | None = None) -> list[Usage]:
        """Return what the ledger in the gateway's data folder holds, whether the gateway runs or not.

        since is "24h", "30d", a day, a time as in RFC 3339 or a datetime; not given, the last 30 days. by
        groups by any of day, user, key, team, provider, model and outcome; not given, by provider and model.
        """
        supervisor = self._supervisor
        program = self._settings.program() if supervisor is None else supervisor.program
        return ask_usage(program, since, by)

    def __repr__(self) -> str:
        """Say where the gateway is, without its key."""
        state, url = self.status()[:2]
        return f"<tokligence.{type(self).__name__} {state}{' at ' + url if url else ''}>"

    def _repr_html_(self) -> str:
        """Show the gateway in a notebook, without its key: notebooks are passed on."""
        from datetime import datetime, timezone
        from functools import partial

        from ._html import table

        usage = None
        if self._supervisor is not None:
            since = datetime.fromtimestamp(self._supervisor.started, timezone.utc)
            usage = partial(self.usage, since, [])
        return table(self.status()._asdict(), usage)


def _taken(port: int) -> bool:
    """Tell whether another program listens on a port of 127.0.0.1."""
    if port == 0:
        return False
    import socket

    with socket.socket() as probe:
        if os.name == "posix":  # as the gateway does: a port that was just let go is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False
