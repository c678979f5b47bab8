"""Starts and stops Tokligence Gateway from Python."""

from __future__ import annotations

from collections.abc import Mapping

from ._find import BinaryNotFoundError, find_binary
from ._gateway import Gateway, GatewayError
from ._version import __version__

__all__ = ["BinaryNotFoundError", "Gateway", "GatewayError", "__version__", "find_binary", "start"]


def start(port: int = 0, config: str | None = None, env: Mapping[str, str] | None = None) -> Gateway:
    """Start a gateway and return it when it answers. Stop it with its stop()."""
    return Gateway(port=port, config=config, env=env).start()
