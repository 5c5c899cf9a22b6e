#!/bin/sh
# dev/shellcheck.sh - shellcheck every script of the project, each in the dialect it names
#
# Runs in:   the host's namespaces.
# Called by: npm run check
# Arguments: none
# Result:    status 0 when all are clean; else 1 and the findings on stdout
# Requires:  shellcheck find head
set -eu
command -v shellcheck >/dev/null 2>&1 || {
  printf 'shellcheck.sh: shellcheck is missing; on Debian: apt-get install shellcheck\n' >&2
  exit 1
}
cd -- "$(dirname -- "$0")/../.."

status=0
check() {
  case $1:$(head -n 1 -- "$1") in
    *.bash:* | *:'#!'*bash*) dialect='bash' ;;
    *) dialect='sh' ;;
  esac
  # -x: follow a sourced file; SCRIPTDIR: look for it beside the script
  shellcheck -s "$dialect" -x -P SCRIPTDIR -- "$1" || status=1
}
[ ! -e scripts/rnetns ] || check scripts/rnetns
[ ! -e .ci/run ] || check .ci/run
# No name in them has a blank in it.
for script in $(find scripts examples test \( -name '*.sh' -o -name '*.bash' \) -type f | sort); do check "$script"; done
exit "$status"
