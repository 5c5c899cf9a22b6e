#!/bin/sh
# test.sh - compile and run the test suites, and fail if they leave a process, a mount or a file behind
#
# Theory of operation
#
# What users of rnetns have is no root, an own runtime directory and a /dev/net/tun that they may open. So, as root, the
# other suites than unit run as a user made for it, each test file in mount and pid namespaces of its own, and several
# files at a time (test-as-user.sh); else suite after suite as the caller. Each run of mocha shows its own report; its
# counts go to a file.
#   1. set up, and compile src and test to build/
#   2. unit, as the caller
#   3. contract, integration and stress, as the unprivileged user; systemd around that user
#   4. what they left is listed, ended and counted as one failure
#
# Runs in:   the host's namespaces; changes none of their mounts.
# Called by: npm test [-- ARG…], .ci/run
# Arguments: [SUITE…] [MOCHA_ARG…], e.g. `integration --grep lock`; SUITE unit | contract | integration | systemd |
#            stress (all when none is named), or one file, e.g. test/integration/lock.test.ts
# Environment: RNETNS_TEST_LANES=N runs N test files at a time (as root; one more than there are processors);
#            RNETNS_TEST_SH=/usr/bin/busybox is /bin/sh for the tests that are run as the unprivileged user;
#            RNETNS_TEST_MUST_RUN=1 makes what would be skipped fail; every RNETNS_TEST_… and RNETNS_STRESS_… reaches
#            the tests;
#            RNETNS_TEST_FAILED=FILE has what failed before, a line each, which counts here as well; what fails here is added
# Result:    status 0; 1 if anything failed or nothing ran. At the end all that failed, and how to run it alone: of a long
#            report the end is what is read. Last line: `N passed, N failed[, N skipped]`
# Requires:  node npm mktemp grep sort; as root also unshare setpriv flock useradd usermod userdel
set -eu
dev=$(cd -- "$(dirname -- "$0")" && pwd)
root=${dev%/scripts/dev}
cd -- "$root"
# Debian's users have no sbin in PATH: we need it here, and the tests must do without.
caller_path=$PATH
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'test: %s\n' "$1" >&2; }

