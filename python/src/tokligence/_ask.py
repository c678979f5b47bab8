"""Asks a gateway about itself, over HTTP and through its command line."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, TypedDict

from ._errors import GatewayError
from ._program import Program

if TYPE_CHECKING:
    from datetime import datetime

_HEALTH_TIMEOUT = 5.0  # seconds
_USAGE_TIMEOUT = 60.0  # seconds


class Usage(TypedDict):
    """What a group of calls used, as 'gateway usage --json' prints it."""

    group: dict[str, str]
    requests: int
    attempts: int
    failures: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    media_tokens: int
    cost_nano_usd: int
    unpriced_attempts: int
    estimated_attempts: int
    first: Optional[str]
    last: Optional[str]


def ask_health(port: int) -> dict[str, Any]:
    """Return what the gateway says of itself, a status of "down" if it does not answer."""
    import http.client  # not urllib, which would ask a proxy for this machine
    import json

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        body = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"status": "down", "error": f"the gateway does not answer: {error}"}
    finally:
        connection.close()
    return body if isinstance(body, dict) else {"status": "down", "error": "the answer is not the gateway's"}


def ask_usage(program: Program, since: str | datetime | None, by: Sequence[str] | None) -> list[Usage]:
    """Return what the ledger holds, the calls of a moment ago included."""
    import json

    argv = program.argv("usage", "--json")
    if since is not None:
        moment = since if isinstance(since, str) else since.astimezone().isoformat()
        argv.append(f"--since={moment}")
    if by is not None:
        argv.append("--by=" + ",".join(by))
    try:
        run = subprocess.run(
            argv,
            executable=program.binary,
            cwd=program.folder,
            env=program.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_USAGE_TIMEOUT,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GatewayError(f"the usage cannot be read: {error}") from error
    if run.returncode != 0:
        raise GatewayError("the usage cannot be read", run.stderr.splitlines())
    rows: list[Usage] = json.loads(run.stdout)
    return rows
