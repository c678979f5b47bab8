from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from artifacts import build, write_dist
from processes import ROOT

import tokligence

pytest.importorskip("tomllib", reason="the writer of the wheels needs Python 3.11")
import build_wheels

VERSION = "1.2.3-rc.4"
MACHO = struct.pack("<8I", 0xFEEDFACF, 0, 0, 2, 2, 0, 0, 0)
MACHO += struct.pack("<2I8x", 0x19, 16) + struct.pack("<4I8x", 0x32, 24, 1, 13 << 16 | 1 << 8)
PROGRAMS = {
    ("linux", "amd64"): b"\x7fELF 1",
    ("linux", "arm64"): b"\x7fELF 2",
    ("darwin", "amd64"): MACHO,
    ("darwin", "arm64"): MACHO + b"arm",
    ("windows", "amd64"): b"MZ 1",
    ("windows", "arm64"): b"MZ 2",
}
TAGS = {
    "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
    "macosx_13_1_x86_64",
    "macosx_13_1_arm64",
    "win_amd64",
    "win_arm64",
}


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, Path]:
    """The wheels of six programs, by platform tag."""
    return build(write_dist(tmp_path / "dist", VERSION, PROGRAMS))


def test_every_platform_has_its_wheel(wheels: dict[str, Path]) -> None:
    assert set(wheels) == TAGS
    held = set()
    for tag, path in wheels.items():
        assert path.name == f"tokligence-1.2.3rc4-py3-none-{tag}.whl"
        with zipfile.ZipFile(path) as wheel:
            (program,) = (entry for entry in wheel.infolist() if "/_bin/" in entry.filename)
            assert program.filename.endswith(".exe") == tag.startswith("win")
            assert program.external_attr >> 16 == 0o100755 and program.create_system == 3
            held.add(wheel.read(program))
    assert held == set(PROGRAMS.values())


def test_wheel_says_what_it_is(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["win_arm64"]) as wheel:
        info = "tokligence-1.2.3rc4.dist-info/"
        about = message_from_bytes(wheel.read(info + "METADATA"))
        tags = message_from_bytes(wheel.read(info + "WHEEL"))
        module = wheel.read("tokligence/_version.py").decode()
        names = set(wheel.namelist())
        license_text = wheel.read(info + "licenses/LICENSE")
        scripts = wheel.read(info + "entry_points.txt").decode()
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("tokligence", "1.2.3rc4", ">=3.9")
    assert about["Requires-Dist"] is None
    assert about["License-Expression"] == "Apache-2.0"
    description = about.get_payload(decode=True)
    assert isinstance(description, bytes)
    assert description == (ROOT / "python/README.md").read_bytes()
    assert (tags["Root-Is-Purelib"], tags.get_all("Tag")) == ("false", ["py3-none-win_arm64"])
    assert '__version__ = "1.2.3rc4"' in module
    assert license_text == (ROOT / "LICENSE").read_bytes()
    assert all(
        f"\n{name} = tokligence.__main__:main\n" in scripts for name in ("tokligence", "gateway", "gatewayd")
    )
    for source in (ROOT / "python/src/tokligence").glob("*.py"):
        assert f"tokligence/{source.name}" in names
    assert "tokligence/py.typed" in names
    for notices in about.get_all("License-File", []):
        assert (ROOT / notices).exists() and info + f"licenses/{notices}" in names
    # Nothing that Python would run by itself.
    assert not [name for name in names if name.endswith((".pth", "setup.py"))]


def test_record_holds_every_file(wheels: dict[str, Path]) -> None:
    for path in wheels.values():
        with zipfile.ZipFile(path) as wheel:
            (record,) = (name for name in wheel.namelist() if name.endswith("RECORD"))
            rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(wheel.read(record).decode()))}
            assert set(rows) == set(wheel.namelist())
            assert rows.pop(record) == ["", ""]
            for name, (digest, size) in rows.items():
                data = wheel.read(name)
                found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={found}", str(len(data)))


def test_same_program_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for name, timezone in (("a", "UTC"), ("b", "Asia/Tokyo")):
        monkeypatch.setenv("TZ", timezone)
        dist = write_dist(tmp_path / name / "dist", VERSION, PROGRAMS)
        os.utime(dist / "artifacts.json", (0, 0))
        made.append({tag: path.read_bytes() for tag, path in build(dist, epoch="1700000000").items()})
    assert made[0] == made[1]
    with zipfile.ZipFile(io.BytesIO(made[0]["win_amd64"])) as wheel:
        assert {entry.date_time for entry in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}
    other = build(tmp_path / "a" / "dist", epoch="1800000000")
    assert other["win_amd64"].read_bytes() != made[0]["win_amd64"]


@pytest.mark.parametrize(
    ("semantic", "python"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        ("0.5.0-rc.1", "0.5.0rc1"),
        ("0.5.0-alpha.2", "0.5.0a2"),
        ("0.5.0-beta", "0.5.0b0"),
        ("0.1.0-dev", "0.1.0.dev0"),
        ("0.4.1-next", "0.4.1.dev0"),
        ("0.1.0-dev.7", "0.1.0.dev7"),
        ("1.2.3-dev+abc.1", "1.2.3.dev0+abc.1"),
    ],
)
def test_version_in_pythons_form(semantic: str, python: str) -> None:
    assert build_wheels.pep440(semantic) == python


@pytest.mark.parametrize("version", ["", "1.2", "1.2.3-", "1.2.3-odd.1", "1.2.3 ", "1.2.3-rc.1.2"])
def test_version_without_a_form_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="has no form that Python knows"):
        build_wheels.pep440(version)


def test_version_is_one_string() -> None:
    number = (ROOT / "go/internal/version/VERSION").read_text().strip()
    shown = subprocess.run(
        [sys.executable, "-m", "tokligence", "version", "--json"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert json.loads(shown.stdout)["version"] == number
    module = subprocess.run(
        [sys.executable, ROOT / "python/build_wheels.py", "--version-module"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert module.stdout == (ROOT / "python/src/tokligence/_version.py").read_text()
    assert tokligence.__version__ == build_wheels.pep440(number)
    with tokligence.Gateway() as gw:
        assert gw.status().version == number


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "Archive"}, "names no program"),
        ({"extra": {"ID": "other"}}, "names no program"),
        ({"goos": "plan9"}, "plan9/amd64"),
        ({"path": "dist/missing"}, "missing"),
        ({"goos": "darwin"}, "which macOS"),
    ],
)
def test_what_cannot_be_packed_is_told(tmp_path: Path, change: dict[str, object], told: str) -> None:
    dist = write_dist(tmp_path / "dist", VERSION, {("linux", "amd64"): bytes(64)})
    artifacts = json.loads((dist / "artifacts.json").read_text())
    (dist / "artifacts.json").write_text(json.dumps([{**artifacts[0], **change}]))
    run = subprocess.run(
        [sys.executable, ROOT / "python/build_wheels.py", "--dist", dist], stderr=subprocess.PIPE, text=True
    )
    assert run.returncode == 1 and told in run.stderr and "Traceback" not in run.stderr
    assert not list(dist.glob("*.whl"))
