from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Optional, get_type_hints

import pytest
from conftest import Call
from processes import known, within

import tokligence
from tokligence._process import _PIPE_SIZE


def test_with_statement_starts_and_stops(call: Call) -> None:
    with tokligence.Gateway() as gw:
        assert call(gw)["choices"][0]["message"]["content"] == "[loopback] Hi"
        assert gw.url == f"http://127.0.0.1:{gw.port}"
        assert gw.openai_base_url == gw.url + "/v1"
        assert gw.anthropic_base_url == gw.url + "/anthropic"
        assert gw.restarts == 0
        assert gw.status() == ("running", gw.url, gw.port, gw.pid, gw.health()["version"], 0)
        assert gw.status().running
        pid, port = gw.pid, gw.port
    assert not known(pid)
    assert gw.status().state == "stopped"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_what_is_not_running_says_so() -> None:
    gw = tokligence.Gateway()
    for name in ("url", "port", "pid", "openai_base_url", "anthropic_base_url"):
        with pytest.raises(tokligence.GatewayError, match=r"call start\(\)"):
            getattr(gw, name)
    assert gw.status() == ("stopped", None, None, None, None, 0)
    assert gw.restarts == 0
    assert gw.logs() == []
    gw.stop()


def test_one_gateway_starts_again_and_keeps_its_key(call: Call) -> None:
    gw = tokligence.Gateway()
    key = gw.api_key
    pids = set()
    for _ in range(2):
        assert gw.start() is gw
        assert gw.start() is gw
        assert "choices" in call(gw, key)
        pids.add(gw.pid)
        gw.stop()
        gw.stop()
    assert len(pids) == 2


def test_other_keys_are_refused(call: Call) -> None:
    with tokligence.Gateway() as gw, tokligence.Gateway() as other:
        assert gw.api_key != other.api_key
        assert call(gw, other.api_key)["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("asked", [{}, {"TOKLIGENCE_API_KEY": "a-key-of-my-own-choice"}])
def test_key_of_the_surroundings_is_not_used(
    asked: dict[str, str], call: Call, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = home / "key"
    secret.write_text("the-key-of-another-installation")
    secret.chmod(0o600)
    monkeypatch.setenv("TOKLIGENCE_API_KEY", "the-key-of-another-installation")
    monkeypatch.setenv("TOKLIGENCE_API_KEY_FILE", str(secret))
    with tokligence.Gateway(env=asked) as gw:
        assert gw.api_key == asked.get("TOKLIGENCE_API_KEY", gw.api_key)
        assert "choices" in call(gw)
        assert "error" in call(gw, "the-key-of-another-installation")


def test_config_and_environment_reach_the_gateway(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "gateway.yaml").write_text("log:\n  stderr: json\n")
    monkeypatch.chdir(home)
    with tokligence.Gateway(config="gateway.yaml", env={"TOKLIGENCE_DATA_DIR": "elsewhere"}) as gw:
        assert (home / "elsewhere" / "tokligence.db").exists()
        assert within(5, lambda: gw.logs() != [])
        assert gw.logs()[0].startswith("{")
        monkeypatch.chdir("/")
        assert gw.usage() == []
    assert not Path("/elsewhere").exists()


def test_port_that_is_asked_for() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for _ in range(2):
        with tokligence.Gateway(port=port) as gw:
            assert gw.port == port
    with pytest.raises(ValueError, match="65536"):
        tokligence.Gateway(port=65536)


def test_health_does_not_ask_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    gw = tokligence.Gateway()
    assert gw.health()["status"] == "down"
    with gw:
        assert gw.health()["status"] == "ok"
    assert gw.health()["status"] == "down"


def test_usage_is_what_the_ledger_holds(call: Call) -> None:
    gw = tokligence.Gateway()
    assert gw.usage() == []
    with gw:
        call(gw)
        call(gw)
        (row,) = gw.usage()
        assert row["group"] == {"provider": "loopback", "model": "loopback"}
        assert row["requests"] == 2
        assert row["input_tokens"] > 0
        assert gw.usage(since="2100-01-01") == []
        assert [row["group"] for row in gw.usage(by=["outcome"])] == [{"outcome": "complete"}]
        with pytest.raises(tokligence.GatewayError, match="planet"):
            gw.usage(by=["planet"])
    assert gw.usage()[0]["requests"] == 2


def test_type_hints_can_be_evaluated_on_every_python() -> None:
    assert get_type_hints(tokligence.Usage)["first"] == Optional[str]
    assert get_type_hints(tokligence.Status)["port"] == Optional[int]


def test_notebook_shows_no_key(call: Call) -> None:
    gw = tokligence.Gateway()
    assert "stopped" in gw._repr_html_()
    with gw:
        call(gw)
        shown = gw._repr_html_()
        assert gw.openai_base_url in shown
        assert "1 requests" in shown
        assert repr(gw) == f"<tokligence.Gateway running at {gw.url}>"
        for text in (shown, repr(gw)):
            assert gw.api_key not in text


def test_a_gateway_with_much_to_say_does_not_stand_still(call: Call) -> None:
    with tokligence.Gateway() as gw:
        for _ in range(1200):
            assert "error" in call(gw, model="x" * 1000)  # refused, with a line that holds it
        assert within(5, lambda: len(gw.logs()) == 500)
        assert sum(map(len, gw.logs())) / 500 * 1200 > _PIPE_SIZE
        assert gw.health()["status"] == "ok"


def test_nothing_is_left_of_many_starts() -> None:
    def counts() -> tuple[int, int]:
        return threading.active_count(), len(
            os.listdir("/proc/self/fd" if os.path.isdir("/proc") else "/dev/fd")
        )

    gw = tokligence.Gateway()
    with gw:
        pass
    before = counts()
    for _ in range(5):
        with gw:
            pass
    for _ in range(5):
        with pytest.raises(tokligence.GatewayError):
            tokligence.Gateway(config="/no/such/file").start()
    assert within(5, lambda: counts() == before)


def test_threads_may_start_and_stop_at_once() -> None:
    gw = tokligence.Gateway()
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(gw.start().pid)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1 and len(seen) == 8
    threads = [threading.Thread(target=gw.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not known(seen[0])
