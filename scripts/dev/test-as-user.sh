#!/bin/sh
# test-as-user.sh - give an unprivileged user what rnetns needs, run suites as that user, look what is left
#
# The checkout, Node and /dev/net/tun may all be closed to the user, and the tests must not change them:
#   1. mounts shared among themselves, as systemd leaves them, but not with the host
#   2. an empty /tmp, home and runtime directory; /dev/net/tun that anyone may open
#   3. a copy of the checkout that anyone may read; Node's directory, if it can't be reached
#   4. the suites; `systemd` as root, who logs the user in to a systemd of its own
#   5. whatever is left fails the run. The pid namespace ends with this script, and every process in it too
#
# Runs in:   mount and pid namespace of one test run, as its process 1; never in the host's.
# Called by: scripts/dev/test.sh
# Arguments: HOST_MNTNS (mnt:[N])  WORK (directory)  USER  SUITES (a list of names)  [MOCHA_ARG…]
# Environment: CI, RNETNS_TEST_…, RNETNS_STRESS_…, TERM, LANG, NO_COLOR and FORCE_COLOR are passed on; nothing else
# Result:    status 0, whatever the tests say; counts in WORK/counts
# Requires:  mount mknod setpriv cp chmod id env; boot-systemd.sh
set -eu
die() {
  printf 'test-as-user: %s\n' "$1" >&2
  exit "${2-1}"
}
[ "$#" -ge 4 ] || die 'usage: test-as-user.sh HOST_MNTNS WORK USER SUITES [MOCHA_ARG…]' 64
[ "$$" -eq 1 ] || die 'refusing to run outside a pid namespace of its own'
[ "$(readlink /proc/self/ns/mnt)" != "$1" ] || die 'refusing to mount in the host mount namespace'
work=$2 user=$3 suites=$4
shift 4
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
uid=$(id -u "$user") gid=$(id -g "$user")
runtime=/run/user/$uid
umask 022

# 1. mount_namespaces(7): `/` is shared on a host with systemd, and a private one would hide mistakes
mount --make-rshared /

# 3. first, because the checkout may lie in /tmp
mkdir -- "$work/src" "$work/home" "$work/node"
mount -t tmpfs -o mode=755 tmpfs "$work/src"
for entry in "$root"/* "$root"/.mocharc*; do
  case ${entry##*/} in
    '*' | '.mocharc*') ;;
    *) cp -RP -- "$entry" "$work/src/" ;;
  esac
done
chmod -R a+rX,go-w "$work/src"
# setpriv(1) starts its command with root's capabilities still there: only what `env` starts is looked up without them.
as_user() { setpriv --reuid "$uid" --regid "$gid" --init-groups --inh-caps=-all -- env "$@"; }
node=$(command -v node) || die 'node is not in PATH'
# realpath: version managers put a chain of links into PATH
node=$(readlink -f -- "$node")
if ! as_user "$node" --version >/dev/null 2>&1; then
  mount --rbind -- "${node%/bin/*}" "$work/node"
  node=$work/node/bin/node
  as_user "$node" --version >/dev/null || die "$user cannot run $node"
fi

# 2.
mount -t tmpfs -o "mode=700,uid=$uid,gid=$gid" tmpfs "$work/home"
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run/user
mkdir -- "$runtime"
mount -t tmpfs -o "nosuid,nodev,mode=700,uid=$uid,gid=$gid" tmpfs "$runtime"
if [ -e /dev/net/tun ]; then
  mknod -m 666 "$work/src/.tun" c 10 200
  mount --bind -- "$work/src/.tun" /dev/net/tun
fi

# 4. PATH as Debian's users have it: without sbin
environment() {
  printf '%s\n' "HOME=$work/home" "USER=$user" "LOGNAME=$user" SHELL=/bin/sh "XDG_RUNTIME_DIR=$runtime" \
    "PATH=${node%/*}:/usr/local/bin:/usr/bin:/bin"
  env | grep -E '^(CI|TERM|LANG|NO_COLOR|FORCE_COLOR|RNETNS_(TEST|STRESS)_[A-Z0-9_]*)=' || :
}
in_systemd() {
  sh scripts/dev/boot-systemd.sh "$work" env "$@" && return
  # It said why it can't boot one.
  if [ "${RNETNS_TEST_MUST_RUN-}" = 1 ]; then echo '0 1 0'; else echo '0 0 1'; fi >>"$work/counts"
}
cd -- "$work/src"
for suite in $suites; do
  (
    saved_ifs=$IFS
    IFS='
'
    # shellcheck disable=SC2046 # one assignment a line
    set -- $(environment) sh scripts/dev/test-suite.sh "$suite" "$work/counts" "$@"
    IFS=$saved_ifs
    case $suite in
      systemd) in_systemd -i RNETNS_TEST_USER="$user" "$@" ;;
      *) as_user -i "$@" ;;
    esac
  )
done

# 5.
sh scripts/dev/test-leftovers.sh all "$runtime" /tmp || printf '0 1 0\n' >>"$work/counts"
