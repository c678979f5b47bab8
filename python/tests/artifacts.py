"""A dist folder as goreleaser leaves it, and the wheels made from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from processes import ROOT


def write_dist(dist: Path, version: str, programs: dict[tuple[str, str], bytes]) -> Path:
    """Write programs by system and processor, and the files that name them."""
    artifacts = []
    for (system, cpu), data in programs.items():
        path = dist / f"gateway_{system}_{cpu}" / "gateway"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        artifacts.append(
            {
                "type": "Binary",
                "goos": system,
                "goarch": cpu,
                "path": f"dist/{path.parent.name}/gateway",
                "extra": {"ID": "gateway"},
            }
        )
    (dist / "artifacts.json").write_text(json.dumps(artifacts))
    (dist / "metadata.json").write_text(json.dumps({"version": version}))
    return dist


def build(dist: Path, epoch: str = "1700000000") -> dict[str, Path]:
    """Run the writer; return the wheels by their platform tags."""
    subprocess.run(
        [sys.executable, ROOT / "python" / "build_wheels.py", "--dist", dist],
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return {path.name.partition("-py3-none-")[2][: -len(".whl")]: path for path in dist.glob("*.whl")}
