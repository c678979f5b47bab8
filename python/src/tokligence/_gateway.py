"""Runs one gateway as a child of this process."""

from __future__ import annotations

import collections
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from ._find import find_binary

_KEPT_LOG_LINES = 200


class GatewayError(RuntimeError):
    """The gateway could not be started; the message ends with its last log lines."""


class Gateway:
    """A gateway that lives as long as this process wants it to.

    port is the port to listen on at 127.0.0.1, 0 for a free one. config is the path of a YAML file. env is
    added to the environment of the program. The gateway asks for the key in api_key and for no other.
    """

    def __init__(
        self,
        port: int = 0,
        config: str | None = None,
        env: Mapping[str, str] | None = None,
        start_timeout: float = 30.0,
    ) -> None:
        """Prepare a gateway; start() or a with statement starts it."""
        self.api_key = secrets.token_urlsafe(32)
        self._want_port = port
        self._config = config
        self._env = dict(env or {})
        self._start_timeout = start_timeout
        self._process: subprocess.Popen[str] | None = None
        self._log: collections.deque[str] = collections.deque(maxlen=_KEPT_LOG_LINES)
        self._ready: dict[str, Any] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> Gateway:
        """Start the program and return when it answers. Raises GatewayError if it does not come up."""
        if self._process is not None:
            return self
        argv = [find_binary(), "serve", "--ready-json", "--parent-watch=stdin"]
        argv.append(f"--listen=127.0.0.1:{self._want_port}")
        if self._config is not None:
            argv.append(f"--config={self._config}")
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **self._env, "TOKLIGENCE_API_KEY": self.api_key},
        )
        told = threading.Event()
        assert self._process.stdout is not None and self._process.stderr is not None
        self._watch(self._read_ready, self._process.stdout, told)
        self._watch(self._read_log, self._process.stderr)
        told.wait(self._start_timeout)
        if not self._ready:
            self.stop()
            raise GatewayError("the gateway did not start:\n" + "\n".join(self.logs()[-20:]))
        return self

    def _watch(self, read: Any, *args: Any) -> None:
        thread = threading.Thread(target=read, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _read_ready(self, stdout: Iterable[str], told: threading.Event) -> None:
        for line in stdout:
            if not self._ready:
                try:
                    message = json.loads(line)
                except ValueError:
                    continue
                if isinstance(message, dict) and message.get("event") == "ready":
                    self._ready = message
                    told.set()
        told.set()

    def _read_log(self, stderr: Iterable[str]) -> None:
        for line in stderr:
            self._log.append(line.rstrip("\n"))

    def stop(self) -> None:
        """End the program and wait until it is gone. Calling it again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        self._threads.clear()
        self._ready = {}

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

    def _told(self, name: str) -> Any:
        if not self._ready:
            raise GatewayError("the gateway is not running; call start()")
        return self._ready[name]

    @property
    def url(self) -> str:
        """Where the gateway listens, such as http://127.0.0.1:40123."""
        return str(self._told("url"))

    @property
    def port(self) -> int:
        """The port the gateway listens on."""
        return int(self._told("port"))

    @property
    def pid(self) -> int:
        """The process id of the gateway."""
        return int(self._told("pid"))

    @property
    def openai_base_url(self) -> str:
        """The base URL for OpenAI clients."""
        return self.url + "/v1"

    @property
    def anthropic_base_url(self) -> str:
        """The base URL for Anthropic clients."""
        return self.url + "/anthropic"

    def logs(self) -> list[str]:
        """Return the latest log lines of the gateway."""
        return list(self._log)
