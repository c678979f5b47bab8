#!/bin/sh
# Stops the service when the package goes: deb says remove, rpm 0. An upgrade
# leaves it running.
set -e
case "${1:-remove}" in
remove | 0 | deconfigure)
	if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
		systemctl disable --now gatewayd.service >/dev/null 2>&1 || true
	fi
	;;
esac
