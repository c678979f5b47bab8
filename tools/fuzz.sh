#!/bin/sh
# Runs every fuzz target of the module for FUZZTIME (default 4s) each.
set -eu
cd "$(dirname "$0")/../go"
time=${FUZZTIME:-4s}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

run() {
	go test -tags nomsgpack -run '^$' -fuzz "^$2\$" -fuzztime "$time" -parallel 2 "./$1" >"$out" 2>&1
}

n=0
for file in $(grep -rl --include='*_test.go' '^func Fuzz' internal | sort); do
	dir=$(dirname "$file")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "fuzz $dir $target"
		# The tool at times reports its own time limit as a failure; one that
		# found something has written the input down. Only the former is
		# worth another try.
		if ! run "$dir" "$target" && { grep -q 'Failing input written' "$out" || ! run "$dir" "$target"; }; then
			cat "$out"
			exit 1
		fi
		n=$((n + 1))
	done
done
echo "$n fuzz targets, $time each"
