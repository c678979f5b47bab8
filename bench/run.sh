#!/bin/sh
# Measures the gateway beside nginx in one run and prints the tables of
# docs/performance.md. Needs bin/gatewayd (make build); installs nginx if it
# can, and prints no ratios without it. Further arguments go to the harness.
set -eu
cd "$(dirname "$0")"
if ! command -v nginx >/dev/null 2>&1 && [ ! -x /usr/sbin/nginx ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	export DEBIAN_FRONTEND=noninteractive
	# Only the program: a server of the system would be one nobody asked for.
	apt-get install -y -q --no-install-recommends nginx-light >/dev/null 2>&1 || {
		apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light
	} >/dev/null
	service nginx stop >/dev/null 2>&1 || true
fi
PATH=$PATH:/usr/sbin
mkdir -p ../.cache
go build -o ../.cache/bench .
exec ../.cache/bench -gateway ../bin/gatewayd "$@"
