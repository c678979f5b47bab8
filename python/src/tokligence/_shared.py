"""The one gateway that a script or a notebook shares."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from ._errors import GatewayError
from ._gateway import Gateway, Status
from ._process import guard

_Asked = tuple[int, Optional[str], dict[str, str]]

_shared: tuple[_Asked, Gateway] | None = None


def start(
    port: int = 0,
    config: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    start_timeout: float = 30.0,
) -> Gateway:
    """Return this process's gateway when it answers; start it unless it runs.

    So a notebook's cell may be run again. The arguments are those of Gateway; a gateway that runs with others
    is an error. Stop it with stop(), or with the stop() of what is returned. start_timeout counts for a
    gateway that is made anew.
    """
    global _shared
    asked: _Asked = (port, None if config is None else os.fspath(config), dict(env or {}))
    with guard:
        if (
            _shared is not None
            and _shared[0] != asked
            and _shared[1].status().state not in ("stopped", "failed")
        ):
            raise GatewayError(
                "this process's gateway runs with other arguments: call tokligence.stop() first, or make "
                "another one with tokligence.Gateway(...)"
            )
        if _shared is None or _shared[0] != asked:
            _shared = (asked, Gateway(port, config, env, start_timeout))
        gateway = _shared[1]
    return gateway.start()


def stop(timeout: float = 10.0) -> None:
    """End the gateway that start() started, if there is one; see Gateway.stop."""
    if _shared is not None:
        _shared[1].stop(timeout)


def status() -> Status:
    """Return how the gateway is that start() started."""
    if _shared is None:
        return Status("stopped", None, None, None, None, 0)
    return _shared[1].status()
