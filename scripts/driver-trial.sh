#!/bin/sh
# driver-trial.sh - start pasta or slirp4netns for a scratch network namespace
#
# The namespace's file has the path that the real one would have, for AppArmor and SELinux decide by path; it is on a tmpfs
# that only this mount namespace has, and so never in the way of a real one.
#
# Runs in:   a user and mount namespace of its own, the host's network
# Called by: src/doctor/driver-trial.ts, through lifeline.sh and unshare(1)
# Arguments: HOST_MNTNS (mnt:[N] of the caller)  STATE (the state directory)  DRIVER [ARG…]
# Result:    "driver PID-OF-THIS PID-OF-DRIVER" on descriptor 4, then the driver's own: its status, words and descriptors
# Requires:  mount mkdir mkfifo cat readlink unshare nsenter ip; pin.sh
set -eu
# shellcheck source=scripts/programs.sh
. "${0%/*}/programs.sh"
# shellcheck source=scripts/pin.sh
. "${0%/*}/pin.sh"
[ "$(readlink /proc/self/ns/mnt)" != "$1" ] || {
  echo 'driver-trial: refusing to mount in the host mount namespace' >&2
  exit 64
}
state=$2
shift 2
runtime=${state%/*/*}
# Without a session: /tmp/rnetns-UID, which nobody may have made yet.
[ -d "$runtime" ] || mount -t tmpfs -o mode=755 tmpfs "${runtime%/*}"
mkdir -p -- "$runtime"
mount -t tmpfs -o mode=700 tmpfs "$runtime"
mkdir -p -- "$state"
bind() { : >"$state/rootless-netns" && mount --bind -- "/proc/$1/ns/net" "$state/rootless-netns"; }
into_network() { unshare --net -- "$@"; }
# In a subshell, for our descriptor 3 is the driver's.
(with_pin "$state/.pin" bind into_network) 4>&-
nsenter "--net=$state/rootless-netns" -- ip link set lo up
# pasta opens its stdout anew, as /proc/self/fd/1: our caller's socket can't be opened (unix(7)), a FIFO can.
mkfifo -- "$state/stdout"
cat -- "$state/stdout" 3>&- 4>&- &
"$@" >"$state/stdout" 4>&- &
echo "driver $$ $!" >&4
wait "$!"
