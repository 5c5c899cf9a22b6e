#!/bin/sh
# test-lane.sh - run one test file as the unprivileged user, in namespaces of its own, and look what is left
#
# The same paths in each lane, and nothing shared but the checkout, the kernel and the host's network:
#   1. mounts shared among themselves, as systemd leaves them, but not with the host
#   2. an empty /tmp, home and runtime directory
#   3. the file, where RNETNS_TEST_SH says so with another shell as /bin/sh; `systemd` as root, who logs the user in to a systemd of its own
#   4. whatever is left fails the file. The pid namespace ends with this script, and every process in it too
#   5. the report, whole: others are running, and want to print theirs
#
# Runs in:   mount and pid namespace of one test file, as its process 1, inside those of test-as-user.sh.
# Called by: scripts/dev/test-as-user.sh
# Arguments: PARENT_MNTNS (mnt:[N])  WORK (directory)  USER  NODE (program)  FILE (below build/test)  [MOCHA_ARG…]
# Environment: CI, RNETNS_TEST_…, RNETNS_STRESS_…, TERM, LANG, MOCHA_COLORS, NO_COLOR and FORCE_COLOR are passed on;
#            nothing else.
#            RNETNS_TEST_LANES=1: nothing else is running, so the report is not kept back
# Result:    status 0, whatever the tests say; lines `PASSED FAILED SKIPPED` in WORK/lanes/FILE/counts, the last one after all
# Requires:  mount setpriv env flock cat; boot-systemd.sh test-suite.sh test-leftovers.sh
set -eu
die() {
  printf 'test-lane: %s\n' "$1" >&2
  exit "${2-1}"
}
[ "$#" -ge 5 ] || die 'usage: test-lane.sh PARENT_MNTNS WORK USER NODE FILE [MOCHA_ARG…]' 64
[ "$$" -eq 1 ] || die 'refusing to run outside a pid namespace of its own'
[ "$(readlink /proc/self/ns/mnt)" != "$1" ] || die 'refusing to mount in the mount namespace of others'
work=$2 user=$3 node=$4 file=$5
shift 5
uid=$(id -u "$user") gid=$(id -g "$user")
runtime=/run/user/$uid
lane=$work/lanes/$file
umask 022
mkdir -p -- "$lane"
: >"$lane/counts"
: >"$lane/counts.failed"
chown "$user" "$lane/counts" "$lane/counts.failed"
[ "${RNETNS_TEST_LANES-}" = 1 ] || exec 9>&1 >"$lane/report" 2>&1

# 1. mount_namespaces(7): `/` is shared on a host with systemd, and a private one would hide mistakes
mount --make-rshared /

# 2.
mount -t tmpfs -o "mode=700,uid=$uid,gid=$gid" tmpfs "$work/home"
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run/user
mkdir -- "$runtime"
mount -t tmpfs -o "nosuid,nodev,mode=700,uid=$uid,gid=$gid" tmpfs "$runtime"

# 3. PATH as Debian's users have it: without sbin
environment() {
  printf '%s\n' "HOME=$work/home" "USER=$user" "LOGNAME=$user" SHELL=/bin/sh "XDG_RUNTIME_DIR=$runtime" \
    "PATH=${node%/*}:/usr/local/bin:/usr/bin:/bin"
  env | grep -E '^(CI|TERM|LANG|MOCHA_COLORS|NO_COLOR|FORCE_COLOR|RNETNS_(TEST|STRESS)_[A-Z0-9_]*)=' || :
}
# setpriv(1) starts its command with root's capabilities still there: only what `env` starts is looked up without them.
as_user() { setpriv --reuid "$uid" --regid "$gid" --init-groups --inh-caps=-all -- env "$@"; }
in_systemd() {
  sh scripts/dev/boot-systemd.sh "$work" env "$@" && return
  # It said why it can't boot one.
  if [ "${RNETNS_TEST_MUST_RUN-}" = 1 ]; then echo '0 1 0'; else echo '0 0 1'; fi >>"$lane/counts"
}
cd -- "$work/src"
# This script's own shell has started already.
sh=$(readlink -f /bin/sh)
[ -z "${RNETNS_TEST_SH-}" ] || mount --bind -- "$RNETNS_TEST_SH" "$sh"
(
  saved_ifs=$IFS
  IFS='
'
  # shellcheck disable=SC2046 # one assignment a line
  set -- $(environment) sh scripts/dev/test-suite.sh "$file" "$lane/counts" "$@"
  IFS=$saved_ifs
  case $file in
    systemd/*) in_systemd -i RNETNS_TEST_USER="$user" "$@" ;;
    *) as_user -i "$@" ;;
  esac
)
[ -z "${RNETNS_TEST_SH-}" ] || umount -- "$sh"

# 4.
sh scripts/dev/test-leftovers.sh all "$runtime" /tmp || printf '0 1 0\n' >>"$lane/counts"
: >"$lane/done"

# 5.
[ "${RNETNS_TEST_LANES-}" = 1 ] || flock -- "$work/lanes" cat -- "$lane/report" >&9
