#!/bin/sh
# Prints what CHANGELOG.md says of a version: changes.sh VERSION. A version it
# does not know is an error.
set -eu
cd "$(dirname "$0")/../.."
awk -v heading="## [$1]" '
	index($0, "## [") == 1 { on = index($0, heading) == 1; next }
	on { print; if ($0 != "") found = 1 }
	END { exit !found }
' CHANGELOG.md || {
	echo "CHANGELOG.md says nothing of $1: give what stands under Unreleased its number." >&2
	exit 1
}
