from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from processes import ROOT, script

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n?(?:prints\n\n)?^```text\n(.*?)^```\n)?", re.M | re.S)


def examples() -> list[tuple[str, str, str]]:
    """Return the examples of the documentation and what they print."""
    found = []
    for name in ("docs/python.md", "python/README.md"):
        for number, block in enumerate(BLOCK.finditer((ROOT / name).read_text()), 1):
            found.append((f"{name} {number}", block[1], block[2] or ""))
    return found


@pytest.mark.parametrize(("code", "printed"), [pytest.param(c, p, id=i) for i, c, p in examples()])
def test_example_prints_what_it_says(
    code: str, printed: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    run = script(code, warnings="default" if sys.version_info >= (3, 12) else "error")
    shown = run.stdout.replace(str(home), "/home/me")
    assert (run.returncode, shown) == (0, printed), run.stderr


def test_every_public_name_is_documented() -> None:
    import tokligence

    page = (ROOT / "docs/python.md").read_text()
    for name in [*tokligence.__all__, *(n for n in vars(tokligence.Gateway) if not n.startswith("_"))]:
        if not name.startswith("__"):
            assert name in page, name
