"""What a gateway is run with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ._find import find_binary

_KEY = "TOKLIGENCE_API_KEY"


class Settings:
    """What the caller asked for. The key is the caller's own or a random one."""

    def __init__(
        self, port: int, config: str | os.PathLike[str] | None, env: Mapping[str, str] | None
    ) -> None:
        """Take what was asked for, relative paths as of now."""
        if not 0 <= port <= 65535:
            raise ValueError(f"port {port}: it is 0, for a free one, to 65535")
        self.port = port
        self.config = None if config is None else os.path.abspath(os.path.expanduser(config))
        self.env = dict(env or {})
        self.api_key = self.env.get(_KEY) or os.urandom(32).hex()

    def program(self) -> Program:
        """Return the program to run; the environment and the current folder are those of now."""
        inherited = dict(os.environ)
        # The key of another installation, which must not compete with ours.
        inherited.pop(_KEY + "_FILE", None)
        env = {**inherited, **self.env, _KEY: self.api_key}
        return Program(find_binary(), os.getcwd(), env, self.config)


class Program(NamedTuple):
    """A program with its surroundings, the same for every run."""

    binary: str
    folder: str
    env: dict[str, str]
    config: str | None

    def argv(self, *args: str) -> list[str]:
        """Return the command line; the first word chooses between the two names of the program."""
        line = ["gateway", *args]
        if self.config is not None:
            line.append(f"--config={self.config}")
        return line
