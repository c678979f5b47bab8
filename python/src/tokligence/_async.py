"""A gateway for programs with an event loop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._ask import Usage
from ._gateway import Gateway, Status

if TYPE_CHECKING:
    from datetime import datetime


class AsyncGateway:
    """A Gateway whose waiting is done outside the event loop.

    It takes the same arguments; whatever may wait is to be awaited. A start that is cancelled leaves nothing
    behind.
    """

    def __init__(
        self,
        port: int = 0,
        config: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        start_timeout: float = 30.0,
    ) -> None:
        """Prepare a gateway; start() or an async with statement starts it."""
        self._gateway = Gateway(port=port, config=config, env=env, start_timeout=start_timeout)

    async def start(self) -> AsyncGateway:
        """Return when the gateway answers; start it unless it runs.

        Raises GatewayError if it does not come up.
        """
        import asyncio

        if self._gateway.status().running:
            return self
        starting = asyncio.ensure_future(asyncio.to_thread(self._gateway.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._gateway.stop, 0)
            await asyncio.wait([starting])
            starting.exception()  # that it was stopped is no news
            await asyncio.to_thread(self._gateway.stop, 0)  # if it came up after the first stop
            raise
        return self

    async def stop(self, timeout: float = 10.0) -> None:
        """End the gateway and return when it is gone. Calling it again does nothing.

        Calls in flight are finished first; after timeout seconds they are cut.
        """
        import asyncio

        await asyncio.to_thread(self._gateway.stop, timeout)

    async def __aenter__(self) -> AsyncGateway:
        """Start the gateway."""
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the gateway."""
        await self.stop()

    @property
    def url(self) -> str:
        """Where the gateway listens, such as http://127.0.0.1:40123."""
        return self._gateway.url

    @property
    def openai_base_url(self) -> str:
        """The base URL for OpenAI clients."""
        return self._gateway.openai_base_url

    @property
    def anthropic_base_url(self) -> str:
        """The base URL for Anthropic clients."""
        return self._gateway.anthropic_base_url

    @property
    def api_key(self) -> str:
        """The key that clients must send. It stays the same from one start to the next."""
        return self._gateway.api_key

    @property
    def port(self) -> int:
        """The port the gateway listens on, the same after a crash."""
        return self._gateway.port

    @property
    def pid(self) -> int:
        """The process id of the gateway; another one after a crash."""
        return self._gateway.pid

    @property
    def restarts(self) -> int:
        """How often the gateway was started again after a crash, since start()."""
        return self._gateway.restarts

    def status(self) -> Status:
        """Return how the gateway is, without asking it."""
        return self._gateway.status()

    def logs(self) -> list[str]:
        """Return the latest log lines of the gateway, the oldest first."""
        return self._gateway.logs()

    async def health(self) -> dict[str, Any]:
        """Ask the gateway how it is; see Gateway.health."""
        import asyncio

        return await asyncio.to_thread(self._gateway.health)

    async def usage(
        self, since: str | datetime | None = None, by: Sequence[str] | None = None
    ) -> list[Usage]:
        """Return what the ledger holds; see Gateway.usage."""
        import asyncio

        return await asyncio.to_thread(self._gateway.usage, since, by)

    def __repr__(self) -> str:
        """Say where the gateway is, without its key."""
        return repr(self._gateway).replace("Gateway", "AsyncGateway", 1)

    def _repr_html_(self) -> str:
        """Show the gateway in a notebook, without its key."""
        return self._gateway._repr_html_()
