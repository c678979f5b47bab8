#!/bin/sh
# Installs what the tests need and a plain machine may lack: a C compiler, for
# Go's race detector, a PostgreSQL server (the tests start their own; the one
# of the system is left alone) and, in the project's own folders, the official
# Node and Python clients, Codex CLI and Claude Code. For the checks of a
# release: rpm, osslsigncode, Ruby and systemd's own checker.
set -eu
cd "$(dirname "$0")/.."

# as_root COMMAND... runs a command that changes the system.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "Run this as root: it installs packages." >&2
		exit 1
	fi
}

# install WHAT PACKAGE... installs packages of the system.
install() {
	what=$1
	shift
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "Install $what with your package manager, then run this again." >&2
		exit 1
	fi
	set -- env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
	as_root "$@" >/dev/null 2>&1 || {
		as_root apt-get update -q
		as_root "$@"
	}
}

# Networks of their own, in which packets are counted, are of Linux.
if ! command -v ip >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
	install "ip" iproute2
fi

if ! command -v "$(go env CC)" >/dev/null 2>&1; then
	install "a C compiler" gcc libc6-dev
fi

# The tests of the container images compare them with those of an engine that
# needs no daemon; without one they leave that out.
if ! command -v buildah >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
	(install buildah buildah) || echo "buildah: not to be had here"
fi

# node_packages FOLDER installs what the folder's lock file says.
node_packages() {
	if [ ! -f "$1/node_modules/installed" ] || [ "$1/package-lock.json" -nt "$1/node_modules/installed" ]; then
		(cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
		touch "$1/node_modules/installed"
	fi
}

clients() {
	node_packages go/test/sdk/js
	for agent in go/test/agents/clients/*; do
		node_packages "$agent"
		echo "Agent: ${agent##*/}"
	done
	py=go/test/sdk/py
	[ -x $py/.venv/bin/python ] || python3 -m venv $py/.venv
	if [ ! -f $py/.venv/installed ] || [ $py/requirements.txt -nt $py/.venv/installed ]; then
		$py/.venv/bin/pip install -q --disable-pip-version-check -r $py/requirements.txt
		touch $py/.venv/installed
	fi
	echo "Clients: Node $(node --version), $($py/.venv/bin/python --version)"
}
clients

# What checks a release: packages that are installed, programs that are signed.
if command -v apt-get >/dev/null 2>&1; then
	command -v rpm >/dev/null 2>&1 || install "rpm" rpm
	command -v osslsigncode >/dev/null 2>&1 || install "osslsigncode" osslsigncode
	command -v systemd-analyze >/dev/null 2>&1 || install "systemd" systemd
	command -v ruby >/dev/null 2>&1 || install "Ruby" ruby
fi

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

# No cluster of the system: it would start a server nobody asked for.
if command -v apt-get >/dev/null 2>&1 && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	as_root mkdir -p /etc/postgresql-common
	echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
install "a PostgreSQL server (13 or newer)" postgresql
echo "PostgreSQL: $(ls -d /usr/lib/postgresql/*/bin)"
