"""Finds the gateway program."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


class BinaryNotFoundError(FileNotFoundError):
    """There is no gateway program to run; the message says what to do."""


def find_binary() -> str:
    """Return the path of the gateway program.

    Looks at TOKLIGENCE_BINARY, then inside this package, then on the PATH.
    """
    named = os.environ.get("TOKLIGENCE_BINARY")
    if named:
        if os.access(named, os.X_OK):
            return named
        raise BinaryNotFoundError(f"TOKLIGENCE_BINARY names {named}, which is no program that can be run")
    packaged = Path(__file__).parent / "_bin" / "gateway"
    if os.access(packaged, os.X_OK):
        return str(packaged)
    beside = Path(sys.executable).parent
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # The console script of this package has the same name; it is not the program.
        if folder and Path(folder) != beside:
            found = shutil.which("gateway", path=folder)
            if found:
                return found
    raise BinaryNotFoundError(
        "the gateway program was not found: this package carries none for your platform; "
        "build it with 'make build' and set TOKLIGENCE_BINARY to bin/gateway"
    )
