from __future__ import annotations

import pytest
from conftest import Call
from processes import known, script

import tokligence


def test_cell_may_be_run_again(call: Call) -> None:
    assert tokligence.status() == ("stopped", None, None, None, None, 0)
    gw = tokligence.start()
    assert tokligence.start() is gw
    assert "choices" in call(gw)
    assert tokligence.status() == gw.status() and tokligence.status().running
    pid, key = gw.pid, gw.api_key
    tokligence.stop()
    tokligence.stop()
    assert not known(pid)
    assert tokligence.status().state == "stopped"
    assert tokligence.start().api_key == key


def test_other_arguments_need_a_stop() -> None:
    first = tokligence.start()
    with pytest.raises(tokligence.GatewayError, match=r"other arguments.*tokligence\.stop"):
        tokligence.start(env={"TOKLIGENCE_LOG_LEVEL": "debug"})
    assert first.status().running
    first.stop()
    assert tokligence.start(env={"TOKLIGENCE_LOG_LEVEL": "debug"}) is not first


def test_what_start_returns_may_be_used_in_a_with_statement() -> None:
    with tokligence.start() as gw:
        assert tokligence.status().pid == gw.pid
    assert not tokligence.status().running


def test_import_is_light() -> None:
    heavy = {
        "asyncio",
        "dataclasses",
        "email",
        "http",
        "inspect",
        "json",
        "logging",
        "platform",
        "shutil",
        "ssl",
    }
    run = script(f"import sys, tokligence; print({heavy!r} & set(sys.modules) or 'light')")
    assert (run.stdout, run.stderr) == ("light\n", "")