# A suite, or a file of one below test/, by its name below build/test/.
compiled() {
  file=${1#test/}
  [ -e "test/$file" ] || say "there is no test/$file"
  printf '%s.js\n' "${file%.ts}"
}
plain='' confined=''
while [ "$#" -gt 0 ]; do
  case $1 in
    unit) plain="$plain unit" ;;
    contract | integration | systemd | stress) confined="$confined $1" ;;
    unit/*.test.ts | test/unit/*.test.ts) plain="$plain $(compiled "$1")" ;;
    *.test.ts) confined="$confined $(compiled "$1")" ;;
    *) break ;;
  esac
  shift
done
[ "${1-}" != -- ] || shift
# What takes longest first: nobody waits for it in the end.
[ -n "$plain$confined" ] || plain=unit confined='stress systemd integration contract'

work='' tmp='' user='' made_parent=''
failed_before=${RNETNS_TEST_FAILED-}
# Tests call this program as well.
unset RNETNS_TEST_FAILED
fail() { printf '%s\n' "$1" >>"$work/counts.failed" && printf '0 1 0\n' >>"$work/counts"; }
list_failed() {
  list=$work/failed.all
  [ -z "$failed_before" ] || cat -- "$failed_before" >"$list"
  if [ -s "$work/counts.failed" ]; then
    sed "s|^npm |${RNETNS_TEST_SH:+RNETNS_TEST_SH=$RNETNS_TEST_SH }&|" "$work/counts.failed" >>"$list"
    [ -z "$failed_before" ] || cat -- "$list" >"$failed_before"
  fi
  [ -s "$list" ] || return 0
  printf '\nfailed; each alone:\n'
  sed 's/^/  /' "$list"
  printf '\n'
}
finish() {
  trap - EXIT
  passed=0 failed=0 skipped=0
  [ -z "$failed_before" ] || failed=$(wc -l <"$failed_before")
  if [ -n "$work" ] && [ -e "$work/counts" ]; then
    while read -r p f s; do
      case $p$f$s in '' | *[!0-9]*) p=0 f=1 s=0 ;; esac
      passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    done <"$work/counts"
  fi
  [ -z "$work" ] || list_failed
  # The work directory is ours alone, and no mount of the host's is below it.
  [ -z "$work" ] || rm -rf -- "$work" "$tmp"
  [ -z "$user" ] || remove_user
  [ -z "$made_parent" ] || rmdir -- "$made_parent" 2>/dev/null || :
  [ "${1-0}" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
  [ "$passed" -gt 0 ] || [ "$failed" -gt 0 ] || say 'no test ran'
  line="$passed passed, $failed failed"
  [ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
  printf '%s\n' "$line"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && exit 0
  exit 1
}

# The user of the tests, told from a real one of that name by its comment. Runs may overlap: each holds a shared lock
# on /run, and the last one, which can have it alone, removes the user.
comment='made for the tests of rnetns'
add_user() {
  user=rnetns-test
  exec 8</run
  flock -s 8
  id -u "$user" >/dev/null 2>&1 || useradd -M -U -s /bin/sh -d /nonexistent -c "$comment" "$user" 2>/dev/null ||
    id -u "$user" >/dev/null
  # useradd gives subordinate ids only where login.defs says so.
  for kind in uid gid; do
    grep -q "^$user:" "/etc/sub$kind" 2>/dev/null && continue
    touch "/etc/sub$kind"
    first=$(awk -F: '$2 + $3 > n { n = $2 + $3 } END { print (n < 100000 ? 100000 : n) }' "/etc/sub$kind")
    usermod "--add-sub${kind}s" "$first-$((first + 65535))" "$user"
  done
}
remove_user() {
  case $(getent passwd "$user") in *":$comment:"*) ;; *) return 0 ;; esac
  ! flock -n -x 8 || userdel "$user" || say "cannot remove the user $user"
}

trap 'finish 1' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# 1. set up and compile. A missing program only skips tests, unless none may be skipped.
sh "$dev/setup.sh" test packages || [ "${RNETNS_TEST_MUST_RUN-}" != 1 ] || finish 1
sh "$dev/setup.sh" none || finish 1
# esbuild takes half a second where tsc takes a minute; tsc checks the types in `npm run check`.
# shellcheck disable=SC2046 # names without blanks
node_modules/.bin/esbuild $(find src test scripts/dev -name '*.ts') --outdir=build --outbase=. --format=esm --platform=node \
  --target=node20 --sourcemap --log-level=warning || finish 1
# Tests that are gone must not run from an earlier build.
(cd build && find test -name '*.js') | while read -r file; do
  [ -e "${file%.js}.ts" ] || rm -f -- "build/$file"
done

host_mounts() { grep -F rnetns /proc/self/mountinfo | sort || :; }
if [ "$(id -u)" -eq 0 ]; then parent=/run; else parent=${XDG_RUNTIME_DIR:-${TMPDIR:-/tmp}}; fi
work=$(mktemp -d -- "$parent/rnetns-test.XXXXXX")
# Commands in a namespace have another /run: what they and a test both know is not there.
tmp=$(mktemp -d -- /tmp/rnetns-test.XXXXXX)
mkdir -m 700 -- "$work/runtime" "$work/home"
: >"$work/counts"
: >"$work/files"
host_mounts >"$work/mounts"

# 2. unit
suite_as_caller() {
  env PATH="$caller_path" HOME="$work/home" TMPDIR="$tmp" XDG_RUNTIME_DIR="$work/runtime" \
    sh "$dev/test-suite.sh" "$suite" "$work/counts" "$@"
}
for suite in $plain; do suite_as_caller "$@"; done

# 3. the others
list_files() {
  [ "${CI-}" != true ] || set -- --forbid-only "$@"
  RNETNS_TEST_FILES="$work/suite" node --enable-source-maps node_modules/mocha/bin/mocha.js --dry-run \
    --reporter build/test/fixtures/files-reporter.js "$@" "build/test/$suite" || {
    say "mocha cannot list the tests of the suite $suite"
    fail "npm test -- $suite # its tests cannot be listed"
    return
  }
  cat -- "$work/suite" >>"$work/files"
}
if [ -z "$confined" ]; then
  :
elif [ "$(id -u)" -eq 0 ]; then
  add_user
  [ -d /run/user ] || { mkdir /run/user && made_parent=/run/user; }
  chmod 755 "$work"
  for suite in $confined; do list_files "$@"; done
  [ ! -s "$work/files" ] || unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    sh "$dev/test-as-user.sh" "$(readlink /proc/self/ns/mnt)" "$work" "$user" "$@" 8<&- || {
    say 'the namespaces for the tests cannot be made, or the run in them broke off'
    fail "npm test --$confined # broke off"
  }
else
  for suite in $confined; do suite_as_caller "$@"; done
fi

# 4. what is left. As root, test-lane.sh has looked where its file ran.
sh "$dev/test-leftovers.sh" mentions "$work/runtime" "$tmp" || fail "npm test --$plain # left something behind"
if host_mounts | grep -vxFf "$work/mounts" >"$work/new-mounts"; then
  say 'left behind on the host:'
  sed 's/^/  mount /' "$work/new-mounts" >&2
  fail "npm test --$plain$confined # left mounts behind on the host"
fi
finish 0
