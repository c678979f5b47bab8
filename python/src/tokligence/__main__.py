"""Becomes the gateway program: python -m tokligence, gateway, gatewayd."""

from __future__ import annotations

import os
import sys

from ._errors import BinaryNotFoundError
from ._find import find_binary


def main() -> None:
    """Replace this process by the program, under the name it was called by."""
    called = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    argv = ["gatewayd" if called == "gatewayd" else "gateway", *sys.argv[1:]]
    try:
        _become(find_binary(), argv)
    except BinaryNotFoundError as error:
        sys.exit(f"{argv[0]}: {error}")
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.filename or 'the program'} cannot be run: {error.strerror}")


def _become(binary: str, argv: list[str]) -> None:
    if sys.platform != "win32":
        os.execv(binary, argv)
    # Windows cannot replace a process: wait for the other. Ctrl-C reaches both; the program decides.
    import subprocess

    process = subprocess.Popen(argv, executable=binary)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    main()
