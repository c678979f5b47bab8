#!/bin/sh
# Installs what the tests need and a plain machine may lack: a PostgreSQL
# server (the tests start their own; the one of the system is left alone) and,
# in the project's own folders, the official Node and Python clients.
set -eu
cd "$(dirname "$0")/.."

clients() {
	js=go/test/sdk/js
	if [ ! -f $js/node_modules/installed ] || [ $js/package-lock.json -nt $js/node_modules/installed ]; then
		(cd $js && npm ci --no-audit --no-fund --loglevel=error)
		touch $js/node_modules/installed
	fi
	py=go/test/sdk/py
	[ -x $py/.venv/bin/python ] || python3 -m venv $py/.venv
	if [ ! -f $py/.venv/installed ] || [ $py/requirements.txt -nt $py/.venv/installed ]; then
		$py/.venv/bin/pip install -q --disable-pip-version-check -r $py/requirements.txt
		touch $py/.venv/installed
	fi
	echo "Clients: Node $(node --version), $($py/.venv/bin/python --version)"
}
clients

for bin in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb; do
	if [ -x "$bin" ] && [ -x "$(dirname "$bin")/postgres" ]; then
		echo "PostgreSQL: $("$bin" --version)"
		exit 0
	fi
done
if command -v initdb >/dev/null 2>&1; then
	echo "PostgreSQL: $(initdb --version)"
	exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
	echo "Install a PostgreSQL server (13 or newer) with your package manager, then run this again." >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "Run this as root: it installs packages." >&2; exit 1; }
	sudo=sudo
fi

# No cluster of the system: it would start a server nobody asked for.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	$sudo mkdir -p /etc/postgresql-common
	echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get install -y -q --no-install-recommends postgresql >/dev/null 2>&1 || {
	$sudo apt-get update -q
	$sudo apt-get install -y -q --no-install-recommends postgresql
}
echo "PostgreSQL: $(ls -d /usr/lib/postgresql/*/bin)"
