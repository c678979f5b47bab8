from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import tokligence


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"TOKLIGENCE_DATA_DIR": str(tmp_path)}


def call(gw: tokligence.Gateway, key: str) -> dict[str, object]:
    body = {"model": "loopback", "messages": [{"role": "user", "content": "Hi"}]}
    request = urllib.request.Request(
        gw.openai_base_url + "/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": "Bearer " + key, "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        result = json.load(answer)
    assert isinstance(result, dict)
    return result


def gone(pid: int) -> bool:
    deadline = time.time() + 5
    while time.time() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_with_statement_starts_and_stops(env: dict[str, str]) -> None:
    with tokligence.Gateway(env=env) as gw:
        answer = call(gw, gw.api_key)
        assert answer["choices"][0]["message"]["content"] == "[loopback] Hi"  # type: ignore[index]
        assert gw.openai_base_url.endswith("/v1")
        assert gw.anthropic_base_url.endswith("/anthropic")
        pid = gw.pid
    assert gone(pid)
    with pytest.raises(tokligence.GatewayError):
        _ = gw.url


def test_other_keys_are_refused(env: dict[str, str]) -> None:
    gw = tokligence.start(env=env)
    try:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            call(gw, "another")
        assert refusal.value.code == 401
    finally:
        gw.stop()
        gw.stop()


def test_failure_to_start_shows_the_log(env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text("no_such_key: 1\n")
    with pytest.raises(tokligence.GatewayError, match="no_such_key"):
        tokligence.start(config=str(config), env=env)


def test_gateway_dies_with_its_parent(env: dict[str, str]) -> None:
    script = "import os, tokligence\n"
    script += f"print(tokligence.start(env={env!r}).pid, flush=True)\n"
    script += "os.kill(os.getpid(), 9)\n"
    parent = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.returncode == -9
    assert gone(int(parent.stdout))


def test_program_and_package_have_one_version() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "tokligence", "version", "--json"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert json.loads(out.stdout)["version"].replace("-dev", ".dev0") == tokligence.__version__


def test_missing_program_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKLIGENCE_BINARY", "/no/such/program")
    with pytest.raises(tokligence.BinaryNotFoundError, match="TOKLIGENCE_BINARY"):
        tokligence.find_binary()
