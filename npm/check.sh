#!/bin/sh
# Checks and tests the JavaScript launcher, as source and as the packages made
# of the program that was built.
set -eu
cd "$(dirname "$0")"
for folder in . test/nodes; do
	if [ ! -f $folder/node_modules/installed ] || [ $folder/package-lock.json -nt $folder/node_modules/installed ]; then
		(cd $folder && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
		touch $folder/node_modules/installed
	fi
done
npm run --silent check
npm test --silent
