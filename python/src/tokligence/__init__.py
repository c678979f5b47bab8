"""Starts, watches and stops Tokligence Gateway from Python.

import tokligence

with tokligence.Gateway() as gw:
    print(gw.openai_base_url, gw.api_key)
"""

from __future__ import annotations

from ._ask import Usage
from ._async import AsyncGateway
from ._errors import BinaryNotFoundError, GatewayError, PortInUseError
from ._find import find_binary
from ._gateway import Gateway, Status
from ._shared import start, status, stop
from ._version import __version__

__all__ = [
    "AsyncGateway",
    "BinaryNotFoundError",
    "Gateway",
    "GatewayError",
    "PortInUseError",
    "Status",
    "Usage",
    "__version__",
    "find_binary",
    "start",
    "status",
    "stop",
]
