from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import Call
from processes import cases, gone, known, running, script, within

import tokligence
from tokligence import _supervisor

# A script whose last line is one of ENDS. Tests may run where SIGINT is ignored.
BEGIN = """
import os, signal, sys, time, tokligence
signal.signal(signal.SIGINT, signal.default_int_handler)
print(tokligence.Gateway().start().pid, flush=True)
"""

ENDS = {
    "return": "",
    "exit": "sys.exit(7)",
    "raise": "raise LookupError('nobody catches this')",
    "fork": """
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""",
    **{name: f"os.kill(os.getpid(), signal.{name})" for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")},
}


@pytest.mark.parametrize("case", cases("deaths"), ids=lambda case: case["name"])
def test_gateway_dies_with_its_parent(case: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", BEGIN + ENDS[case["end"]]],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        child = int(parent.stdout.readline()) if case["end"] == "fork" else None
        parent.wait(30)
        assert gone(pid)
        if child is not None:
            assert running(child)
            os.kill(child, signal.SIGKILL)
    ends = {"return": 0, "exit": 7, "raise": 1, "fork": -signal.SIGKILL, "SIGINT": -signal.SIGINT}
    assert parent.returncode == ends.get(case["end"], -getattr(signal, case["end"], 0))


def test_script_that_forgets_to_stop_ends_with_its_gateway_gone() -> None:
    run = script("import tokligence; print(tokligence.start().pid)")
    assert (run.returncode, run.stderr) == (0, "")
    assert not known(int(run.stdout))


def test_crash_is_mended_on_the_same_port(call: Call) -> None:
    with tokligence.Gateway() as gw:
        port, url = gw.port, gw.url
        for case in cases("crashes"):
            pid = gw.pid
            os.kill(pid, getattr(signal, case["signal"]))
            assert within(20, lambda restarts=case["restarts"]: gw.restarts == restarts)  # type: ignore[misc]
            assert gw.pid != pid and not known(pid)
            assert (gw.port == port) is case["same_port"] and gw.url == url
            assert "choices" in call(gw)
            assert any("signal 9" in line for line in gw.logs())
        pid = gw.pid
    assert not known(pid)


def kill(gw: tokligence.Gateway) -> None:
    pid = gw.pid
    os.kill(pid, signal.SIGKILL)
    assert within(20, lambda: gw.status().state == "failed" or (gw.status().running and gw.pid != pid))


STOPPED = """
import json, os, signal, sys, tokligence
with tokligence.Gateway() as gw:
    print(json.dumps([gw.url, gw.api_key]), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pipes are of one size elsewhere")
def test_script_that_is_stopped_for_a_while_does_not_hold_up_calls() -> None:
    body = json.dumps({"model": "x" * 1000, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            url, key = json.loads(parent.stdout.readline())
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            for _ in range(200):  # each is refused with a line of 1 KB, and a pipe holds 64 KiB as it is
                request = urllib.request.Request(url + "/v1/chat/completions", body, headers)
                with pytest.raises(urllib.error.HTTPError) as refusal:
                    urllib.request.urlopen(request, timeout=20)
                refusal.value.close()
        finally:
            parent.send_signal(signal.SIGCONT)
    assert parent.returncode == 0


def test_gateway_that_crashes_on_and_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "FIRST_PAUSE", 0.001)
    with tokligence.Gateway() as gw:
        for _ in range(6):
            kill(gw)
        assert gw.status() == ("failed", None, None, None, None, 5)
        with pytest.raises(tokligence.GatewayError, match="restarted 5 times"):
            _ = gw.port
        assert gw.health()["status"] == "down"
        gw.start()
        assert gw.restarts == 0 and gw.health()["status"] == "ok"


def test_crashes_far_apart_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "HEALTHY_AFTER", 0.0)
    monkeypatch.setattr(_supervisor, "FIRST_PAUSE", 0.001)
    with tokligence.Gateway() as gw:
        for _ in range(7):
            kill(gw)
        assert gw.restarts == 7


def test_gateway_that_cannot_come_back_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "FIRST_PAUSE", 0.001)
    binary = home / "gateway"
    binary.symlink_to(tokligence.find_binary())
    monkeypatch.setenv("TOKLIGENCE_BINARY", str(binary))
    with tokligence.Gateway() as gw:
        binary.unlink()
        kill(gw)
        assert gw.status().state == "failed" and gw.restarts == 0
        assert any("cannot be run" in line for line in gw.logs())


def test_gateway_that_others_end_is_started_again() -> None:
    with tokligence.Gateway() as gw:
        os.kill(gw.pid, signal.SIGTERM)
        assert within(20, lambda: gw.restarts == 1)
        assert any("exit code 0" in line for line in gw.logs())


def test_stop_ends_a_restart_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_supervisor, "FIRST_PAUSE", 20.0)
    gw = tokligence.start()
    os.kill(gw.pid, signal.SIGKILL)
    assert within(20, lambda: gw.status().state == "restarting")
    assert gw.url  # it will be there again
    gw.stop()
    assert gw.status().state == "stopped"


@pytest.mark.parametrize("patience", [30, float("inf")])
def test_calls_in_flight_are_finished_while_stop_waits(patience: float) -> None:
    gw = tokligence.start(start_timeout=patience)
    body = {
        "model": "loopback:after=1,stall=2s",
        "stream": True,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    request = urllib.request.Request(
        gw.openai_base_url + "/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {gw.api_key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.readline().startswith(b"data:")
        gw.stop(timeout=patience)
        assert answer.read().endswith(b"data: [DONE]\n\n")


def test_calls_in_flight_are_cut_when_stop_has_waited(call: Call) -> None:
    gw = tokligence.start()
    os.kill(gw.pid, signal.SIGSTOP)
    pid = gw.pid
    gw.stop(timeout=0.1)
    assert not known(pid)


def test_a_thread_that_starts_a_gateway_may_end() -> None:
    gw = tokligence.Gateway()
    thread = threading.Thread(target=gw.start)
    thread.start()
    thread.join()
    with gw:
        assert gw.health()["status"] == "ok" and gw.restarts == 0


def test_handlers_of_signals_are_left_alone() -> None:
    run = script(
        "import signal\n"
        "handlers = lambda: [signal.getsignal(s) for s in sorted(signal.valid_signals())]\n"
        "before = handlers()\n"
        "import tokligence\n"
        "with tokligence.Gateway(): assert handlers() == before\n"
        "assert handlers() == before\n"
    )
    assert (run.returncode, run.stderr) == (0, "")


FORKS = """
import os, signal, sys, tokligence
gw = tokligence.start()
pid = gw.pid
here, there = os.pipe()
seen, done = os.pipe()
child = os.fork()
if child == 0:
    os.close(there)
    assert tokligence.start() is gw and gw.health()["status"] == "ok"
    with gw:
        pass
    tokligence.stop()
    assert gw.health()["status"] == "ok" and gw.pid == pid
    os.write(done, b".")
    os.read(here, 1)  # until the gateway of the parent is gone
    assert gw.health()["status"] == "down"
    own = tokligence.start()
    assert own.health()["status"] == "ok" and own.pid != pid and own.restarts == 0
    print(own.pid, flush=True)
    sys.exit(3)
os.close(done)
os.read(seen, 1)
gw.stop()
os.close(there)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
"""


def test_forked_child_uses_the_gateway_and_leaves_it_alone() -> None:
    run = script(FORKS, warnings="default")
    assert run.returncode == 0, run.stderr
    assert gone(int(run.stdout))


POOL = """
import multiprocessing, tokligence
def ask(_):
    return gw.health()["status"]
with tokligence.Gateway() as gw:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(ask, range(4)) == ["ok"] * 4
    assert gw.health()["status"] == "ok" and gw.restarts == 0
"""


def test_pool_of_forked_workers_calls_the_gateway() -> None:
    run = script(POOL, warnings="default")
    assert run.returncode == 0, run.stderr
