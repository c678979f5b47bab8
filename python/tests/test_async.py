from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from conftest import Call
from processes import known, within

import tokligence


def test_async_with_statement_starts_and_stops(call: Call) -> None:
    async def main() -> int:
        async with tokligence.AsyncGateway() as gw:
            answer = await asyncio.to_thread(call, gw)
            assert answer["choices"][0]["message"]["content"] == "[loopback] Hi"
            assert (await gw.health())["status"] == "ok"
            assert [row["requests"] for row in await gw.usage(by=[])] == [1]
            assert gw.status().running and gw.status().url == gw.url
            assert gw.url == f"http://127.0.0.1:{gw.port}" and gw.restarts == 0
            assert (gw.openai_base_url, gw.anthropic_base_url) == (gw.url + "/v1", gw.url + "/anthropic")
            assert await asyncio.to_thread(within, 5, lambda: any("ready" in line for line in gw.logs()))
            assert repr(gw) == f"<tokligence.AsyncGateway running at {gw.url}>"
            assert gw.url in gw._repr_html_() and gw.api_key not in gw._repr_html_()
            assert await gw.start() is gw
            pid = gw.pid
        assert not gw.status().running
        return pid

    assert not known(asyncio.run(main()))


def test_async_failure_is_told(home: Path) -> None:
    async def main() -> None:
        async with tokligence.AsyncGateway(config=home / "missing.yaml"):
            pass

    with pytest.raises(tokligence.GatewayError, match=r"missing\.yaml"):
        asyncio.run(main())


def test_start_that_is_cancelled_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = home / "pid"
    program = home / "gateway"
    program.write_text(f"#!/bin/sh\necho $$ >{started}\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("TOKLIGENCE_BINARY", str(program))

    def begun() -> bool:
        return started.exists() and started.read_text() != ""

    async def main() -> None:
        gw = tokligence.AsyncGateway()
        start = asyncio.create_task(gw.start())
        assert await asyncio.to_thread(within, 20, begun)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert not known(int(started.read_text()))
        assert gw.status().state == "stopped"

    asyncio.run(main())
