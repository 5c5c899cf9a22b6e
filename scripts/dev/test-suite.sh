#!/bin/sh
# test-suite.sh - run one compiled suite, or one file of it, with mocha and add its counts to a file
#
# Runs in:   the namespaces and as the user that the suite is to run as.
# Called by: scripts/dev/test.sh, scripts/dev/test-lane.sh
# Environment: a proxy, settings of rnetns and options of Node.js that the caller has are none of the tests'
# Arguments: SUITE (below build/test)  COUNTS (file)  [MOCHA_ARG…]
# Result:    status 0, whatever the tests say; a line `PASSED FAILED SKIPPED` more in COUNTS, and in
#            COUNTS.failed a command for each test that failed, which runs it alone, and why it failed
# Requires:  node, and build/ compiled
set -eu
suite=$1 counts=$2
shift 2
cd -- "$(dirname -- "$0")/../.."

for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
  case $name in
    CI | HOME | USER | LOGNAME | SHELL | PATH | PWD | TMPDIR | XDG_RUNTIME_DIR | TERM | LANG) ;;
    MOCHA_COLORS | NO_COLOR | FORCE_COLOR | RNETNS_TEST_* | RNETNS_STRESS_*) ;;
    *) unset "$name" ;;
  esac
done

printf '\n== %s ==\n' "$suite"
if [ -z "$(find "build/test/$suite" -name '*.js' 2>/dev/null | head -n 1)" ]; then
  printf '\n  no tests\n'
  exit 0
fi
fail() { printf '%s\n' "$1" >>"$counts.failed" && printf '0 1 0\n' >>"$counts"; }
lines() { wc -l <"$counts"; }
before=$(lines) status=0
[ "${CI-}" != true ] || set -- --forbid-only "$@"
RNETNS_TEST_COUNTS=$counts node --enable-source-maps node_modules/mocha/bin/mocha.js \
  --reporter build/test/fixtures/counting-reporter.js "$@" "build/test/$suite" || status=$?
# A run that broke off wrote no counts; one that failed without a failed test must count as well.
if [ "$(lines)" = "$before" ]; then
  printf 'test: mocha ended with status %s before the suite %s did\n' "$status" "$suite" >&2
  fail "npm test -- $suite # mocha ended with status $status before its tests did"
elif [ "$status" -ne 0 ]; then
  case $(tail -n 1 "$counts") in *' 0 '*) fail "npm test -- $suite # mocha failed, though none of its tests did" ;; esac
fi
