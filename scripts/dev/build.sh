#!/bin/sh
# build.sh - build dist and the man pages, whole or not at all
#
# What fails or is killed half-way must not pass for a build, nor may what is there be in use half-old: all of it is made
# in a directory of its own, which becomes dist in the end. dist/.built tells setup.sh that it is whole, and by its age
# whether it is new enough: that of the begin, for what is changed meanwhile is not in it.
#
# Runs in:   the host's namespaces.
# Called by: npm run build
# Arguments: none
# Result:    status 0 and dist; else that of the step that failed, and dist as it was
# Requires:  node, node_modules; mkdir mv rm
set -eu
cd -- "$(dirname -- "$0")/../.."
# Beside dist, so that relative paths in it are the same.
new=dist.$$
trap 'rm -rf -- "$new" "$new.old"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -- "$new"
: >"$new/.built"
node_modules/.bin/tsc -p tsconfig.build.json --outDir "$new"
node scripts/dev/build-cli.mjs "$new/cli"
npm run --silent docs:man
[ ! -e dist ] || mv -T -- dist "$new.old"
mv -T -- "$new" dist
