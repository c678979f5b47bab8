"""Becomes the gateway program: python -m tokligence, gateway, gatewayd."""

from __future__ import annotations

import os
import sys

from ._find import BinaryNotFoundError, find_binary


def main() -> None:
    """Replace this process by the program, under the name it was called by."""
    try:
        binary = find_binary()
    except BinaryNotFoundError as error:
        sys.exit(f"tokligence: {error}")
    name = os.path.basename(sys.argv[0])
    os.execv(binary, ["gatewayd" if name == "gatewayd" else "gateway", *sys.argv[1:]])


if __name__ == "__main__":
    main()
