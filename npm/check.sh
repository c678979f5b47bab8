#!/bin/sh
# Checks and tests the JavaScript launcher against the program that was built.
set -eu
cd "$(dirname "$0")"
if [ ! -f node_modules/installed ] || [ package-lock.json -nt node_modules/installed ]; then
	npm ci --no-audit --no-fund --loglevel=error
	touch node_modules/installed
fi
npm run --silent check
TOKLIGENCE_BINARY="$(cd .. && pwd)/bin/gateway" npm test --silent
