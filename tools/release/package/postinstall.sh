#!/bin/sh
# Tells systemd of the service, and moves one that runs to the new program. It
# is neither enabled nor started: that is for the administrator.
set -e
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || true
	systemctl try-restart gatewayd.service >/dev/null 2>&1 || true
fi
