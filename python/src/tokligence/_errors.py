"""What can go wrong with a gateway."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN_LOG_LINES = 20


class GatewayError(RuntimeError):
    """A gateway cannot be had; the message says why and ends with the last lines it logged.

    logs holds all the lines that were kept of it.
    """

    def __init__(self, message: str, logs: Sequence[str] = ()) -> None:
        """Put the last of the lines below the message."""
        super().__init__("\n".join([message, *logs[-_SHOWN_LOG_LINES:]]))
        self.logs = list(logs)


class PortInUseError(GatewayError):
    """Another program listens on the port that was asked for."""


class BinaryNotFoundError(GatewayError, FileNotFoundError):
    """There is no gateway program to run; the message says what to do."""
