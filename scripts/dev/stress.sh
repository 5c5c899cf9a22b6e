#!/bin/sh
# stress.sh - random operations and sudden deaths for as long as you like; see docs/reliability.md
#
# Runs in:   the host's namespaces; the rest is test.sh's.
# Called by: npm run stress
# Arguments: [--seconds N] [--seed S]   60 and 1 unless given
# Result:    that of test.sh: status 0 without a violation
# Requires:  test.sh
set -eu
usage() {
  echo 'usage: npm run stress -- [--seconds N] [--seed S]' >&2
  exit 64
}
while [ "$#" -gt 0 ]; do
  [ "$#" -ge 2 ] || usage
  case $2 in '' | *[!0-9]*) usage ;; esac
  case $1 in
    --seconds) RNETNS_STRESS_SECONDS=$2 ;;
    --seed) RNETNS_STRESS_SEED=$2 ;;
    *) usage ;;
  esac
  shift 2
done
: "${RNETNS_STRESS_SECONDS:=60}" "${RNETNS_STRESS_SEED:=1}"
export RNETNS_STRESS_SECONDS RNETNS_STRESS_SEED
exec sh "$(dirname -- "$0")/test.sh" stress
