#!/bin/sh
# Writes the generated files anew; with --check it writes nothing and fails if
# one is out of date. Needs bin/gateway (make build).
set -eu
cd "$(dirname "$0")/.."
check=${1:-}
status=0

# made FILE COMMAND... holds FILE against what COMMAND prints.
made() {
	file=$1
	shift
	if [ "$check" != --check ]; then
		"$@" >"$file.new"
		mv "$file.new" "$file"
	elif ! "$@" | cmp -s - "$file"; then
		echo "$file is out of date: run 'make generate'" >&2
		status=1
	fi
}

# The price table comes from the sources beside its generator, whose own test
# holds it.
if [ "$check" != --check ]; then
	(cd tools/prices && go run . -table ../../go/internal/catalog/table.txt -report ../../docs/prices-differences.md)
fi
made docs/config.schema.json bin/gateway config schema
made docs/configuration.md bin/gateway config reference
made config/tokligence.example.yaml bin/gateway config example
made THIRD_PARTY_NOTICES sh -c 'cd tools/release && go run ./notices'
made python/src/tokligence/_version.py python3 python/build_wheels.py --version-module
exit $status
