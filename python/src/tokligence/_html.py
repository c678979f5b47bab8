"""Shows a gateway in a notebook."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from typing import TYPE_CHECKING

from ._ask import Usage
from ._errors import GatewayError

if TYPE_CHECKING:
    from ._gateway import Gateway


def table(gateway: Gateway, started: float | None) -> str:
    """Return a table of where the gateway is and, if it was started, of what was used since."""
    status = gateway.status()
    rows = [("state", escape(status.state))]
    if status.url is not None:
        rows += [
            ("openai_base_url", f"<code>{escape(status.url)}/v1</code>"),
            ("anthropic_base_url", f"<code>{escape(status.url)}/anthropic</code>"),
            ("api_key", "<code>.api_key</code>"),
            ("pid", str(status.pid)),
            ("restarts", str(status.restarts)),
            ("version", escape(status.version or "")),
        ]
    if started is not None:
        since = datetime.fromtimestamp(started, timezone.utc)
        try:
            rows.append(("used since the start", escape(_used(gateway.usage(since=since, by=[])))))
        except GatewayError as error:
            rows.append(("used since the start", escape(str(error))))
    cells = "".join(
        f"<tr><th style='text-align:left'>{name}</th><td>{value}</td></tr>" for name, value in rows
    )
    return f"<table><caption>Tokligence Gateway</caption>{cells}</table>"


def _used(groups: list[Usage]) -> str:
    requests = sum(group["requests"] for group in groups)
    tokens_in = sum(
        group["input_tokens"] + group["cache_write_tokens"] + group["cache_read_tokens"] for group in groups
    )
    tokens_out = sum(group["output_tokens"] + group["reasoning_tokens"] for group in groups)
    cost = sum(group["cost_nano_usd"] for group in groups) / 1e9
    unknown = " and what has no price" if any(group["unpriced_attempts"] for group in groups) else ""
    return f"{requests} requests, {tokens_in} tokens in, {tokens_out} out, ${cost:.4f}{unknown}"
