#!/usr/bin/env python3
"""Writes the wheels: the package, and in each the program of one platform.

Reads goreleaser's dist/artifacts.json and dist/metadata.json and writes into dist/. The same program, version
and SOURCE_DATE_EPOCH make the same bytes. Needs Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import struct
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

# Go's programs are static and ask for Linux 3.2; glibc 2.17 and musl 1.1 are what installers look at.
LINUX = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
TAGS = {
    ("linux", "amd64"): LINUX.format("x86_64"),
    ("linux", "arm64"): LINUX.format("aarch64"),
    ("darwin", "amd64"): "macosx_{minos}_x86_64",
    ("darwin", "arm64"): "macosx_{minos}_arm64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}
ZIP_EPOCH = 315532800  # 1980-01-01, before which a zip file knows no time


class File(NamedTuple):
    """A file of a wheel."""

    name: str
    data: bytes
    mode: int = 0o644


def pep440(version: str) -> str:
    """Return a semantic version as Python writes it: 1.2.3-rc.1 is 1.2.3rc1, 1.2.3-dev is 1.2.3.dev0."""
    found = re.fullmatch(
        r"v?(\d+\.\d+\.\d+)(?:-(alpha|beta|rc|dev|next|snapshot)(?:[.-]?(\d+))?)?(?:\+([0-9a-z.-]+))?",
        version.lower(),
    )
    if found is None:
        raise ValueError(
            f"version {version} has no form that Python knows; write 1.2.3, 1.2.3-rc.1 or 1.2.3-dev"
        )
    release, stage, number, local = found.groups()
    before = {None: "", "alpha": "a", "beta": "b", "rc": "rc"}.get(stage, ".dev")
    build = f"+{local.replace('-', '.')}" if local else ""
    return release + (before + (number or "0") if before else "") + build


def macos_version(program: bytes) -> str:
    """Return the oldest macOS that a Mach-O program runs on, as in 12_0."""
    commands = struct.unpack_from("<I", program, 16)[0]
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", program, at)
        if command in (0x24, 0x32):  # LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION
            minos = struct.unpack_from("<I", program, at + (8 if command == 0x24 else 12))[0]
            return f"{minos >> 16}_{minos >> 8 & 0xFF}"
        at += size
    raise ValueError("the program does not say which macOS it needs")


def project() -> dict[str, Any]:
    """Return what pyproject.toml says of the package."""
    import tomllib

    about: dict[str, Any] = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    return about


def metadata(version: str, licenses: Iterable[str]) -> str:
    """Return the METADATA file, from pyproject.toml and the README."""
    about = project()
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {about['name']}",
        f"Version: {version}",
        f"Summary: {about['description']}",
        *(f"Project-URL: {label}, {url}" for label, url in about["urls"].items()),
        *(f"Classifier: {name}" for name in about["classifiers"]),
        "Keywords: " + ",".join(about["keywords"]),
        f"License-Expression: {about['license']}",
        *(f"License-File: {name}" for name in licenses),
        f"Requires-Python: {about['requires-python']}",
        "Description-Content-Type: text/markdown",
        "",
        (HERE / about["readme"]).read_text("utf-8"),
    ]
    return "\n".join(lines)


def scripts() -> str:
    """Return the entry_points.txt file, from pyproject.toml."""
    return "[console_scripts]\n" + "".join(f"{name} = {to}\n" for name, to in project()["scripts"].items())


def files(version: str, tag: str, program: File) -> Iterator[File]:
    """Yield what a wheel holds, but for its RECORD."""
    package = HERE / "src" / "tokligence"
    for source in [*package.glob("*.py"), package / "py.typed"]:
        if source.name != "_version.py":
            yield File(f"tokligence/{source.name}", source.read_bytes())
    yield File("tokligence/_version.py", version_module(version).encode())
    yield program
    info = f"tokligence-{version}.dist-info"
    licenses = [name for name in ("LICENSE", "THIRD_PARTY_NOTICES") if (ROOT / name).exists()]
    for name in licenses:
        yield File(f"{info}/licenses/{name}", (ROOT / name).read_bytes())
    yield File(f"{info}/METADATA", metadata(version, licenses).encode())
    yield File(f"{info}/entry_points.txt", scripts().encode())
    wheel = ["Wheel-Version: 1.0", "Generator: tokligence", "Root-Is-Purelib: false"]
    wheel += [f"Tag: py3-none-{platform}" for platform in tag.split(".")]
    yield File(f"{info}/WHEEL", ("\n".join(wheel) + "\n").encode())


def version_module(version: str) -> str:
    """Return the package's _version.py."""
    return f'"""The version of this package, the same as the program\'s."""\n\n__version__ = "{version}"\n'


