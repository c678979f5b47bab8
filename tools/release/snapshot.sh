#!/bin/sh
# Makes everything that is released into dist/, without releasing it:
#
#   snapshot.sh                  all platforms
#   snapshot.sh linux_amd64 ...  only these
#   snapshot.sh --publish        the release of a tag, by the workflow
#
# Needs goreleaser and cyclonedx-gomod on the PATH (make tools).
set -eu
cd "$(dirname "$0")/../.."

version=$(cat go/internal/version/VERSION)
mode=--snapshot
config=.goreleaser.yaml
if [ "${1:-}" = --publish ]; then
	mkdir -p .cache
	sh tools/release/changes.sh "$version" >.cache/changes.md
	mode=--release-notes=.cache/changes.md
	shift
fi
# A snapshot has no tag, and a release a second one, for Go.
export GORELEASER_CURRENT_TAG="v$version"
if [ $# -gt 0 ]; then
	config=.cache/goreleaser.yaml
	mkdir -p .cache
	sed "s/^    targets: \[.*\]\$/    targets: [$(echo "$@" | tr ' ' ',')]/" .goreleaser.yaml >$config
fi
# Without a remote goreleaser takes no commit and no date from git.
if [ -z "$(git remote)" ]; then
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url
	export GIT_CONFIG_VALUE_0=https://github.com/tokligence/tokligence-gateway.git
fi
sign=
[ -n "${GPG_FINGERPRINT:-}" ] || sign=--skip=sign
# shellcheck disable=SC2086 # it may be empty
goreleaser release --config $config --clean "$mode" $sign

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
python3 python/build_wheels.py
node npm/pack.mjs
(cd tools/image && env -u GOOS -u GOARCH go run . build)
