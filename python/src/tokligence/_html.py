"""Shows a gateway in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

from ._ask import Usage
from ._errors import GatewayError


def table(status: Mapping[str, object], usage: Callable[[], list[Usage]] | None) -> str:
    """Return a table of where a gateway is and, if it was started, of what was used since."""
    rows = [("state", escape(str(status["state"])))]
    if status["url"] is not None:
        url = escape(str(status["url"]))
        rows += [
            ("openai_base_url", f"<code>{url}/v1</code>"),
            ("anthropic_base_url", f"<code>{url}/anthropic</code>"),
            ("api_key", "<code>.api_key</code>"),
            ("pid", str(status["pid"])),
            ("restarts", str(status["restarts"])),
            ("version", escape(str(status["version"] or ""))),
        ]
    if usage is not None:
        try:
            rows.append(("used since the start", escape(_used(usage()))))
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
