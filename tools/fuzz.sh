#!/bin/sh
# Runs every fuzz target of the module for FUZZTIME (default 4s) each.
set -eu
cd "$(dirname "$0")/../go"
time=${FUZZTIME:-4s}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
n=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

run() {
	go test -tags nomsgpack -run '^$' -fuzz "^$2\$" -fuzztime "$time" -parallel 2 "./$1" >"$out" 2>&1
}

for file in $(grep -rl --include='*_test.go' '^func Fuzz' internal | sort); do
	dir=$(dirname "$file")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "fuzz $dir $target"
		go test -tags nomsgpack -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 2 "./$dir" >"$out" 2>&1 || {
			cat "$out"
			exit 1
		}
		n=$((n + 1))
	done
done
echo "$n fuzz targets, $time each"
