"""Finds the gateway program."""

from __future__ import annotations

import os
import sys

from ._errors import BinaryNotFoundError

_NAME = "gateway.exe" if sys.platform == "win32" else "gateway"


def find_binary() -> str:
    """Return the path of the gateway program.

    Looks at TOKLIGENCE_BINARY, then inside this package, then for gatewayd on the PATH; both names are one
    program.
    """
    named = os.environ.get("TOKLIGENCE_BINARY")
    if named:
        if os.path.isfile(named) and os.access(named, os.X_OK):
            return os.path.abspath(named)
        raise BinaryNotFoundError(f"TOKLIGENCE_BINARY names {named}, which is no program that can be run")
    packaged = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_bin", _NAME)
    if os.access(packaged, os.X_OK):
        return packaged
    if os.path.exists(packaged):
        raise BinaryNotFoundError(f"{packaged} may not be executed: install the package anew, or chmod +x it")
    import platform
    import shutil

    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("gatewayd", path=folder) if folder else None
        if found and not _is_script(found):
            return os.path.abspath(found)
    raise BinaryNotFoundError(
        f"there is no gateway program in this package for {platform.system()} on {platform.machine()}: the "
        "wheels on PyPI carry one for Linux, macOS and Windows, each on x86-64 and arm64. Elsewhere, or in a "
        "checkout, build it ('make build') and set TOKLIGENCE_BINARY to bin/gateway"
    )


def _is_script(path: str) -> bool:
    """Tell the console scripts of this package, which have the program's names, from the program."""
    if sys.platform == "win32":
        return os.path.dirname(path).lower().endswith("\\scripts")
    with open(path, "rb") as file:
        return file.read(2) == b"#!"