def record(contents: Iterable[File], name: str) -> File:
    """Return the RECORD file, which holds the hash and size of every other file."""
    lines = []
    for file in contents:
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.data).digest()).rstrip(b"=").decode()
        lines.append(f"{file.name},sha256={digest},{len(file.data)}\n")
    return File(name, ("".join(lines) + f"{name},,\n").encode())


def write_wheel(folder: Path, version: str, tag: str, program: File, epoch: int) -> Path:
    """Write one wheel and return its path."""
    path = folder / f"tokligence-{version}-py3-none-{tag}.whl"
    contents = sorted(files(version, tag, program))
    contents.append(record(contents, f"tokligence-{version}.dist-info/RECORD"))
    unfinished = path.with_suffix(".unfinished")
    with zipfile.ZipFile(unfinished, "w") as wheel:
        for file in contents:
            entry = zipfile.ZipInfo(file.name, time.gmtime(max(epoch, ZIP_EPOCH))[:6])
            entry.create_system = 3  # Unix, so that installers keep the mode
            entry.external_attr = (0o100000 | file.mode) << 16
            wheel.writestr(entry, file.data, zipfile.ZIP_DEFLATED, compresslevel=9)
    unfinished.replace(path)
    return path


def programs(dist: Path) -> Iterator[tuple[str, File]]:
    """Yield the tag and the program of every platform that was built."""
    seen = set()
    for artifact in json.loads((dist / "artifacts.json").read_text("utf-8")):
        if artifact.get("type") != "Binary" or artifact.get("extra", {}).get("ID") != "gateway":
            continue
        platform = (artifact["goos"], artifact["goarch"])
        if platform in seen or platform not in TAGS:
            raise ValueError(f"artifacts.json: {'/'.join(platform)} is not one platform of {sorted(TAGS)}")
        seen.add(platform)
        data = (dist.parent / artifact["path"]).read_bytes()
        tag = TAGS[platform]
        if platform[0] == "darwin":
            tag = tag.format(minos=macos_version(data))
        name = "gateway.exe" if platform[0] == "windows" else "gateway"
        yield tag, File(f"tokligence/_bin/{name}", data, 0o755)
    if not seen:
        raise ValueError("artifacts.json names no program called gateway")


def main() -> None:
    """Write a wheel for each platform that was built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--dist", type=Path, default=ROOT / "dist", help="goreleaser's folder (default: dist)"
    )
    parser.add_argument(
        "--version-module", action="store_true", help="print _version.py as of go/internal/version and end"
    )
    args = parser.parse_args()
    if args.version_module:
        number = (ROOT / "go/internal/version/VERSION").read_text("utf-8").strip()
        print(version_module(pep440(number)), end="")
        return
    dist = args.dist.resolve()
    version = pep440(json.loads((dist / "metadata.json").read_text("utf-8"))["version"])
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", ZIP_EPOCH))
    for tag, program in programs(dist):
        path = write_wheel(dist, version, tag, program, epoch)
        print(f"{path.name}  {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        sys.exit(f"build_wheels.py: {error}")
