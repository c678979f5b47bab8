#!/bin/sh
# Checks and tests the Python launcher against the program that was built, in
# a virtual environment inside the project.
set -eu
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
if [ ! -f .venv/installed ] || [ pyproject.toml -nt .venv/installed ] || [ tests/requirements.txt -nt .venv/installed ]; then
	.venv/bin/pip install -q --disable-pip-version-check -e . -r tests/requirements.txt
	touch .venv/installed
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/mypy --python-version 3.11 build_wheels.py tests
.venv/bin/pytest
