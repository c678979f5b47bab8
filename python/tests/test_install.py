from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from artifacts import build, write_dist
from processes import ROOT, gone, known

OLDEST = (3, 9)
CURRENT = f"{sys.version_info[0]}.{sys.version_info[1]}"


def pythons() -> dict[str, str]:
    """Return every Python of this machine that the package is for, by version."""
    candidates = [sys.executable]
    for minor in range(OLDEST[1], 30):
        on_path = shutil.which(f"python3.{minor}")
        candidates += [on_path] if on_path else []
    candidates += map(str, Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    found: dict[str, str] = {}
    for candidate in candidates:
        ask = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
        version = subprocess.run([candidate, "-c", ask], capture_output=True, text=True).stdout.strip()
        if version and tuple(map(int, version.split("."))) >= OLDEST:
            found.setdefault(version, candidate)
    return found


PYTHONS = pythons()
# The oldest and the newest, which differ the most from each other.
ENDS = {choose(PYTHONS, key=lambda version: int(version.split(".")[1])) for choose in (min, max)}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with the real program."""
    system = {"linux": "linux", "darwin": "darwin"}[sys.platform]
    cpu = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    version = (ROOT / "go/internal/version/VERSION").read_text().strip()
    program = (ROOT / "bin" / "gateway").read_bytes()
    dist = write_dist(tmp_path_factory.mktemp("real") / "dist", version, {(system, cpu): program})
    (made,) = build(dist).values()
    return made


def test_wheel_passes_the_index_checks(wheel: Path) -> None:
    for check in (["twine", "check", "--strict"], ["check_wheel_contents"]):
        run = subprocess.run([sys.executable, "-m", *check, wheel], capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
    assert wheel.stat().st_size < 16_000_000


class Venv:
    """A virtual environment that has nothing but pip, in an empty home."""

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        (folder / "home").mkdir()
        subprocess.run([PYTHONS[version], "-m", "venv", folder / "venv"], check=True)

    def env(self, data: str) -> dict[str, str]:
        """Return the environment of a user who has never heard of the gateway."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("TOKLIGENCE", "PYTHON"))
        }
        home = str(self.folder / "home")
        return {**kept, "HOME": home, "TMPDIR": home, "TOKLIGENCE_DATA_DIR": str(self.folder / data)}

    def run(self, *argv: str | Path, data: str = "data") -> str:
        """Run a program of the environment and return what it prints; it may warn of nothing."""
        run = subprocess.run(
            [self.bin / argv[0], *argv[1:]],
            env=self.env(data),
            cwd=self.folder / "home",
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def pip(self, *argv: str | Path) -> None:
        """Run pip, with the cache of whoever runs the tests."""
        options = ["-q", "--disable-pip-version-check", "--no-input"]
        subprocess.run([self.bin / "python", "-m", "pip", *options, *argv], check=True)


@pytest.fixture(params=PYTHONS, ids=lambda version: f"python{version}")
def venv(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venv]:
    made = Venv(tmp_path, request.param)
    yield made
    shutil.rmtree(tmp_path / "venv")


CHAT = """
import json, tokligence
from openai import OpenAI
with tokligence.Gateway() as gw:
    client = OpenAI(base_url=gw.openai_base_url, api_key=gw.api_key)
    messages = [{"role": "user", "content": "Hello from a wheel"}]
    stream = client.chat.completions.create(model="loopback", messages=messages, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    used = gw.usage(by=["model"])
    shown = {"pid": gw.pid, "port": gw.port, "text": text, "requests": used[0]["requests"]}
print(json.dumps({**shown, "version": tokligence.__version__, "binary": tokligence.find_binary()}))
"""


def test_from_pip_install_to_a_chat_and_back(venv: Venv, wheel: Path) -> None:
    venv.pip("install", "--no-index", wheel)
    venv.pip("check")
    version = json.loads(venv.run("gateway", "version", "--json"))["version"]
    assert venv.run("gatewayd", "--version").strip() == f"gatewayd version {version}"
    assert venv.run("tokligence", "--version").strip() == f"gateway version {version}"
    assert venv.run("python", "-m", "tokligence", "--version").strip() == f"gateway version {version}"
    signalled(venv)

    venv.pip("install", "openai")
    shown: dict[str, Any] = json.loads(venv.run("python", "-W", "error::ResourceWarning", "-c", CHAT))
    assert shown["text"] == "[loopback] Hello from a wheel"
    assert shown["requests"] == 1
    assert shown["version"] == version.replace("-dev", ".dev0").replace("-rc.", "rc")
    assert Path(shown["binary"]).is_relative_to(venv.folder / "venv")
    assert not known(shown["pid"])
    assert list((venv.folder / "home").iterdir()) == []

    if venv.version == CURRENT:
        typed(venv)
    if venv.version in ENDS - {CURRENT}:  # that one runs all the other tests
        venv.pip("install", "pytest==8.*")
        tests = [
            ROOT / f"python/tests/test_{name}.py" for name in ("gateway", "supervision", "async", "shared")
        ]
        venv.run("python", "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={ROOT / 'python'}", *tests)

    venv.pip("uninstall", "-y", "tokligence")
    left = [path for path in (venv.folder / "venv").rglob("*") if "tokligence" in path.name]
    assert left == []
    assert not (venv.bin / "gatewayd").exists()


TYPED = """
from typing import assert_type
import tokligence

with tokligence.Gateway(port=0, config=None, env={}) as gw:
    assert_type(gw, tokligence.Gateway)
    assert_type(gw.usage()[0]["cost_nano_usd"], int)
    assert_type(tokligence.status().port, int | None)
"""


def typed(venv: Venv) -> None:
    """Hold that the types are seen by whoever installs the wheel."""
    script = venv.folder / "typed.py"
    script.write_text(TYPED)
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"]
    run = subprocess.run(
        [*check, "--python-executable", venv.bin / "python", script],
        cwd=venv.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.returncode == 0, run.stdout


def signalled(venv: Venv) -> None:
    """Hold that the console script has become the program, so that signals reach it."""
    with subprocess.Popen(
        [venv.bin / "gatewayd", "--listen=127.0.0.1:0", "--ready-json"],
        env=venv.env("daemon"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        assert json.loads(daemon.stdout.readline())["pid"] == daemon.pid
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    assert gone(daemon.pid)


def test_wheel_of_another_platform_is_refused(wheel: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "tokligence-1.2.3-py3-none-win_arm64.whl"
    shutil.copy(wheel, foreign)
    run = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--target", tmp_path, foreign],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.returncode != 0 and "not a supported wheel on this platform" in run.stderr


def test_wheel_in_any_folder_on_the_path_of_python(wheel: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-compile", "--target"]
    subprocess.run([*pip, tmp_path / "lib", wheel], check=True)
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "lib")}
    del env["TOKLIGENCE_BINARY"]
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tokligence; print(tokligence.start().health()['status'], tokligence.__file__)",
        ],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.split() == ["ok", str(tmp_path / "lib" / "tokligence" / "__init__.py")]
