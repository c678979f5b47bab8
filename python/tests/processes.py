"""What the tests ask the operating system about processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
TABLE: dict[str, Any] = json.loads((ROOT / "tools" / "supervision.json").read_text())


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of the table that are Python's."""
    return [case for case in TABLE[name] if case.get("only", "python") == "python"]


def _state(pid: int) -> str:
    """Return the state letter of a process, "" if there is none."""
    if sys.platform != "linux":
        return subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], stdout=subprocess.PIPE, text=True
        ).stdout.strip()
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def known(pid: int) -> bool:
    """Tell whether a process is there, be it dead and not waited for."""
    return _state(pid) != ""


def running(pid: int) -> bool:
    """Tell whether a process runs."""
    return _state(pid)[:1] not in ("", "Z", "X")


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Tell whether something becomes true within a time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Tell whether a process ends within the time that the table gives."""
    return within(TABLE["within_ms"] / 1000, lambda: not running(pid))


def script(text: str, warnings: str = "error") -> subprocess.CompletedProcess[str]:
    """Run a script. Python 3.12 warns of forks beside threads; nothing else may be warned of."""
    return subprocess.run(
        [sys.executable, "-W", warnings, "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
    )
