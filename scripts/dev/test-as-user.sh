#!/bin/sh
# test-as-user.sh - give an unprivileged user what rnetns needs, and run test files as that user, several at a time
#
# The checkout, Node and /dev/net/tun may all be closed to the user, and the tests must not change them; nor must they
# depend on what the machine has:
#   1. a copy of the checkout that anyone may read; Node's directory, if it can't be reached
#   2. /dev/net/tun that anyone may open; an /etc without networks and settings of podman, nerdctl and rnetns, and no
#      rnetns in PATH
#   3. xargs is the queue: each lane takes the next file when its last one is done (test-lane.sh)
#   4. the counts; a lane that broke off is a failure
#
# Most of the time tests wait, so there are more lanes than processors; but many more, and what is timed is late.
#
# Runs in:   mount and pid namespace of one test run, as its process 1; never in the host's.
# Called by: scripts/dev/test.sh
# Arguments: HOST_MNTNS (mnt:[N])  WORK (directory; WORK/files: a list, below build/test)  USER  [MOCHA_ARG…]
# Environment: RNETNS_TEST_LANES=N runs N files at a time; with 1, each test is reported at once. See test-lane.sh
# Result:    status 0, whatever the tests say; counts in WORK/counts
# Requires:  mount mknod unshare setpriv cp chmod id env xargs nproc grep; test-lane.sh
set -eu
die() {
  printf 'test-as-user: %s\n' "$1" >&2
  exit "${2-1}"
}
[ "$#" -ge 3 ] || die 'usage: test-as-user.sh HOST_MNTNS WORK USER [MOCHA_ARG…]' 64
[ "$$" -eq 1 ] || die 'refusing to run outside a pid namespace of its own'
[ "$(readlink /proc/self/ns/mnt)" != "$1" ] || die 'refusing to mount in the host mount namespace'
work=$2 user=$3
shift 3
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
uid=$(id -u "$user") gid=$(id -g "$user")
umask 022

# 1.
mkdir -- "$work/src" "$work/node" "$work/lanes"
mount -t tmpfs -o mode=755 tmpfs "$work/src"
for entry in "$root"/* "$root"/.mocharc*; do
  case ${entry##*/} in
    '*' | '.mocharc*') ;;
    *) cp -RP -- "$entry" "$work/src/" ;;
  esac
done
chmod -R a+rX,go-w "$work/src"
node=$(command -v node) || die 'node is not in PATH'
# realpath: version managers put a chain of links into PATH
node=$(readlink -f -- "$node")
# setpriv(1) starts its command with root's capabilities still there: only what `env` starts is looked up without them.
runs_node() { setpriv --reuid "$uid" --regid "$gid" --init-groups --inh-caps=-all -- env "$node" --version >/dev/null; }
if ! runs_node 2>/dev/null; then
  mount --rbind -- "${node%/bin/*}" "$work/node"
  node=$work/node/bin/node
  runs_node || die "$user cannot run $node"
fi

# 2.
if [ -e /dev/net/tun ]; then
  mknod -m 666 "$work/src/.tun" c 10 200
  mount --bind -- "$work/src/.tun" /dev/net/tun
fi

mkdir -- "$work/etc"
mount -t tmpfs -o mode=755 tmpfs "$work/etc"
cp -a -- /etc/. "$work/etc/"
rm -rf -- "$work/etc/cni" "$work/etc/containers" "$work/etc/netns" "$work/etc/rnetns"
mount --bind -- "$work/etc" /etc
[ ! -d /usr/share/containers ] || mount -t tmpfs -o mode=755,ro tmpfs /usr/share/containers
for installed in "${node%/*}/rnetns" /usr/local/bin/rnetns /usr/bin/rnetns; do
  [ ! -e "$installed" ] || mount --bind -- /dev/null "$installed"
done

# 3.
RNETNS_TEST_LANES=${RNETNS_TEST_LANES:-$(($(nproc) + 1))}
[ "$(wc -l <"$work/files")" -gt 1 ] || RNETNS_TEST_LANES=1
export RNETNS_TEST_LANES
# mocha sees a file, not the terminal that its report comes to.
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then export MOCHA_COLORS=1; fi
cd -- "$work/src"
xargs -P "$RNETNS_TEST_LANES" -I @FILE@ unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
  sh scripts/dev/test-lane.sh "$(readlink /proc/self/ns/mnt)" "$work" "$user" "$node" @FILE@ "$@" <"$work/files" || :

# 4.
note_failed() { printf 'npm test -- test/%s.ts\n' "${1%.js}" >>"$work/counts.failed"; }
while read -r file; do
  lane=$work/lanes/$file
  if [ -e "$lane/done" ]; then
    cat -- "$lane/counts"
    if [ -s "$lane/counts.failed" ]; then
      cat -- "$lane/counts.failed" >>"$work/counts.failed"
    elif grep -qv '^[0-9]* 0 ' "$lane/counts"; then
      note_failed "$file"
    fi
    continue
  fi
  note_failed "$file"
  {
    [ ! -e "$lane/report" ] || cat -- "$lane/report"
    printf 'test: the run of %s broke off\n' "$file"
  } >&2
  echo '0 1 0'
done <"$work/files" >>"$work/counts"
