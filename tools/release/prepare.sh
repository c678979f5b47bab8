#!/bin/sh
# Prepares what goes into archives and packages beside the program, in
# .cache/release: prepare.sh VERSION DATE. It refuses a version that is not the
# one the program will say.
set -eu
cd "$(dirname "$0")/../.."
version=$1
date=$2
own=$(cat go/internal/version/VERSION)
if [ "$version" != "$own" ]; then
	echo "The tag says $version, go/internal/version/VERSION says $own: make them the same." >&2
	exit 1
fi

out=.cache/release
rm -rf $out
mkdir -p $out/share
(cd go && env -u GOOS -u GOARCH CGO_ENABLED=0 go run -trimpath -tags nomsgpack ./internal/cli/manual -version "$version" -date "$date" ../$out/share)

# unix OS makes the folder of a system on which programs have two names.
unix() {
	mkdir -p "$out/$1/man" "$out/$1/service" "$out/$1/completions"
	cp $out/share/man/* "$out/$1/man/"
	cp $out/share/completions/* "$out/$1/completions/"
	: >"$out/$1/gateway" # what the link points to here; it is not shipped
	ln -s gateway "$out/$1/gatewayd"
}
units=go/internal/service/units
unix linux
cp $units/gatewayd.service $out/linux/service/
unix darwin
for plist in $units/*.plist; do
	[ ! -f "$plist" ] || cp "$plist" $out/darwin/service/
done
mkdir -p $out/windows/completions
cp $out/share/completions/gateway.ps1 $out/windows/completions/
