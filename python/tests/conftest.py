from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from processes import ROOT

import tokligence

Call = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep every gateway of a test in a folder of its own, and leave none behind."""
    monkeypatch.setenv("TOKLIGENCE_BINARY", str(ROOT / "bin" / "gateway"))
    monkeypatch.setenv("TOKLIGENCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TOKLIGENCE_UPDATE_CHECK_ENABLED", "false")
    yield tmp_path
    tokligence.stop()


@pytest.fixture
def call() -> Call:
    """Make a chat completion, as a client would."""

    def chat(
        gw: tokligence.Gateway | tokligence.AsyncGateway, key: str | None = None, model: str = "loopback"
    ) -> dict[str, Any]:
        body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
        request = urllib.request.Request(
            gw.openai_base_url + "/chat/completions",
            data=json.dumps(body).encode(),
            headers={"authorization": f"Bearer {key or gw.api_key}", "content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request) as answer:
                result = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                result = json.load(error)
        assert isinstance(result, dict)
        return result

    return chat
