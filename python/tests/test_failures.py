from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import cases, known, within

import tokligence
from tokligence._process import Process
from tokligence._supervisor import Supervisor


@contextmanager
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("case", cases("failures"), ids=lambda case: case["name"])
def test_failure_is_told(case: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = home / "wrong.yaml"
    wrong.write_text("no_such_key: 1\n")
    with taken() as port:
        if case["name"] == "the port is taken":
            gw = tokligence.Gateway(port=port)
        elif case["name"] == "a setting is wrong":
            gw = tokligence.Gateway(config=wrong)
        elif case["name"] == "the program is not there":
            monkeypatch.setenv("TOKLIGENCE_BINARY", "/no/such/program")
            gw = tokligence.Gateway()
        with pytest.raises(tokligence.GatewayError) as failure:
            gw.start()
    assert case["told"] in str(failure.value)
    assert gw.status().pid is None


def test_port_that_is_taken_has_an_error_of_its_own() -> None:
    with taken() as port, pytest.raises(tokligence.PortInUseError, match=f"port {port} is taken") as failure:
        tokligence.start(port=port)
    assert failure.value.logs
    assert tokligence.status().state == "failed"


def test_failure_shows_the_last_lines_and_the_next_start_may_work(home: Path) -> None:
    config = home / "gateway.yaml"
    config.write_text("no_such_key: 1\n")
    gw = tokligence.Gateway(config=config)
    with pytest.raises(tokligence.GatewayError, match="exit code 1") as failure:
        gw.start()
    assert failure.value.logs == gw.logs()
    assert gw.status().state == "failed"
    with pytest.raises(tokligence.GatewayError, match="no_such_key"):
        _ = gw.url
    config.write_text("mode: personal\n")
    with gw:
        assert gw.health()["status"] == "ok"


def program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_gateway_that_never_answers_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "TOKLIGENCE_BINARY", program(home / "gateway", "#!/bin/sh\necho so far >&2\nexec sleep 60\n")
    )
    with pytest.raises(tokligence.GatewayError, match=r"(?s)signal 9.*so far\n.*no answer within 2 s"):
        tokligence.Gateway(start_timeout=2).start()


def test_ctrl_c_during_the_start_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = home / "pid"
    monkeypatch.setenv(
        "TOKLIGENCE_BINARY", program(home / "gateway", f"#!/bin/sh\necho $$ >{started}\nexec sleep 60\n")
    )

    def interrupt() -> None:
        within(20, lambda: started.exists() and started.read_text() != "")
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            tokligence.Gateway().start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert not known(int(started.read_text()))


def test_program_of_another_platform_is_explained(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKLIGENCE_BINARY", program(home / "gateway", "\x7fELF of another kind"))
    with pytest.raises(tokligence.GatewayError, match="cannot be run"):
        tokligence.Gateway().start()
    shown = subprocess.run([sys.executable, "-m", "tokligence"], stderr=subprocess.PIPE, text=True)
    assert shown.returncode == 1
    assert "cannot be run" in shown.stderr and "Traceback" not in shown.stderr


@pytest.mark.parametrize("broken", ["atexit.register", "threading.Thread.start"])
def test_start_that_breaks_off_leaves_nothing(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    run = Process.__init__

    def note(process: Process, *args: Any) -> None:
        run(process, *args)
        started.append(process.pid)

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    gw = tokligence.Gateway()
    with monkeypatch.context() as patch:
        patch.setattr(Process, "__init__", note)
        patch.setattr(broken, interrupt)
        with pytest.raises(KeyboardInterrupt):
            gw.start()
    assert len(started) == 1 and not known(started[0])
    assert gw.status().state == "stopped"
    with gw:
        assert gw.health()["status"] == "ok"


def test_stop_before_the_start_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    gw = tokligence.Gateway()
    begin = Supervisor.begin

    def late(supervisor: Supervisor) -> None:
        gw.stop()  # by another thread, in between
        begin(supervisor)

    with monkeypatch.context() as patch:
        patch.setattr(Supervisor, "begin", late)
        with pytest.raises(tokligence.GatewayError, match="was stopped"):
            gw.start()
    assert gw.status() == ("stopped", None, None, None, None, 0)


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """A package without a program, and a PATH with one folder."""
    monkeypatch.delenv("TOKLIGENCE_BINARY")
    monkeypatch.setattr("tokligence._find.__file__", str(home / "package" / "_find.py"))
    monkeypatch.setenv("PATH", str(home / "bin"))
    (home / "bin").mkdir()
    return home


def test_platform_without_a_wheel_is_explained(no_program: Path) -> None:
    with pytest.raises(
        tokligence.BinaryNotFoundError, match="no gateway program in this package for"
    ) as failure:
        tokligence.start()
    for word in ("x86-64", "arm64", "make build", "TOKLIGENCE_BINARY"):
        assert word in str(failure.value)


def test_program_is_found_in_the_package_then_on_the_path(no_program: Path) -> None:
    scripts = program(
        no_program / "bin" / "gatewayd", "#!/usr/bin/python3\nfrom tokligence.__main__ import main\n"
    )
    with pytest.raises(tokligence.BinaryNotFoundError):
        tokligence.find_binary()
    on_path = program(Path(scripts), "\x7fELF")
    assert tokligence.find_binary() == on_path
    (no_program / "package" / "_bin").mkdir(parents=True)
    packaged = program(no_program / "package" / "_bin" / "gateway", "\x7fELF")
    assert tokligence.find_binary() == packaged


@pytest.mark.skipif(os.name != "posix", reason="files have no mode")
def test_program_that_lost_its_mode_is_explained(no_program: Path) -> None:
    (no_program / "package" / "_bin").mkdir(parents=True)
    packaged = no_program / "package" / "_bin" / "gateway"
    packaged.write_text("\x7fELF")
    packaged.chmod(stat.S_IRUSR)
    with pytest.raises(tokligence.BinaryNotFoundError, match=r"chmod \+x"):
        tokligence.find_binary()
